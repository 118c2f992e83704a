package risk

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"text/tabwriter"
	"time"

	"flint/internal/access"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/ratelimit"
)

// Controls are what stands between a right password and a session.
type Controls struct {
	Name                          string
	Limits, Breach, Judge, Factor bool
}

// ControlSets are compared by the simulator, each one more than the one before.
func ControlSets() []Controls {
	return []Controls{
		{Name: "none"},
		{Name: "limits", Limits: true},
		{Name: "+ breach check", Limits: true, Breach: true},
		{Name: "+ risk", Limits: true, Breach: true, Judge: true},
		{Name: "+ second factor", Limits: true, Breach: true, Judge: true, Factor: true},
	}
}

// Result is what a set of controls made of the same days.
type Result struct {
	Controls Controls
	Tries    int // of attackers
	Right    int // of them, with the right password
	Taken    int // accounts that an attacker got into
	Seen     int // tries with the right password that were refused or held
	Honest   int // sign-ins of people with the right password
	Held     int // of them, asked for a code from the mailbox
	Blocked  int // of them, refused by package risk
	Limited  int // of them, refused by a limit
}

// Detection is the share of attackers' right passwords that opened nothing.
func (r Result) Detection() float64 { return share(r.Seen, r.Right) }

// HeldShare is the share of honest sign-ins that had to wait for the mailbox.
func (r Result) HeldShare() float64 { return share(r.Held, r.Honest) }

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

// people of the simulator live in these countries, and attackers come from those.
var (
	homes  = []string{"US", "US", "US", "GB", "DE", "FR", "CA", "AU", "JP", "BR"}
	abroad = []string{"VN", "RU", "NG", "BR", "ID", "IN", "US", "NL"}
)

const warmUp = 45 // days before the attacks begin: enough to have habits

// inhabitant is an honest person.
type inhabitant struct {
	id        id.User
	email     string
	kind      string // home, office, traveller, vpn, night
	country   string
	home      netip.Addr
	office    netip.Addr
	away      netip.Addr
	awayFrom  int // day
	devices   []string
	known     map[string]bool
	leaked    bool // their password is on a list
	common    bool // their password is a common one
	factor    bool
	hour      int
	lastPhone int
}

// world is one run: the same people and attacks for each set of controls.
type world struct {
	*rand.Rand
	c       Controls
	engine  *Engine
	atlas   *geo.Atlas
	book    *Memory
	limits  *ratelimit.Limiter
	clock   time.Time
	people  []*inhabitant
	result  Result
	taken   map[id.User]bool
	hosting []netip.Addr
}

// Simulate replays days of honest people and of campaigns against each set of
// controls: stuffing with leaked pairs, spraying of common passwords, and
// guessing one account, and targeted takeovers with the right password, some of
// them with a copied cookie. The judge is the one of the
// product, with its standard settings, and so are the limits; what is made up
// is the people. The same seed gives the same table.
func Simulate(ctx context.Context, atlas *geo.Atlas, seed uint64, days int) ([]Result, error) {
	engine, err := NewEngine(Config{Mode: "on", HoldAt: 40, BlockAt: 130, BlockProvenAt: 160}, atlas, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	var results []Result
	for _, c := range ControlSets() {
		w := &world{
			Rand: rand.New(rand.NewPCG(seed, 1)), c: c, engine: engine, atlas: atlas, book: NewMemory(),
			clock: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), taken: map[id.User]bool{}, result: Result{Controls: c},
		}
		w.limits = ratelimit.New(ratelimit.NewMemory(0, func() time.Time { return w.clock }))
		w.populate(200)
		if err := w.live(ctx, warmUp+days); err != nil {
			return nil, err
		}
		results = append(results, w.result)
	}
	return results, nil
}

// somewhere is a random address in a country.
func (w *world) somewhere(country string) netip.Addr {
	for {
		n := w.Uint32()
		a := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		if p, ok := w.atlas.Place(a); ok && p.Country == country {
			return a
		}
	}
}

const (
	laptop = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_1) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15"
	desk   = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
	phone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile Safari/604.1"
)

