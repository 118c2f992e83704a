package identity_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"flint/internal/platform/web/webtest"
)

// samples is how many requests are made for each class of address. The race
// detector's own times say nothing, so with it fewer are made and none is timed.
func samples() int {
	if raceDetector {
		return 200
	}
	return 1000
}

// TestTimeTellsNoStrangerWhoHasAnAccount knocks at every door that takes an
// address from a stranger, over real HTTP, for addresses that are known, unknown,
// unconfirmed and banned, in random order. All answers of a door have one status,
// one set of headers and one body, but for the request's id. And a test by
// Kolmogorov and Smirnov is asked whether their times could come from one
// distribution. Hashes are cheap here, so that a difference of some microseconds
// isn't buried under the 20 milliseconds of a real one.
//
// Chance alone fails one comparison in a thousand; three in a row mean it. (The
// door of passkeys takes no address: see package session's tests.)
func TestTimeTellsNoStrangerWhoHasAnAccount(t *testing.T) { //nolint:paralleltest // others would take time from it
	if testing.Short() {
		t.Skip("takes thousands of requests")
	}
	h := setup(t)
	phc, err := h.Lighten()
	if err != nil {
		t.Fatal(err)
	}
	for class, is := range map[string]struct{ confirmed, banned bool }{"known": {true, false}, "banned": {true, true}, "unconfirmed": {}} {
		var emails []string
		for n := range samples() {
			emails = append(emails, fmt.Sprintf("%s%d@example.com", class, n+1))
		}
		if err := h.Populate(t.Context(), phc, is.confirmed, is.banned, emails...); err != nil {
			t.Fatal(err)
		}
	}
	for what, of := range map[string]func(email string) webtest.Scenario{
		"sign-in": func(email string) webtest.Scenario {
			return webtest.Scenario{Path: "/api/auth/login", Body: map[string]string{"email": email, "password": "not what it was"}, Status: 401}
		},
		"reset":        askReset,
		"registration": registration,
		"confirmation": func(email string) webtest.Scenario {
			return webtest.Scenario{Path: "/api/auth/resend-verification", Body: map[string]string{"email": email}, Status: 200}
		},
		"link": askLink,
	} {
		classes := []string{"strange", "known", "banned"}
		if what == "confirmation" { // the one door to which it makes a difference
			classes = append(classes, "unconfirmed")
		}
		for _, class := range classes {
			h.web.Check(t, of(class+"warm@example.com"))
		}
		doubts := map[string]int{}
		for round := range 3 {
			times, seen := h.times(t, fmt.Sprintf("-%s-%d", what[:3], round), classes, of)
			if len(seen) != 1 {
				t.Errorf("%s: answers differ: %v", what, seen)
			}
			if raceDetector {
				break
			}
			for _, class := range classes[1:] {
				p := same(times[classes[0]], times[class])
				t.Logf("%s: median %v for %s, %v for %s; p = %.3f", what, median(times[classes[0]]), classes[0], median(times[class]), class, p)
				if p < 0.001 {
					doubts[class]++
				} else {
					doubts[class] = -3
				}
			}
			if slices.Max(slices.Collect(maps.Values(doubts))) < 0 {
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

// times asks for each address of each class once, in random order. It returns
// what they took and the different answers that were seen.
func (h *house) times(t *testing.T, round string, classes []string, of func(email string) webtest.Scenario) (times map[string][]time.Duration, seen map[string]string) {
	t.Helper()
	h.pass(48 * time.Hour) // no limit remembers the last time
	var order []string
	for _, class := range classes {
		for range samples() {
			order = append(order, class)
		}
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	times, seen = map[string][]time.Duration{}, map[string]string{}
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
		seen[face(a, email)] = class
	}
	return times, seen
}

// face is all that a stranger sees of an answer, but for what differs from one
// request to the next.
func face(a webtest.Answer, email string) string {
	h := a.Header.Clone()
	own := h.Get("X-Request-Id")
	h.Del("X-Request-Id")
	h.Del("Date")
	lines := []string{strconv.Itoa(a.Status), strings.NewReplacer(own, "ID", email, "ADDRESS").Replace(a.Body)}
	for k, vs := range h {
		lines = append(lines, k+": "+strings.Join(vs, ", "))
	}
	slices.Sort(lines[2:])
	return strings.Join(lines, "\n")
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
