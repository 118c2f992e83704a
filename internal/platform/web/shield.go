package web

import (
	"io"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
)

// The shield keeps a node from collapsing under more than it can do. It lets so
// many requests be worked on at once as the node has shown to finish in time, and
// refuses the rest before anything is spent on them, what matters least first.
//
// How many that is, it finds by itself (additive increase, multiplicative
// decrease): while answers come within the target of their class the limit grows
// by one per limit's worth of answers; an answer that took longer while the node
// was busy cuts it by a tenth, at most once per pause. Only the server's own work
// counts: while a body is awaited or an answer is being taken, no place is held,
// so slow clients neither fill the node nor make it look slow.
//
// Besides, no address and no person may have more than their share under way.

// Class is how much a kind of operation matters when there is too much to do.
type Class struct {
	Name     string
	Share    float64       // of the limit that may be in use for one more to be let in; 0: always
	Target   time.Duration // for the answer; 0: how long it takes says nothing about us
	Policies []string      // the rate-limit policies whose operations belong to it
	Why      string
}

// Classes returns the table, what is shed first at its end.
func Classes() []Class {
	return []Class{
		{"health", 0, 0, nil, "never shed: what asks would restart a node that is merely busy"},
		{"write", 1, time.Second, []string{"write", "trading", "transfer", "checkout", "webhook"}, "money and what people just typed; providers give up on deliveries"},
		{"provider", 0.9, 0, []string{"connect"}, "waits for others, so its time says nothing"},
		{"sign-in", 0.9, 0, []string{"login", "register", "auth", "refresh", "mail"}, "hashing has a line of its own, which is where it waits"},
		{"read", 0.75, 500 * time.Millisecond, []string{"data"}, "a page can ask again"},
		{"stream", 0.75, 0, []string{"stream"}, "counted while it is opened; clients come back by themselves"},
		{"public", 0.5, 250 * time.Millisecond, []string{"public", "shield", "none"}, "cheap, and for nobody in particular"},
	}
}

const (
	mostPerCore  = 128 // requests worked on at once: the ceiling of the limit,
	leastPerCore = 16  // and its floor
	cut          = 0.9
	cutPause     = 200 * time.Millisecond

	perAddress      = 256    // requests under way of one address (IPv6: /64); this machine's own don't count
	perPerson       = 64     // and of one person
	streamsAddress  = 128    // streams open of one address; of one person, package notify counts
	streamsNode     = 10_000 // and in all
	shedRetry       = 2 * time.Second
	atOnceRetry     = time.Second
	streamsShutWait = 30 * time.Second
)

var (
	// ErrShed is the answer of a node that has too much to do.
	ErrShed = fault.New(fault.Unavailable, "overloaded", "Flint has more to do right now than it can. Try again in a moment.")
	// ErrAtOnce is the answer to those who ask too much at the same time.
	ErrAtOnce = fault.New(fault.TooMany, "too_many_at_once", "Too many of your requests are under way. Wait for some of them.")
)

// classOf returns the index of op's class in Classes. A policy that isn't in the
// table counts as a write if it changes something, else as a read.
func classOf(op Op) int {
	fallback := "write"
	if safe(op.Method) {
		fallback = "read"
	}
	found := 0
	for i, c := range Classes() {
		switch {
		case c.Name == "health" && strings.HasPrefix(op.Path, "/api/health/"):
			return i
		case c.Name == fallback && found == 0:
			found = i
		}
		for _, p := range c.Policies {
			if p == op.Limit {
				found = i
			}
		}
	}
	return found
}

type shield struct {
	now         func() time.Time
	classes     []Class
	least, most float64

	mu        sync.Mutex
	limit     float64
	working   int // requests that hold a place
	lastCut   time.Time
	shed      []uint64 // per class
	addresses map[netip.Prefix]int
	listeners map[netip.Prefix]int // streams per address
	streams   int
	people    map[id.User]int
	atOnce    uint64 // refusals for too much at once
}

func newShield(most int, now func() time.Time) *shield {
	cores := runtime.GOMAXPROCS(0)
	s := &shield{
		now: now, classes: Classes(), most: float64(most), least: float64(leastPerCore * cores),
		addresses: map[netip.Prefix]int{}, listeners: map[netip.Prefix]int{}, people: map[id.User]int{},
	}
	if most <= 0 {
		s.most = float64(mostPerCore * cores)
	}
	s.least = min(s.least, s.most)
	s.limit = max(s.most/2, s.least) // a burst of quick requests is no overload; slow answers cut it soon
	s.shed = make([]uint64, len(s.classes))
	return s
}

