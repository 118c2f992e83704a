package identity_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

// samples is how many requests are timed for each class of address.
const samples = 1000

// TestTimeTellsNoStrangerWhoHasAnAccount times sign-ins and requests for a reset
// over real HTTP, for addresses that are known, unknown and banned, in random
// order, and asks a Kolmogorov-Smirnov test whether the times could come from
// one distribution. Hashes are cheap here, so that a difference of some
// microseconds isn't buried under the 20 milliseconds of a real one.
//
// Chance alone fails one comparison in a thousand; three in a row mean it.
func TestTimeTellsNoStrangerWhoHasAnAccount(t *testing.T) { //nolint:paralleltest // others would take time from it
	if testing.Short() {
		t.Skip("takes thousands of requests")
	}
	h := setup(t)
	phc, err := h.Lighten()
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.Exec(t.Context(), h.pool, `
		insert into users (id, email, first_name, password_hash, tier, created_at, updated_at, email_verified_at, banned_at)
		select gen_random_uuid(), c || n || '@example.com', 'Ana', @hash, 'free', now(), now(), now(), case when c = 'banned' then now() end
		from generate_series(1, @samples::int) n, unnest(array['known', 'banned']) c`,
		postgres.Args{"hash": phc, "samples": samples}); err != nil {
		t.Fatal(err)
	}
	classes := []string{"strange", "known", "banned"}
	for what, of := range map[string]func(email string) webtest.Scenario{
		"sign-in": func(email string) webtest.Scenario {
			return webtest.Scenario{Path: "/api/auth/login", Body: map[string]string{"email": email, "password": "not what it was"}, Status: 401}
		},
		"reset":        askReset,
		"registration": registration,
	} {
		for _, class := range classes {
			h.web.Check(t, of(class+"warm@example.com"))
		}
		doubts := map[string]int{}
		for round := range 3 {
			times := h.times(t, fmt.Sprintf("-%s-%d", what[:3], round), classes, of)
			for _, class := range classes[1:] {
				p := same(times[classes[0]], times[class])
				t.Logf("%s: median %v for %s, %v for %s; p = %.3f", what, median(times[classes[0]]), classes[0], median(times[class]), class, p)
				if p < 0.001 {
					doubts[class]++
				} else {
					doubts[class] = -3
				}
			}
			if doubts["known"] < 0 && doubts["banned"] < 0 {
				break
			}
		}
		for class, n := range doubts {
			if n == 3 {
				t.Errorf("%s: the time tells strangers from %s ones", what, class)
			}
		}
	}
}

// times asks for each address of each class once, in random order.
func (h *house) times(t *testing.T, round string, classes []string, of func(email string) webtest.Scenario) map[string][]time.Duration {
	t.Helper()
	h.pass(48 * time.Hour) // no limit remembers the last time
	var order []string
	for _, class := range classes {
		for range samples {
			order = append(order, class)
		}
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	times := map[string][]time.Duration{}
	for _, class := range order {
		email := fmt.Sprintf("%s%d@example.com", class, len(times[class])+1)
		if class == "strange" { // who registered in the last round isn't, any more
			email = fmt.Sprintf("%s%d%s@example.com", class, len(times[class])+1, round)
		}
		s := of(email)
		start := time.Now()
		a := h.web.Do(t, s)
		times[class] = append(times[class], time.Since(start))
		if a.Status != s.Status {
			t.Fatalf("%s: %d %s", class, a.Status, a.Body)
		}
	}
	return times
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2].Round(time.Microsecond)
}

// same returns the probability that two samples of one distribution differ as
// much as a and b do, by the test of Kolmogorov and Smirnov.
func same(a, b []time.Duration) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	most := 0.0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if a[i] <= b[j] {
			i++
		} else {
			j++
		}
		most = max(most, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n := math.Sqrt(float64(len(a)*len(b)) / float64(len(a)+len(b)))
	lambda := (n + 0.12 + 0.11/n) * most
	p := 0.0
	for k := 1.0; k <= 100; k++ {
		p += 2 * math.Pow(-1, k-1) * math.Exp(-2*k*k*lambda*lambda)
	}
	return min(max(p, 0), 1)
}
