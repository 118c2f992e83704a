package ingest_test

import (
	"strings"
	"testing"
	"time"

	"flint/internal/activity"
	"flint/internal/id"
	"flint/internal/ingest"
	"flint/internal/money"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// rec reads "id status date amount description"; a status of "posted<p1" links
// to the pending record p1.
func rec(line string) activity.Record {
	f := strings.SplitN(line, " ", 5)
	r := activity.Record{ID: f[0], Date: day(f[2]), Amount: money.MustParse(f[3]), Currency: "USD"}
	r.Description, r.Merchant = f[4], strings.ToLower(strings.SplitN(f[4], " ", 2)[0])
	status, link, _ := strings.Cut(f[1], "<")
	r.Status, r.PendingOf = activity.Status(status), link
	return r
}

// ledger is an account that reconciles window after window in memory.
type ledger struct {
	t      *testing.T
	mirror []activity.Mirrored
	rows   []activity.Row
	today  time.Time
}

func (l *ledger) sync(lines ...string) ingest.Outcome {
	l.t.Helper()
	in := ingest.Input{
		Window: ingest.Window{Complete: true}, Mirror: l.mirror, Rows: l.rows, Today: l.today,
		NewID: id.New[id.Transaction],
	}
	for _, line := range lines {
		in.Fetched = append(in.Fetched, rec(line))
	}
	out := ingest.Reconcile(in)
	for _, m := range out.Mirror {
		l.mirror = replace(l.mirror, m, func(a, b activity.Mirrored) bool { return a.Key == b.Key })
	}
	for _, r := range out.Rows {
		l.rows = replace(l.rows, r, func(a, b activity.Row) bool { return a.ID == b.ID })
	}
	return out
}

func replace[T any](list []T, x T, same func(a, b T) bool) []T {
	for i := range list {
		if same(list[i], x) {
			list[i] = x
			return list
		}
	}
	return append(list, x)
}

// shown lists what people see as "status date amount description", in order.
func (l *ledger) shown() string {
	var lines []string
	for _, r := range l.rows {
		if r.Visible() {
			lines = append(lines, string(r.Status)+" "+r.Date.Format("01-02")+" "+r.Amount.String()+" "+r.Description)
		}
	}
	return strings.Join(lines, "\n")
}

func (l *ledger) wants(lines ...string) {
	l.t.Helper()
	if got, want := l.shown(), strings.Join(lines, "\n"); got != want {
		l.t.Errorf("shown\n%s\nwant\n%s", got, want)
	}
}

func newLedger(t *testing.T) *ledger {
	t.Parallel()
	return &ledger{t: t, today: day("2026-03-20")}
}

// sync.md, thread 1: the pending row stayed beside the posted one.
func TestPendingThenPostedUnderANewIDIsOneRow(t *testing.T) {
	l := newLedger(t)
	l.sync("p1 pending 2026-03-14 -18.42 SQ *CORNER BAKERY")
	first := l.rows[0].ID
	out := l.sync("t9 posted 2026-03-16 -18.42 CORNER BAKERY")
	l.wants("posted 03-16 -18.42 CORNER BAKERY")
	if l.rows[0].ID != first || out.Superseded != 1 || out.Added != 0 {
		t.Errorf("superseded %d, added %d; the row must live on", out.Superseded, out.Added)
	}
}

func TestTheProvidersLinkBeatsEverythingButTheID(t *testing.T) {
	l := newLedger(t)
	l.sync("p1 pending 2026-03-14 -50 BISTRO", "p2 pending 2026-03-14 -62 GARAGE")
	bistro := l.rows[0].ID
	l.sync("t1 posted<p1 2026-03-15 -62 BISTRO", "p2 pending 2026-03-14 -62 GARAGE")
	l.wants("posted 03-15 -62 BISTRO", "pending 03-14 -62 GARAGE")
	if l.rows[0].ID != bistro {
		t.Error("the link was not followed")
	}
}

func TestALinkedPendingRecordThatIsStillListedIsNotCounted(t *testing.T) {
	l := newLedger(t)
	l.sync("t1 posted<p1 2026-03-15 -62 BISTRO", "p1 pending 2026-03-14 -50 BISTRO")
	l.wants("posted 03-15 -62 BISTRO")
	l.sync("t1 posted<p1 2026-03-15 -62 BISTRO", "p1 pending 2026-03-14 -50 BISTRO")
	l.wants("posted 03-15 -62 BISTRO")
	l.sync("t1 posted<p1 2026-03-15 -62 BISTRO")
	l.wants("posted 03-15 -62 BISTRO")
}

// Thread 2: a tip. The pending row goes, the posted one says what it may settle.
func TestATipIsASuggestion(t *testing.T) {
	for _, c := range []struct {
		name, pending, posted string
		suggested             bool
	}{
		{"20 % more at the same merchant", "p1 pending 2026-03-14 -50 BISTRO A", "t1 posted 2026-03-15 -60 BISTRO B", true},
		{"exactly 30 %", "p1 pending 2026-03-14 -50 BISTRO", "t1 posted 2026-03-15 -65 BISTRO", true},
		{"more than 30 %", "p1 pending 2026-03-14 -50 BISTRO", "t1 posted 2026-03-15 -65.01 BISTRO", false},
		{"less", "p1 pending 2026-03-14 -50 BISTRO", "t1 posted 2026-03-15 -49 BISTRO", false},
		{"another merchant", "p1 pending 2026-03-14 -50 BISTRO", "t1 posted 2026-03-15 -60 GARAGE", false},
		{"too late", "p1 pending 2026-03-10 -50 BISTRO", "t1 posted 2026-03-19 -60 BISTRO", false},
		{"a refund", "p1 pending 2026-03-14 -50 BISTRO", "t1 posted 2026-03-15 60 BISTRO", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger(t)
			l.sync(c.pending, "x posted 2026-03-01 -1 OTHER")
			pending := l.rows[1].ID // posted rows come first
			l.sync(c.posted, "x posted 2026-03-01 -1 OTHER")
			made := l.rows[2]
			if got := made.MaybeDupOf == pending; got != c.suggested {
				t.Errorf("suggested %v, want %v", got, c.suggested)
			}
			if l.rows[1].Visible() || !made.Visible() {
				t.Error("the bank lists one record; people must see one")
			}
		})
	}
	t.Run("two candidates are none", func(t *testing.T) {
		l := newLedger(t)
		l.sync("p1 pending 2026-03-14 -50 BISTRO", "p2 pending 2026-03-14 -52 BISTRO")
		l.sync("t1 posted 2026-03-15 -60 BISTRO")
		for _, r := range l.rows {
			if !r.MaybeDupOf.IsZero() {
				t.Error("a guess was made between two")
			}
		}
	})
}

