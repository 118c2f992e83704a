package access

import "time"

// Status is how a subscription stands.
type Status string

// The statuses. Whatever isn't known is worth nothing.
const (
	Granted   Status = ""          // nobody pays: an operator gave the tier
	Active    Status = "active"    // paid
	PastDue   Status = "past_due"  // the last payment failed
	Cancelled Status = "cancelled" // runs out
)

// Subscription is what somebody bought. It is the one place that turns what was
// bought into the tier that counts; billing will fill in Status and PaidUntil.
// Until then every tier is Granted.
type Subscription struct {
	Tier      Tier
	Status    Status
	PaidUntil time.Time // the end of the time that has been paid for
}

// Effective returns the tier that counts at now. Who is past due, or has
// cancelled, keeps what is paid for until it runs out.
func (s Subscription) Effective(now time.Time) Tier {
	switch s.Status {
	case Granted, Active:
		return s.Tier
	case PastDue, Cancelled:
		if now.Before(s.PaidUntil) {
			return s.Tier
		}
	}
	return Free
}
