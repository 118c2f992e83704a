package teller

import (
	"time"

	"github.com/shopspring/decimal"
)

// Truth is what the sandbox knows about an enrollment; tests compare with it.
type Truth struct {
	ID          string         `json:"id"`
	User        string         `json:"userId"`
	Environment string         `json:"environment"`
	Institution institutionRef `json:"institution"`
	Username    string         `json:"username"`
	Health      string         `json:"health"` // healthy, or disconnected[.reason]
	CreatedAt   time.Time      `json:"createdAt"`
	Accounts    []AccountTruth `json:"accounts"`
}

// AccountTruth is what an account holds, with Teller's signs. Opening plus
// PostedSum is Ledger; Ledger plus PendingSum is Available.
type AccountTruth struct {
	ID         string `json:"id"`
	Key        string `json:"key"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Subtype    string `json:"subtype"`
	LastFour   string `json:"lastFour"`
	Status     string `json:"status"`
	Currency   string `json:"currency"`
	Opening    string `json:"opening"`
	Ledger     string `json:"ledger"`
	Available  string `json:"available"`
	Posted     int    `json:"posted"`
	Pending    int    `json:"pending"`
	PostedSum  string `json:"postedSum"`
	PendingSum string `json:"pendingSum"`
	// PendingRows are the pending transactions, the newest first.
	PendingRows []PendingRow `json:"pendingRows"`
}

// PendingRow names a pending transaction.
type PendingRow struct {
	ID          string `json:"id"`
	Date        string `json:"date"`
	Amount      string `json:"amount"`
	Description string `json:"description"`
}

// Enrollments tells the truth about all that weren't deleted, oldest first.
func (a *API) Enrollments() []Truth {
	var live []enrollment
	a.book.Read(func(b *book) {
		for _, e := range b.live() {
			live = append(live, e.copy())
		}
	})
	out := make([]Truth, 0, len(live))
	for _, e := range live {
		out = append(out, a.truth(&e))
	}
	return out
}

func (a *API) truth(e *enrollment) Truth {
	t := Truth{
		ID: e.ID, User: e.User, Environment: e.Environment, Username: e.Username, CreatedAt: e.Created,
		Institution: a.handOver(e, "").Enrollment.Institution, Health: orDefault(e.Health, "healthy"), Accounts: []AccountTruth{},
	}
	for _, acc := range a.shared(e) {
		v := a.look(e, acc, a.cfg.Clock.Today())
		at := AccountTruth{
			ID: v.ID, Key: acc.Key, Name: acc.Name, Type: acc.Type, Subtype: acc.Subtype, LastFour: acc.LastFour, Status: "open", Currency: "USD",
			Opening: acc.Opening.StringFixed(2), Ledger: v.Ledger.StringFixed(2), Available: v.Available.StringFixed(2),
			Posted: v.Posted, Pending: v.Pending, PendingRows: []PendingRow{},
		}
		if acc.Closed {
			at.Status = "closed"
		}
		posted, pending := decimal.Zero, decimal.Zero
		for _, r := range v.Rows {
			if !r.Pending {
				posted = posted.Add(r.Amount)
				continue
			}
			pending = pending.Add(r.Amount)
			at.PendingRows = append(at.PendingRows, PendingRow{r.ID, r.Date.String(), r.Amount.StringFixed(2), r.Description})
		}
		at.PostedSum, at.PendingSum = posted.StringFixed(2), pending.StringFixed(2)
		t.Accounts = append(t.Accounts, at)
	}
	return t
}
