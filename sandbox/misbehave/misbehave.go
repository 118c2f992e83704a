// Package misbehave makes a far end of the sandbox fail on demand, the way
// real ones do: slow answers, rate limits, server errors, dropped connections
// and answers that break off in the middle.
//
// A Desk holds the orders. Each provider's handler is wrapped once:
//
//	handler = desk.Middleware("teller", refuse, handler)
//
// where refuse writes an error in that provider's own shape. An order says
// which paths it meets, how often, and what happens; requests that meet no
// order pass untouched.
package misbehave

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind is a way to fail.
type Kind string

// The kinds of misbehaviour.
const (
	Latency    Kind = "latency"    // wait MS, then answer properly
	Limited    Kind = "429"        // too many requests, with Retry-After when RetryAfter is set
	Broken     Kind = "5xx"        // Status (default 502)
	Disconnect Kind = "disconnect" // close the connection without an answer
	Half       Kind = "half"       // close it after half of the answer
)

// Limits of one order and of the desk.
const (
	maxOrders  = 100
	maxLatency = 5 * time.Minute
	maxCount   = 1_000_000
)

// Order is one wish for trouble.
type Order struct {
	Provider   string `json:"provider"`             // "teller", "snaptrade", "ecb"; empty: all
	Match      string `json:"match,omitempty"`      // path prefix; empty: every path
	Kind       Kind   `json:"kind"`                 //
	Count      int    `json:"count,omitempty"`      // requests left to meet; 0: until cleared
	MS         int    `json:"ms,omitempty"`         // latency: milliseconds
	RetryAfter int    `json:"retryAfter,omitempty"` // 429 and 5xx: seconds; 0: no header
	Status     int    `json:"status,omitempty"`     // 5xx: which
}

// check says in a sentence what is wrong with the order.
func (o *Order) check() error {
	switch o.Kind {
	case Latency:
		if o.MS <= 0 || time.Duration(o.MS)*time.Millisecond > maxLatency {
			return fmt.Errorf("ms is 1 to %d for latency", maxLatency.Milliseconds())
		}
	case Broken:
		if o.Status == 0 {
			o.Status = http.StatusBadGateway
		}
		if o.Status < 500 || o.Status > 599 {
			return fmt.Errorf("status is 500 to 599 for 5xx")
		}
	case Limited, Disconnect, Half:
	default:
		return fmt.Errorf("kind is latency, 429, 5xx, disconnect or half, not %.20q", o.Kind)
	}
	if o.Count < 0 || o.Count > maxCount {
		return fmt.Errorf("count is 0 (until cleared) to %d", maxCount)
	}
	if o.RetryAfter < 0 || o.RetryAfter > 86_400 {
		return fmt.Errorf("retryAfter is 0 to 86400 seconds")
	}
	return nil
}

// Desk takes orders and carries them out. The zero value is ready.
type Desk struct {
	mu     sync.Mutex
	orders []Order
}

// Add takes an order; earlier ones are met first.
func (d *Desk) Add(o Order) error {
	if err := o.check(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.orders) >= maxOrders {
		return fmt.Errorf("there are %d orders already; clear them first", maxOrders)
	}
	d.orders = append(d.orders, o)
	return nil
}

// Clear forgets the orders for a provider, or all of them when it is empty.
func (d *Desk) Clear(provider string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orders = slices.DeleteFunc(d.orders, func(o Order) bool {
		return provider == "" || o.Provider == provider
	})
}

// Orders lists what is still to be met.
func (d *Desk) Orders() []Order {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.orders)
}

// take returns the order that a request meets, and counts it down.
func (d *Desk) take(provider, path string) (Order, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.orders {
		o := &d.orders[i]
		if (o.Provider != "" && o.Provider != provider) || !strings.HasPrefix(path, o.Match) {
			continue
		}
		met := *o
		switch o.Count {
		case 0: // until cleared
		case 1:
			d.orders = slices.Delete(d.orders, i, i+1)
		default:
			o.Count--
		}
		return met, true
	}
	return Order{}, false
}

// Refuse writes an error of the given status in the provider's own shape.
type Refuse func(w http.ResponseWriter, status int)

// Middleware lets the orders for provider happen to the requests of next.
func (d *Desk) Middleware(provider string, refuse Refuse, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, met := d.take(provider, r.URL.Path)
		if !met {
			next.ServeHTTP(w, r)
			return
		}
		switch o.Kind {
		case Latency:
			select {
			case <-time.After(time.Duration(o.MS) * time.Millisecond):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		case Limited, Broken:
			if o.RetryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(o.RetryAfter))
			}
			status := o.Status
			if o.Kind == Limited {
				status = http.StatusTooManyRequests
			}
			refuse(w, status)
		case Disconnect:
			panic(http.ErrAbortHandler) // net/http closes the connection, and logs nothing
		case Half:
			half(w, r, next)
		}
	})
}

// half promises the whole answer of next and breaks off in its middle.
func half(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := &recorder{header: w.Header(), status: http.StatusOK}
	next.ServeHTTP(rec, r)
	body := rec.body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // one more, so that even an empty one is cut
	w.WriteHeader(rec.status)
	_, _ = w.Write(body[:len(body)/2]) // who hangs up first doesn't matter here
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// recorder keeps an answer instead of sending it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
