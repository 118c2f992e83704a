package risk

import (
	"context"
	"time"

	"flint/internal/id"
)

// Memory is a Book for one process: of the simulator, and of tests.
type Memory struct {
	past   map[id.User][]Past
	failed []failure
}

type failure struct {
	at               time.Time
	account, network string
}

// NewMemory returns an empty book.
func NewMemory() *Memory { return &Memory{past: map[id.User][]Past{}} }

// Fail notes a wrong password. Failures come in the order of time.
func (m *Memory) Fail(account, network string, at time.Time) {
	for len(m.failed) > 0 && at.Sub(m.failed[0].at) > 24*time.Hour {
		m.failed = m.failed[1:]
	}
	m.failed = append(m.failed, failure{at, account, network})
}

// Begin notes a sign-in that became a session.
func (m *Memory) Begin(user id.User, p Past) { m.past[user] = append([]Past{p}, m.past[user]...) }

// Past implements Book.
func (m *Memory) Past(_ context.Context, user id.User, since time.Time) ([]Past, error) {
	var some []Past
	for _, p := range m.past[user] {
		if p.At.Before(since) || len(some) == mostPast {
			break
		}
		some = append(some, p)
	}
	return some, nil
}

// Failed implements Book.
func (m *Memory) Failed(_ context.Context, account, network string, at time.Time) (Failures, error) {
	var f Failures
	of, every := map[string]bool{}, map[string]bool{}
	for i := len(m.failed) - 1; i >= 0; i-- {
		each, age := m.failed[i], at.Sub(m.failed[i].at)
		if age > 24*time.Hour {
			break
		}
		if each.account == account {
			f.AccountDay++
			if age <= time.Hour {
				f.AccountHour++
			}
		}
		if network != "" && each.network == network && age <= time.Hour {
			f.NetworkHour++
			of[each.account] = true
		}
		if age <= 10*time.Minute {
			every[each.account] = true
		}
	}
	f.NetworkAccounts, f.EveryAccounts = len(of), min(len(every), mostAccounts)
	return f, nil
}