func (w *world) populate(n int) {
	offices := map[string]netip.Addr{}
	for i := range n {
		p := &inhabitant{
			id: id.User(uuidOf(uint64(i + 1))), email: fmt.Sprintf("person%d@example.com", i), country: homes[w.IntN(len(homes))],
			kind: "home", hour: 7 + w.IntN(15), known: map[string]bool{}, devices: []string{[]string{laptop, desk}[w.IntN(2)]},
			leaked: w.Float64() < 0.15, common: w.Float64() < 0.03, factor: w.Float64() < 0.4,
		}
		p.home = w.somewhere(p.country)
		switch k := w.IntN(100); {
		case k < 20:
			p.kind = "office"
			if _, ok := offices[p.country]; !ok {
				offices[p.country] = w.somewhere(p.country)
			}
			p.office = offices[p.country]
		case k < 32:
			p.kind, p.awayFrom = "traveller", warmUp+w.IntN(20)
		case k < 40:
			p.kind = "vpn"
		case k < 47:
			p.kind, p.hour = "night", 2
		}
		p.away = w.somewhere(abroad[w.IntN(len(abroad))])
		w.people = append(w.people, p)
	}
	for range 150 {
		w.hosting = append(w.hosting, w.somewhere(abroad[w.IntN(len(abroad))]))
	}
}

// uuidOf makes ids that are the same in every run.
func uuidOf(n uint64) (u [16]byte) {
	for i := range 8 {
		u[15-i] = byte(n >> (8 * i))
	}
	return u
}

// event is something that happens at an hour of a day.
type event struct {
	at time.Time
	do func(context.Context) error
}

