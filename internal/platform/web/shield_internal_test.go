package web

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/id"
)

// clock is a time that the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) forward(d time.Duration) { c.at = c.at.Add(d) }

func fresh(most int) (*shield, *clock) {
	c := &clock{time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	s := newShield(most, c.now)
	s.least, s.limit = 4, float64(most)
	return s, c
}

func class(name string) int {
	for i, c := range Classes() {
		if c.Name == name {
			return i
		}
	}
	panic(name)
}

var somewhere = netip.MustParseAddr("203.0.113.7")

// fill lets n requests of a class in, each from an address of its own, and
// returns those that got a place.
func fill(s *shield, name string, n int) (in []*pass) {
	for i := range n {
		addr := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		if p, err := s.try(class(name), addr); err == nil {
			in = append(in, p)
		}
	}
	return in
}

func TestWhatMattersLeastIsShedFirst(t *testing.T) {
	t.Parallel()
	s, _ := fresh(100)
	for _, step := range []struct {
		class string
		want  int // places held in all, after as many as can of this class came
	}{{"public", 50}, {"read", 75}, {"stream", 75}, {"sign-in", 90}, {"provider", 90}, {"write", 100}} {
		if fill(s, step.class, 200); s.working != step.want {
			t.Errorf("after %s: %d at work, expected %d", step.class, s.working, step.want)
		}
	}
	if n := len(fill(s, "health", 200)); n != 200 {
		t.Errorf("health was shed: %d of 200 let in", n)
	}
	_, err := s.try(class("write"), somewhere)
	if p := problemOf(t.Context(), err); !errors.Is(err, ErrShed) || p.Status != 503 || p.Code != "overloaded" || p.RetryAfter != 2 {
		t.Errorf("refused with %v", err)
	}
	if s.shed[class("public")] != 150 || s.shed[class("write")] != 191 || s.shed[class("health")] != 0 {
		t.Errorf("counted: %v", s.shed)
	}
}

func TestTheLimitFollowsHowLongAnswersTake(t *testing.T) {
	t.Parallel()
	s, c := fresh(100)
	// Slow and busy: cut by a tenth, once per pause.
	slow := fill(s, "write", 100)
	c.forward(3 * time.Second)
	for _, p := range slow[:40] {
		p.leave()
	}
	if s.limit != 90 {
		t.Errorf("limit %v after one wave of slow answers, not 90", s.limit)
	}
	for range 60 { // more waves, to the floor and no further
		for _, p := range fill(s, "write", 100) {
			c.forward(3 * time.Second)
			p.leave()
		}
	}
	if s.limit != 4 {
		t.Errorf("limit %v, not its floor", s.limit)
	}
	for _, p := range slow[40:] {
		p.leave()
	}
	// Slow but idle says nothing: one request in a node that could do much.
	s.limit = 80
	p, _ := s.try(class("write"), somewhere)
	c.forward(time.Minute)
	p.leave()
	if s.limit != 80 {
		t.Errorf("limit %v after one slow answer on an idle node", s.limit)
	}
	// Fast and busy: one more per limit's worth of answers.
	for range 100 {
		for _, p := range fill(s, "write", 100) {
			c.forward(time.Millisecond)
			p.leave()
		}
	}
	if s.limit <= 90 || s.limit > 100 {
		t.Errorf("limit %v: it doesn't come back, or goes beyond its ceiling", s.limit)
	}
	// Classes that wait for others say nothing.
	was := s.limit
	for _, p := range fill(s, "provider", 100) {
		c.forward(10 * time.Second)
		p.leave()
	}
	if s.limit != was {
		t.Errorf("limit %v: a provider's slowness changed it", s.limit)
	}
}

func TestSlowClientsHoldNoPlaceAndSayNothing(t *testing.T) {
	t.Parallel()
	s, c := fresh(10)
	waiting := fill(s, "write", 10)
	for _, p := range waiting {
		p.pause()
	}
	if s.working != 0 {
		t.Errorf("%d places held by requests whose body is awaited", s.working)
	}
	if n := len(fill(s, "write", 20)); n != 10 {
		t.Errorf("%d others let in, not 10", n)
	}
	c.forward(20 * time.Second)
	for _, p := range waiting {
		p.resume()
	}
	if s.working != 20 {
		t.Errorf("%d at work", s.working)
	}
	for _, p := range waiting {
		p.leave()
		p.leave2(t)
	}
	if s.limit != 10 {
		t.Errorf("limit %v: slow clients made the node look slow", s.limit)
	}
}

// leave2 checks that a request which has ended holds nothing, whatever it does.
func (p *pass) leave2(t *testing.T) {
	t.Helper()
	before := p.s.working
	if p.pause(); p.s.working != before {
		t.Error("gone, and paused")
	}
	if p.resume(); p.s.working != before {
		t.Error("gone, and resumed")
	}
}

func TestNobodyHoldsEverything(t *testing.T) {
	t.Parallel()
	s, _ := fresh(10_000)
	in := func(address string, n int) (got []*pass) {
		for range n {
			if p, err := s.try(class("read"), netip.MustParseAddr(address)); err == nil {
				got = append(got, p)
			} else if !errors.Is(err, ErrAtOnce) {
				t.Fatal(err)
			}
		}
		return got
	}
	all := in("203.0.113.7", 300)
	if len(all) != perAddress {
		t.Errorf("%d of one address", len(all))
	}
	if n := len(in("203.0.113.8", 300)); n != perAddress {
		t.Errorf("a neighbour got %d", n)
	}
	if n := len(in("2001:db8::1", 200)) + len(in("2001:db8::ffff", 200)); n != perAddress {
		t.Errorf("%d of one network of IPv6", n)
	}
	if n := len(in("127.0.0.1", 500)); n != 500 {
		t.Errorf("%d of this machine", n)
	}
	person, taken := access.Actor{User: id.New[id.User]()}, 0
	for _, p := range all {
		if p.of(person) == nil {
			taken++
		}
	}
	if taken != perPerson {
		t.Errorf("%d of one person", taken)
	}
	for _, p := range all {
		p.leave()
	}
	if len(s.people) != 0 || s.addresses[network(netip.MustParseAddr("203.0.113.7"))] != 0 {
		t.Error("something is remembered of those who left")
	}
}

func TestStreamsHoldNoPlaceButAreCounted(t *testing.T) {
	t.Parallel()
	s, _ := fresh(1000)
	var open []*pass
	for {
		p, err := s.try(class("stream"), somewhere)
		if err != nil {
			if !errors.Is(err, ErrAtOnce) {
				t.Fatal(err)
			}
			break
		}
		p.pause()
		p.resume() // a write; it holds nothing all the same
		open = append(open, p)
	}
	if len(open) != streamsAddress || s.working != 0 || s.streams != streamsAddress {
		t.Errorf("%d open, %d counted, %d places", len(open), s.streams, s.working)
	}
	for _, p := range open {
		p.leave()
	}
	if s.streams != 0 || len(s.listeners) != 0 {
		t.Errorf("%d left", s.streams)
	}
}

func TestEachOperationHasItsClass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		op   Op
		want string
	}{
		{Op{Method: "GET", Path: "/api/health/live", Limit: "none"}, "health"},
		{Op{Method: "POST", Path: "/api/auth/login", Limit: "login"}, "sign-in"},
		{Op{Method: "GET", Path: "/api/accounts", Limit: "data"}, "read"},
		{Op{Method: "PATCH", Path: "/api/accounts/{id}", Limit: "write"}, "write"},
		{Op{Method: "POST", Path: "/api/orders", Limit: "trading"}, "write"},
		{Op{Method: "GET", Path: "/api/events", Limit: "stream"}, "stream"},
		{Op{Method: "GET", Path: "/api/app", Limit: "public"}, "public"},
		{Op{Method: "GET", Path: "/api/new", Limit: "unheard-of"}, "read"},
		{Op{Method: "POST", Path: "/api/new", Limit: "unheard-of"}, "write"},
	} {
		if got := Classes()[classOf(c.op)].Name; got != c.want {
			t.Errorf("%s %s is %s, not %s", c.op.Method, c.op.Path, got, c.want)
		}
	}
}

// try is enter for a place of its own.
func (s *shield) try(class int, addr netip.Addr) (*pass, error) {
	p := &pass{}
	if err := s.enter(p, class, addr); err != nil {
		return nil, err
	}
	return p, nil
}
