package app_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/sandbox/snaptrade"
	"flint/sandbox/teller"
)

// delivery is one webhook, signed like a provider's.
type delivery struct {
	path, body string
	header     http.Header
}

// deliver sends d and returns the status.
func (h *house) deliver(d delivery) (int, error) {
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+d.path, strings.NewReader(d.body))
	if err != nil {
		return 0, err
	}
	r.Header = d.header.Clone()
	r.Header.Set("Content-Type", "application/json")
	a, err := h.do(r)
	return a.status, err
}

func (h *house) fromTeller(id, kind, payload string) delivery {
	now := time.Now().UTC()
	body := fmt.Sprintf(`{"id":%q,"payload":%s,"timestamp":%q,"type":%q}`, id, payload, now.Format(time.RFC3339), kind)
	return h.signed(body, now)
}

func (h *house) signed(body string, at time.Time) delivery {
	return delivery{"/api/teller/webhook", body, http.Header{"Teller-Signature": {teller.Signature(at, []byte(body), h.world.Credentials().TellerSecrets...)}}}
}

func (h *house) fromSnapTrade(id, kind, authorization string) delivery {
	h.t.Helper()
	keys := h.world.Credentials()
	body := fmt.Sprintf(`{"webhookId":%q,"clientId":%q,"eventTimestamp":%q,"userId":"x","eventType":%q,"brokerageAuthorizationId":%q}`,
		id, keys.SnapTradeClient, time.Now().UTC().Format(time.RFC3339Nano), kind, authorization)
	canonical, err := snaptrade.CanonicalWebhook([]byte(body))
	if err != nil {
		h.t.Fatal(err)
	}
	return delivery{"/api/snaptrade/webhooks", body, http.Header{"Signature": {snaptrade.Signature(keys.SnapTradeKey, canonical)}}}
}

func TestWebhooksAreBelievedOnceAndOnlyIfSigned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage")
	t.Run("any order and number ends in the same state", func(t *testing.T) { anyOrderAndNumber(t, h, ann) })
	t.Run("a forged one is refused and nothing changes", func(t *testing.T) { forgeries(t, h, ann) })
}

// anyOrderAndNumber delivers true and outdated events twenty times each,
// shuffled, several at once.
func anyOrderAndNumber(t *testing.T, h *house, ann household) {
	authorization := h.rows(`select provider_connection_id from connections where id = $1`, ann.broker)[0]
	state := func() string {
		return strings.Join(append(h.rows(`select concat_ws(' ', institution_name, status, status_reason, deleted_at) from connections order by id`),
			h.rows(`select count(*) || ' transactions ' || md5(string_agg(concat_ws(' ', id, amount, status, deleted_at), ',' order by id)) from transactions`)...), "\n")
	}
	before, kept := state(), h.rows(`select event_id from webhook_inbox`)
	at := ann.enrollment.Enrollment.ID
	events := []delivery{
		h.fromTeller("wh_a", "transactions.processed", fmt.Sprintf(`{"enrollment_id":%q,"transactions":[]}`, at)),
		h.fromTeller("wh_b", "enrollment.disconnected", fmt.Sprintf(`{"enrollment_id":%q,"reason":"disconnected.credentials_invalid"}`, at)), // not true any more
		h.fromTeller("wh_c", "webhook.test", `{}`),
		h.fromTeller("wh_d", "transactions.processed", `{"enrollment_id":"enr_of_nobody","transactions":[]}`),
		h.fromTeller("wh_e", "something.new", fmt.Sprintf(`{"enrollment_id":%q}`, at)),
		h.fromSnapTrade("5d1cb1e2-0000-4000-8000-000000000001", "ACCOUNT_HOLDINGS_UPDATED", authorization),
		h.fromSnapTrade("5d1cb1e2-0000-4000-8000-000000000002", "CONNECTION_BROKEN", authorization), // nor this
		h.fromSnapTrade("5d1cb1e2-0000-4000-8000-000000000003", "SOMETHING_NEW", authorization),
	}
	var all []delivery
	for range 20 {
		all = append(all, events...)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var couriers sync.WaitGroup
	for n := range 4 {
		couriers.Go(func() {
			for i := n; i < len(all); i += 4 {
				if status, err := h.deliver(all[i]); err != nil || status != http.StatusOK {
					t.Errorf("%s was answered with %d (%v)", all[i].body, status, err)
				}
			}
		})
	}
	couriers.Wait()
	h.settled()
	if now := h.rows(`select event_id from webhook_inbox where processed_at is not null`); len(now)-len(kept) != len(events) {
		t.Errorf("%d deliveries of %d events are kept", len(now)-len(kept), len(events))
	}
	if after := state(); after != before {
		t.Errorf("it was %s\nand is %s", before, after)
	}
}

// forgeries tries what somebody can send who doesn't know a secret, or knows an
// old delivery.
func forgeries(t *testing.T, h *house, ann household) {
	authorization := h.rows(`select provider_connection_id from connections where id = $1`, ann.broker)[0]
	at := ann.enrollment.Enrollment.ID
	payload := fmt.Sprintf(`{"enrollment_id":%q,"reason":"disconnected"}`, at)
	state := func() string {
		return strings.Join(append(h.rows(`select concat_ws(' ', status, dirty_at, fence) from connections order by id`),
			h.rows(`select event_id from webhook_inbox order by event_id`)...), "\n")
	}
	true1, true2 := h.fromTeller("wh_1", "enrollment.disconnected", payload), h.fromSnapTrade("5d1cb1e2-0000-4000-8000-000000000009", "CONNECTION_BROKEN", authorization)
	before := state()
	for what, d := range map[string]delivery{
		"no signature":             {true1.path, true1.body, http.Header{}},
		"an empty signature":       {true1.path, true1.body, http.Header{"Teller-Signature": {""}}},
		"another's body":           {true1.path, strings.Replace(true1.body, "wh_1", "wh_2", 1), true1.header},
		"two signatures":           {true1.path, true1.body, http.Header{"Teller-Signature": {"t=1,v1=00", true1.header.Get("Teller-Signature")}}},
		"signed an hour ago":       h.aged(payload, -time.Hour),
		"signed in an hour":        h.aged(payload, time.Hour),
		"none of SnapTrade":        {true2.path, true2.body, http.Header{}},
		"a wrong one of SnapTrade": {true2.path, true2.body, http.Header{"Signature": {snaptrade.Signature("not the key", []byte(true2.body))}}},
		"another's of SnapTrade":   {true2.path, strings.Replace(true2.body, "BROKEN", "DELETED", 1), true2.header},
	} {
		if status, err := h.deliver(d); err != nil || status != http.StatusUnauthorized {
			t.Errorf("%s is answered with %d (%v)", what, status, err)
		}
	}
	if after := state(); after != before {
		t.Errorf("it was %s\nand is %s", before, after)
	}
	for _, d := range []delivery{true1, true2} { // or all this proved nothing
		if status, err := h.deliver(d); err != nil || status != http.StatusOK {
			t.Errorf("a true one is answered with %d (%v)", status, err)
		}
	}
}

// aged is signed with the right key at another time.
func (h *house) aged(payload string, by time.Duration) delivery {
	at := time.Now().Add(by)
	body := fmt.Sprintf(`{"id":"wh_aged","payload":%s,"timestamp":%q,"type":"enrollment.disconnected"}`, payload, at.UTC().Format(time.RFC3339))
	return h.signed(body, at)
}
