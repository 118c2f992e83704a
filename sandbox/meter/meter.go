// Package meter counts the requests that each far end of the sandbox gets, so
// that a test can prove what was called and, more often, what was not.
package meter

import (
	"net/http"
	"sync"
)

// most is how many different lines are kept; what comes after is counted
// under "other".
const most = 5000

// Meter counts. The zero value is ready.
type Meter struct {
	mu     sync.Mutex
	counts map[string]map[string]int // provider → "GET /path" → times
}

// Count counts each request of next under provider, before it is answered.
func (m *Meter) Count(provider string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.add(provider, r.Method+" "+r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

func (m *Meter) add(provider, line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]map[string]int{}
	}
	lines := m.counts[provider]
	if lines == nil {
		lines = map[string]int{}
		m.counts[provider] = lines
	}
	if _, known := lines[line]; !known && len(lines) >= most {
		line = "other"
	}
	lines[line]++
}

// Reading is what a meter shows.
type Reading struct {
	Total    int                       `json:"total"`
	Provider map[string]int            `json:"providers"`
	Paths    map[string]map[string]int `json:"paths"` // provider → "GET /path" → times
}

// Read returns the counts so far.
func (m *Meter) Read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Reading{Provider: map[string]int{}, Paths: map[string]map[string]int{}}
	for provider, lines := range m.counts {
		out.Paths[provider] = make(map[string]int, len(lines))
		for line, n := range lines {
			out.Paths[provider][line] = n
			out.Provider[provider] += n
			out.Total += n
		}
	}
	return out
}

// Reset begins at nought.
func (m *Meter) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts = nil
}