// pass is a request's place. The zero place is none, which may be left.
type pass struct {
	s       *shield // nil: it has none
	class   int
	began   time.Time     // of the present stretch of work
	worked  time.Duration // in earlier ones
	holding bool
	gone    bool
	address netip.Prefix
	stream  bool
	person  id.User
}

// enter lets a request in, whose place p is from then on, or says why not.
func (s *shield) enter(p *pass, class int, addr netip.Addr) error {
	c := &s.classes[class]
	*p = pass{class: class, stream: c.Name == "stream"}
	if c.Share > 0 && addr.IsValid() && !addr.IsLoopback() {
		p.address = network(addr)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.Share > 0 && float64(s.working) >= s.limit*c.Share:
		s.shed[class]++
		return fault.After(ErrShed, shedRetry)
	case p.address.IsValid() && (s.addresses[p.address] >= perAddress || p.stream && s.listeners[p.address] >= streamsAddress):
		s.atOnce++
		return fault.After(ErrAtOnce, atOnceRetry)
	case p.stream && s.streams >= streamsNode:
		s.shed[class]++
		return fault.After(ErrShed, streamsShutWait)
	}
	p.s = s
	if c.Share > 0 {
		s.working++
		p.holding = true
	}
	if p.stream {
		s.streams++
		count(s.listeners, p.address, 1)
	} else {
		count(s.addresses, p.address, 1)
	}
	p.began = s.now()
	return nil
}

// of counts the request to who sent it.
func (p *pass) of(actor access.Actor) error {
	if p.s == nil || actor.User.IsZero() {
		return nil
	}
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.people[actor.User] >= perPerson {
		s.atOnce++
		return fault.After(ErrAtOnce, atOnceRetry)
	}
	s.people[actor.User]++
	p.person = actor.User
	return nil
}

// pause gives the place back while the request waits for its client, resume
// takes one again, whether or not there is one: it has been let in.
func (p *pass) pause() {
	if p.s == nil || !p.holding {
		return
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.worked += p.s.now().Sub(p.began)
	p.s.working--
	p.holding = false
}

func (p *pass) resume() {
	if p.s == nil || p.holding || p.gone || p.stream || p.s.classes[p.class].Share == 0 {
		return
	}
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.began = p.s.now()
	p.s.working++
	p.holding = true
}

// leave ends the request and lets the limit learn from how long it took.
func (p *pass) leave() {
	if p.s == nil {
		return
	}
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.stream {
		s.streams--
		count(s.listeners, p.address, -1)
	} else {
		count(s.addresses, p.address, -1)
	}
	if !p.person.IsZero() {
		if s.people[p.person]--; s.people[p.person] <= 0 {
			delete(s.people, p.person)
		}
	}
	p.gone = true
	now := s.now()
	busy := float64(s.working)*2 >= s.limit
	if p.holding {
		p.worked += now.Sub(p.began)
		s.working--
		p.holding = false
	}
	target := s.classes[p.class].Target
	switch {
	case target == 0 || !busy:
	case p.worked <= target:
		s.limit = min(s.limit+1/s.limit, s.most)
	case now.Sub(s.lastCut) >= cutPause:
		s.limit = max(s.limit*cut, s.least)
		s.lastCut = now
	}
}

// count adds n to the address's number, of which only those above 0 are kept.
func count(m map[netip.Prefix]int, address netip.Prefix, n int) {
	if !address.IsValid() {
		return
	}
	if m[address] += n; m[address] <= 0 {
		delete(m, address)
	}
}

// network is the address as it is counted: whoever has one of IPv6 has its /64.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// awaited gives the place back while the client's body is awaited.
type awaited struct {
	io.ReadCloser
	pass *pass
}

func (b *awaited) Read(to []byte) (int, error) {
	b.pass.pause()
	defer b.pass.resume()
	return b.ReadCloser.Read(to)
}

// Load is what the shield has to say, for metrics.
type Load struct {
	Limit   int               // requests that may be worked on at once
	Working int               // that are
	Streams int               // that are open
	Shed    map[string]uint64 // refusals since the start, by class
	AtOnce  uint64            // refusals of those who ask too much at once
}

// Load returns the present state of the shield.
func (s *Server) Load() Load {
	h := s.shield
	h.mu.Lock()
	defer h.mu.Unlock()
	l := Load{Limit: int(h.limit), Working: h.working, Streams: h.streams, Shed: map[string]uint64{}, AtOnce: h.atOnce}
	for i, c := range h.classes {
		l.Shed[c.Name] = h.shed[i]
	}
	return l
}
