package risk

import (
	"context"
	"fmt"
	"net/netip"
)

// What attackers do in the simulator.

// attacks plans the campaigns of a day. Whoever has a list tries it once; whoever
// has one password tries it slowly; whoever wants one person takes their time.
func (w *world) attacks(day int, at func(float64, func(context.Context) error)) {
	if day%10 == 3 { // stuffing: many pairs, most of them of strangers or outdated
		for i := range 600 {
			from := w.hosting[w.IntN(len(w.hosting))]
			victim := w.people[w.IntN(len(w.people))]
			stranger := fmt.Sprintf("stranger%d@example.com", w.IntN(100_000))
			at(1+float64(i)/120, func(ctx context.Context) error {
				if i%3 > 0 {
					return w.stranger(ctx, stranger, from)
				}
				return w.try(ctx, victim, from, desk, victim.leaked, true)
			})
		}
	}
	if day%10 == 6 { // spraying: one common password for everybody, from few addresses
		for i, victim := range w.people {
			from := w.hosting[i%12]
			at(8+float64(i)/50, func(ctx context.Context) error { return w.try(ctx, victim, from, desk, victim.common, true) })
		}
	}
	if day%10 == 8 { // guessing: the thousand likeliest passwords of a few people
		for range 3 {
			victim, hit := w.people[w.IntN(len(w.people))], 100+w.IntN(900)
			for i := range 1000 {
				from := w.hosting[i%40]
				at(12+float64(i)/125, func(ctx context.Context) error { return w.try(ctx, victim, from, desk, i == hit, true) })
			}
		}
	}
	for range 2 { // takeover: the right password, from abroad, from the same country, or from next door
		victim := w.people[w.IntN(len(w.people))]
		from := w.somewhere(abroad[w.IntN(len(abroad))])
		switch w.IntN(6) {
		case 0, 1:
			from = w.somewhere(victim.country)
		case 2:
			from = victim.home
		}
		agent := []string{desk, laptop, phone}[w.IntN(3)]
		at(w.Float64()*23, func(ctx context.Context) error { return w.try(ctx, victim, from, agent, true, true) })
	}
	// A thief who has the cookie of a known device as well, from malware or a page in
	// between, and says to be the same browser; every other day.
	if victim := w.people[w.IntN(len(w.people))]; day%2 == 0 {
		from := w.somewhere(abroad[w.IntN(len(abroad))])
		if w.IntN(4) == 0 {
			from = w.somewhere(victim.country)
		}
		like := w.IntN(3) == 0 // takes the languages over, too
		at(w.Float64()*23, func(ctx context.Context) error { return w.copied(ctx, victim, from, like) })
	}
}

// copied is a sign-in with the right password and the cookie of a device of p's.
func (w *world) copied(ctx context.Context, p *inhabitant, from netip.Addr, like bool) error {
	w.result.Tries++
	w.result.Right++
	free, undo, err := w.limited(ctx, p.email, from, true)
	if err != nil {
		return err
	}
	if !free {
		w.result.Seen++
		return nil
	}
	undo()
	hints := p.hints()
	if !like {
		hints = []byte("another's")
	}
	return w.admit(ctx, p, visit{from: from, agent: p.devices[0], hints: hints, thief: true, known: p.known[p.devices[0]], breached: p.leaked && w.c.Breach})
}

// stranger is a wrong password for an account that doesn't exist.
func (w *world) stranger(ctx context.Context, email string, from netip.Addr) error {
	w.result.Tries++
	free, _, err := w.limited(ctx, email, from, false)
	if err == nil && free {
		w.book.Fail(email, block(from), w.clock)
	}
	return err
}