// Thread 10: the bank renumbered its ids within a day.
func TestRenumberedIDsDoNotOverwriteOtherRows(t *testing.T) {
	l := newLedger(t)
	l.sync("a posted 2026-03-10 -5 COFFEE", "b posted 2026-03-11 -1200 RENT", "c posted 2026-03-12 -30 BOOKS")
	l.rows[1].Locked, l.rows[1].Category = []string{activity.FieldCategory}, "home"
	out := l.sync("b posted 2026-03-10 -5 COFFEE", "c posted 2026-03-11 -1200 RENT", "d posted 2026-03-12 -30 BOOKS")
	l.wants("posted 03-10 -5 COFFEE", "posted 03-11 -1200 RENT", "posted 03-12 -30 BOOKS")
	if out.Added != 0 || out.Reused != 2 || l.rows[1].Category != "home" {
		t.Errorf("added %d, reused %d, category %q", out.Added, out.Reused, l.rows[1].Category)
	}
	for range 3 {
		if again := l.sync("b posted 2026-03-10 -5 COFFEE", "c posted 2026-03-11 -1200 RENT", "d posted 2026-03-12 -30 BOOKS"); len(again.Rows) != 0 {
			t.Errorf("the same again changed %d rows", len(again.Rows))
		}
	}
	l.wants("posted 03-10 -5 COFFEE", "posted 03-11 -1200 RENT", "posted 03-12 -30 BOOKS")
}