func (w *world) live(ctx context.Context, days int) error {
	start := w.clock
	for day := range days {
		var events []event
		at := func(hour float64, do func(context.Context) error) {
			events = append(events, event{start.AddDate(0, 0, day).Add(time.Duration(hour * float64(time.Hour))), do})
		}
		for _, p := range w.people {
			if w.IntN(2) == 0 {
				at(float64(p.hour)+w.Float64()*2, func(ctx context.Context) error { return w.honest(ctx, p, day) })
			}
		}
		if day >= warmUp {
			w.attacks(day, at)
		}
		slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
		for _, e := range events {
			w.clock = e.at
			if err := e.do(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// honest lets p sign in where they are today, with a typing error now and then.
func (w *world) honest(ctx context.Context, p *inhabitant, day int) error {
	from := p.home
	switch {
	case p.kind == "office" && w.IntN(3) > 0:
		from = p.office
	case p.kind == "traveller" && day >= p.awayFrom && day < p.awayFrom+6:
		from = p.away
	case p.kind == "vpn" && w.IntN(2) == 0:
		from = w.hosting[(int(p.id[15])+w.IntN(3))%len(w.hosting)]
	}
	agent := p.devices[w.IntN(len(p.devices))]
	if day-p.lastPhone > 30 && w.IntN(60) == 0 { // another phone, or another browser
		p.lastPhone, agent = day, phone
		p.known[agent] = false
		if !slices.Contains(p.devices, phone) {
			p.devices = append(p.devices, phone)
		}
	}
	for w.IntN(12) == 0 {
		if err := w.try(ctx, p, from, agent, false, false); err != nil {
			return err
		}
		w.clock = w.clock.Add(20 * time.Second)
	}
	return w.try(ctx, p, from, agent, true, false)
}

// hints stands for what p's devices say about themselves.
func (p *inhabitant) hints() []byte { return []byte(p.country) }

// visit is how somebody comes to sign in with the right password.
type visit struct {
	from            netip.Addr
	agent           string
	hints           []byte
	thief, counted  bool
	known, breached bool
}

// limited asks the limits of a sign-in as package identity does.
func (w *world) limited(ctx context.Context, email string, from netip.Addr, known bool) (free bool, undo func(), err error) {
	var undos []func()
	undo = func() {
		for _, u := range undos {
			u()
		}
	}
	if !w.c.Limits {
		return true, undo, nil
	}
	d, err := w.limits.Allow(ctx, "login", access.Actor{}, from)
	if err != nil || !d.Allowed {
		return false, undo, err
	}
	delay, account := email+" from "+from.String(), "login-account"
	if known {
		delay, account = email+" on its device", "login-known"
	}
	for _, l := range []struct{ policy, who string }{{"login-delay", delay}, {account, email}} {
		d, err := w.limits.AllowFor(ctx, l.policy, l.who)
		if err != nil || !d.Allowed {
			return false, undo, err
		}
		if d.Undo != nil {
			undos = append(undos, d.Undo)
		}
	}
	return true, undo, nil
}

// try is one sign-in at p's account.
func (w *world) try(ctx context.Context, p *inhabitant, from netip.Addr, agent string, right, thief bool) error {
	known := !thief && p.known[agent]
	counted := !thief && right && w.clock.After(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).AddDate(0, 0, warmUp))
	// With the check, common passwords can't be chosen, and four in five of those
	// whose password got on a list were told and chose another.
	breached := p.leaked
	if thief && right && w.c.Breach && !w.targeted(p) && (p.common && !p.leaked || p.id[15]%5 > 0) {
		right = false
	}
	if thief {
		w.result.Tries++
		if right {
			w.result.Right++
		}
	}
	if counted {
		w.result.Honest++
	}
	free, undo, err := w.limited(ctx, p.email, from, known)
	if err != nil {
		return err
	}
	switch {
	case !free:
		if thief && right {
			w.result.Seen++
		} else if counted {
			w.result.Limited++
		}
		return nil
	case !right:
		w.book.Fail(p.email, block(from), w.clock)
		return nil
	}
	undo()
	hints := p.hints()
	if !thief && w.IntN(200) == 0 {
		hints = []byte("another language")
	}
	return w.admit(ctx, p, visit{from: from, agent: agent, hints: hints, thief: thief, counted: counted, known: known, breached: breached && w.c.Breach})
}

// targeted says whether the thief of today has p's very password.
func (w *world) targeted(p *inhabitant) bool { return !p.leaked && !p.common }

func (w *world) admit(ctx context.Context, p *inhabitant, v visit) error {
	a := Attempt{
		User: p.id, Email: p.email, Action: Password, Address: v.from, Agent: v.agent, Hints: v.hints, At: w.clock, TimeZone: "UTC",
		Factor: w.c.Factor && p.factor, Breached: v.breached, Earlier: len(w.book.past[p.id]) > 0,
	}
	if v.known {
		a.Device = Standing{Known: true, Agent: v.agent, Hints: p.hints()}
	}
	outcome := Allow
	if w.c.Judge {
		d, _, err := w.engine.judge(ctx, w.book, a, p.email)
		if err != nil {
			return err
		}
		outcome = d.Does()
	}
	if v.thief {
		if outcome != Allow || a.Factor {
			w.result.Seen++
			return nil // no mailbox, no second factor
		}
		if !w.taken[p.id] {
			w.taken[p.id] = true
			w.result.Taken++
		}
		return nil // what a thief does is not to become the owner's habit
	}
	if v.counted {
		switch outcome {
		case VerifyEmail:
			w.result.Held++
		case Block:
			w.result.Blocked++
			return nil
		case Allow, StepUp:
		}
	}
	place, _ := w.atlas.Place(v.from)
	w.book.Begin(p.id, Past{
		At: w.clock, Network: w.engine.network(v.from), Agent: v.agent, Country: place.Country, Latitude: place.Latitude, Longitude: place.Longitude, Reach: place.Reach,
	})
	p.known[v.agent] = true
	return nil
}

// Print writes results as a table.
func Print(out io.Writer, results []Result) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "controls\ttries\tright password\ttaken over\tdetected\thonest\theld\tblocked\tlimited\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f %%\t%d\t%.1f %%\t%.2f %%\t%.2f %%\t\n", r.Controls.Name, r.Tries, r.Right, r.Taken, r.Detection(),
			r.Honest, r.HeldShare(), share(r.Blocked, r.Honest), share(r.Limited, r.Honest))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	return nil
}
