package session_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"flint/internal/platform/web/webtest"
)

// guess tries a wrong password from an address, with the cookies of a browser.
func (h *house) guess(t *testing.T, email, from string, cookies ...*http.Cookie) webtest.Answer {
	t.Helper()
	return h.try(t, email, "not the password", from, cookies...)
}

func (h *house) try(t *testing.T, email, password, from string, cookies ...*http.Cookie) webtest.Answer {
	t.Helper()
	s := login(email, password, map[string]string{"X-Forwarded-For": from})
	s.Cookies = cookies
	return h.web.Do(t, s)
}

// stranger is the nth of many addresses.
func stranger(n int) string { return fmt.Sprintf("198.18.%d.%d", n/250, 1+n%250) }

// swarm tries an account's password once from each of n addresses, and returns
// how many tries were looked at.
func (h *house) swarm(t *testing.T, email string, n int) (looked int) {
	t.Helper()
	for i := range n {
		switch a := h.guess(t, email, stranger(i)); a.Status {
		case http.StatusUnauthorized:
			looked++
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("try %d: %d %s", i, a.Status, a.Body)
		}
	}
	return looked
}

func TestStuffingFromFiveHundredAddressesIsStoppedAndTheOwnerStillGetsIn(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mine := deviceOf(t, h.from(t, "ana@example.com"))
	h.pass(time.Hour)
	if looked := h.swarm(t, "ana@example.com", 500); looked != 10 {
		t.Errorf("%d of 500 tries were looked at", looked)
	}
	if a := h.try(t, "ana@example.com", password, stranger(900)); a.Status != http.StatusTooManyRequests {
		t.Errorf("a stranger with the right password, beyond the limit: %d", a.Status)
	}
	if a := h.try(t, "ana@example.com", password, "203.0.113.9", mine); a.Status != http.StatusOK {
		t.Errorf("the owner, on a device of theirs: %d %s", a.Status, a.Body)
	}
	// The day has an end too.
	looked := 10
	for range 30 {
		h.pass(16 * time.Minute)
		looked += h.swarm(t, "ana@example.com", 20)
	}
	if looked != 30 {
		t.Errorf("%d tries in eight hours", looked)
	}
	if a := h.try(t, "ana@example.com", password, "203.0.113.9", mine); a.Status != http.StatusOK {
		t.Errorf("the owner, hours later: %d", a.Status)
	}
}

func TestALockOutTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mine := deviceOf(t, h.from(t, "ana@example.com"))
	answers := map[string][]string{}
	for _, email := range []string{"ana@example.com", "nobody@example.com"} {
		for i := range 15 {
			// With another's cookie as well: it is looked at for both and known for neither.
			other := &http.Cookie{Name: "__Host-device-" + strings.Repeat("0", 12), Value: mine.Value}
			a := h.guess(t, email, stranger(i%5), other)
			answers[email] = append(answers[email], fmt.Sprint(a.Status, a.Header.Get("Retry-After"), strings.Contains(a.Body, "rate_limited")))
		}
	}
	if a, b := fmt.Sprint(answers["ana@example.com"]), fmt.Sprint(answers["nobody@example.com"]); a != b {
		t.Errorf("somebody: %s\nnobody:   %s", a, b)
	}
}

func TestAStolenDeviceIsNoPlaceToGuessFrom(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mine := deviceOf(t, h.from(t, "ana@example.com"))
	looked := 0
	for i := range 200 {
		h.pass(30 * time.Second)
		if h.guess(t, "ana@example.com", stranger(i), mine).Status == http.StatusUnauthorized {
			looked++
		}
	}
	if looked > 30 {
		t.Errorf("%d tries with one device's cookie from 200 addresses", looked)
	}
	if a := h.try(t, "ana@example.com", password, stranger(900)); a.Status != http.StatusOK {
		t.Errorf("meanwhile, elsewhere: %d", a.Status)
	}
	h.admit(t, "bea@example.com")
	if a := h.try(t, "bea@example.com", password, stranger(901), mine); a.Status != http.StatusOK {
		t.Errorf("another person: %d", a.Status)
	}
}

func TestWaitsGrowAndASuccessEndsThem(t *testing.T) {
	t.Parallel()
	h := setup(t)
	const home = "203.0.113.9"
	var waits []time.Duration
	for range 8 {
		a := h.guess(t, "ana@example.com", home)
		if a.Status == http.StatusUnauthorized {
			continue
		}
		seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if a.Status != http.StatusTooManyRequests || err != nil {
			t.Fatalf("%d %q", a.Status, a.Header.Get("Retry-After"))
		}
		waits = append(waits, time.Duration(seconds)*time.Second)
		h.pass(waits[len(waits)-1])
	}
	if len(waits) < 2 || waits[0] > 15*time.Second || waits[len(waits)-1] <= waits[0] {
		t.Errorf("waits: %v", waits)
	}
	mine := deviceOf(t, h.try(t, "ana@example.com", password, home))
	for range 3 { // as many as at the beginning, though the address is still slow
		if a := h.guess(t, "ana@example.com", home, mine); a.Status != http.StatusUnauthorized {
			t.Errorf("after a success: %d", a.Status)
		}
	}
}

func TestCodesTriedByAStrangerDoNotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	h := setup(t)
	in := h.from(t, "ana@example.com")
	mine := deviceOf(t, in)
	a := h.enrol(t, cookiesOf(t, in))
	h.pass(16 * time.Minute)
	for range 5 {
		h.web.Check(t, secondStep(h.firstStep(t, nil), "code", "000000", 401))
	}
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", a.code(t, 0), 429))
	mineToo := secondStep(h.firstStep(t, nil), "code", a.code(t, 0), 200)
	mineToo.Cookies = []*http.Cookie{mine}
	h.web.Check(t, mineToo)
}