// Anchor defect 3: an amount changed in place and nothing moved.
func TestAChangeInPlaceArrives(t *testing.T) {
	l := newLedger(t)
	l.sync("t1 posted 2026-03-10 -100 HOTEL PARIS")
	out := l.sync("t1 posted 2026-03-10 -103.17 HOTEL PARIS")
	l.wants("posted 03-10 -103.17 HOTEL PARIS")
	if out.Updated != 1 {
		t.Errorf("updated %d", out.Updated)
	}
}

func TestPostedRowsNeedTwoAbsencesPendingOnes(t *testing.T) {
	l := newLedger(t)
	l.sync("a posted 2026-03-10 -5 COFFEE", "p pending 2026-03-11 -9 LUNCH", "z posted 2026-03-01 -1 KEEP")
	l.sync("z posted 2026-03-01 -1 KEEP")
	l.wants("posted 03-01 -1 KEEP", "posted 03-10 -5 COFFEE")
	l.sync("z posted 2026-03-01 -1 KEEP")
	l.wants("posted 03-01 -1 KEEP")
	// Thread 24: and it comes back when the bank lists it again.
	l.sync("z posted 2026-03-01 -1 KEEP", "a posted 2026-03-10 -5 COFFEE")
	l.wants("posted 03-01 -1 KEEP", "posted 03-10 -5 COFFEE")
}

func TestAnEmptyAnswerRemovesNothing(t *testing.T) {
	l := newLedger(t)
	l.sync("a posted 2026-03-10 -5 COFFEE", "p pending 2026-03-11 -9 LUNCH")
	for range 3 {
		l.sync()
	}
	l.wants("posted 03-10 -5 COFFEE", "pending 03-11 -9 LUNCH")
}

func TestADepositThatVanishesWhileItClearsComesBackAsTheSameRow(t *testing.T) {
	l := newLedger(t)
	l.sync("p pending 2026-03-11 2500 PAYROLL", "z posted 2026-03-01 -1 KEEP")
	row := l.rows[1].ID
	l.sync("z posted 2026-03-01 -1 KEEP")
	l.wants("posted 03-01 -1 KEEP")
	l.sync("z posted 2026-03-01 -1 KEEP", "t posted 2026-03-13 2500 PAYROLL")
	l.wants("posted 03-01 -1 KEEP", "posted 03-13 2500 PAYROLL")
	if l.rows[1].ID != row {
		t.Error("it is another row now")
	}
}

// Thread 25: deleted rows came back.
func TestWhatAPersonDeletedStaysDeleted(t *testing.T) {
	l := newLedger(t)
	l.sync("p pending 2026-03-11 -9 LUNCH", "z posted 2026-03-01 -1 KEEP")
	l.rows[1].DeletedBy = activity.ByPerson
	l.sync("p pending 2026-03-11 -9 LUNCH", "z posted 2026-03-01 -1 KEEP")
	l.sync("t posted 2026-03-12 -9 LUNCH", "z posted 2026-03-01 -1 KEEP")
	l.sync("z posted 2026-03-01 -1 KEEP")
	l.sync("z posted 2026-03-01 -1 KEEP")
	l.sync("t posted 2026-03-12 -9 LUNCH", "z posted 2026-03-01 -1 KEEP")
	l.wants("posted 03-01 -1 KEEP")
}

func TestLockedFieldsKeepWhatThePersonWrote(t *testing.T) {
	l := newLedger(t)
	l.sync("p pending 2026-03-11 -9 LUNCH")
	l.rows[0].Merchant, l.rows[0].Locked = "Luigi's", []string{activity.FieldMerchant}
	l.sync("t posted 2026-03-12 -9 LUNCH")
	if r := l.rows[0]; r.Merchant != "Luigi's" || r.Status != activity.Posted {
		t.Errorf("merchant %q, %s", r.Merchant, r.Status)
	}
}

// Threads 6 and 7: an imported statement and a connection told the same story twice.
func TestAnImportedRowIsClaimedOnce(t *testing.T) {
	l := newLedger(t)
	imported := func(date, amount string) activity.Row {
		return activity.Row{ID: id.New[id.Transaction](), Source: activity.FromImport, Status: activity.Posted,
			Amount: money.MustParse(amount), Currency: "USD", Date: day(date), Details: activity.Details{Description: "statement"}}
	}
	l.rows = []activity.Row{imported("2026-03-10", "-5"), imported("2026-03-10", "-5"), imported("2026-03-11", "-5")}
	l.sync("a posted 2026-03-10 -5 COFFEE", "b posted 2026-03-12 -5 COFFEE")
	l.wants("posted 03-10 -5 COFFEE", "posted 03-10 -5 statement", "posted 03-11 -5 statement", "posted 03-12 -5 COFFEE")
	// When the bank withdraws it, the statement still says it.
	l.sync("b posted 2026-03-12 -5 COFFEE")
	l.sync("b posted 2026-03-12 -5 COFFEE")
	if !l.rows[0].Visible() || l.rows[0].Key() != "" {
		t.Error("the imported row went with the bank's")
	}
}

// Threads 22 and 23: two genuine equal trades collapsed into one.
func TestTwoEqualPaymentsAreTwo(t *testing.T) {
	l := newLedger(t)
	l.sync("a posted 2026-03-10 -5 COFFEE", "b posted 2026-03-10 -5 COFFEE", "p pending 2026-03-11 -5 COFFEE", "q pending 2026-03-11 -5 COFFEE")
	l.sync("a posted 2026-03-10 -5 COFFEE", "b posted 2026-03-10 -5 COFFEE", "c posted 2026-03-12 -5 COFFEE", "q pending 2026-03-11 -5 COFFEE")
	l.wants("posted 03-10 -5 COFFEE", "posted 03-10 -5 COFFEE", "posted 03-12 -5 COFFEE", "pending 03-11 -5 COFFEE")
}

// Thread 3: a page that shifted listed a record twice, and the pending copy won.
func TestARecordListedTwiceCountsOnceAndPostedWins(t *testing.T) {
	l := newLedger(t)
	l.sync("a posted 2026-03-10 -5 COFFEE", "a pending 2026-03-10 -5 COFFEE", "b posted 2026-03-09 -7 CAKE", "b posted 2026-03-09 -7 CAKE")
	l.wants("posted 03-09 -7 CAKE", "posted 03-10 -5 COFFEE")
}

// Threads 4 and 24: pending rows that nobody settles don't stay for ever.
func TestPendingRowsExpireAfterFourteenDays(t *testing.T) {
	l := newLedger(t)
	l.sync("p pending 2026-03-06 -9 DECLINED CARD", "z posted 2026-03-06 -1 KEEP")
	l.wants("posted 03-06 -1 KEEP", "pending 03-06 -9 DECLINED CARD")
	l.today = day("2026-03-21")
	l.sync("p pending 2026-03-06 -9 DECLINED CARD", "z posted 2026-03-06 -1 KEEP")
	l.wants("posted 03-06 -1 KEEP")
	l.sync("p posted 2026-03-06 -9 DECLINED CARD", "z posted 2026-03-06 -1 KEEP") // late, but settled
	l.wants("posted 03-06 -1 KEEP", "posted 03-06 -9 DECLINED CARD")
}

func TestOutsideTheWindowNothingIsRemoved(t *testing.T) {
	l := newLedger(t)
	l.sync("old posted 2026-01-10 -5 COFFEE", "new posted 2026-03-10 -6 COFFEE")
	for range 3 {
		ingest.Reconcile(ingest.Input{}) // an empty account is fine
		out := ingest.Reconcile(ingest.Input{
			Window: ingest.Window{From: day("2026-03-01"), Complete: true}, Today: l.today, NewID: id.New[id.Transaction],
			Fetched: []activity.Record{rec("new posted 2026-03-10 -6 COFFEE")}, Mirror: l.mirror, Rows: l.rows,
		})
		if len(out.Mirror)+len(out.Rows) != 0 {
			t.Fatalf("changed %d records and %d rows", len(out.Mirror), len(out.Rows))
		}
	}
}
