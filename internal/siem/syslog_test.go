package siem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"flint/internal/audit/tlog"
	"flint/internal/siem"
)

// message is what a receiver reads in RFC 5424.
type message struct {
	priority, time, host, app, process, id, index, text string
}

// grammar is RFC 5424's SYSLOG-MSG, as strict as it is: one SD-ELEMENT, and a text
// of printable ASCII.
var grammar = regexp.MustCompile(`^<(0|[1-9][0-9]{0,2})>1 (-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) ` +
	`\[([!#-<>-\\^-~]{1,32}) index="([^"\\\]]*)"\] ([ -~]+)$`)

func parseSyslog(b []byte) (message, error) {
	m := grammar.FindSubmatch(b)
	if m == nil {
		return message{}, fmt.Errorf("not RFC 5424: %q", b)
	}
	s := func(i int) string { return string(m[i]) }
	out := message{s(1), s(2), s(3), s(4), s(5), s(6), s(8), s(9)}
	if out.time != "-" {
		if _, err := time.Parse(time.RFC3339Nano, out.time); err != nil {
			return out, err
		}
	}
	if !json.Valid([]byte(out.text)) {
		return out, errors.New("the text isn't JSON")
	}
	return out, nil
}

func TestAMessageReadsAsRFC5424Says(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 20, 1, 2, 345678000, time.FixedZone("", 3600))
	got := string(siem.Message("flint.example:8443/audit", tlog.Leaf{Index: 7, Hash: []byte{0xab}, Entry: &tlog.Entry{
		At: at, ActorKind: "system", ActorName: "siem", Verb: "key.rotate", Object: "kék\n", Detail: []byte(`{"count":3}`),
	}}))
	want := `<109>1 2026-11-23T19:01:02.345678Z flint.example flint - key.rotate [flint@32473 index="7"] ` +
		`{"index":7,"log":"flint.example:8443/audit","hash":"ab","time":"2026-11-23T19:01:02.345678Z","verb":"key.rotate",` +
		`"actor":{"kind":"system","name":"siem"},"object":"k\u00e9k\n","detail":{"count":3}}`
	if got != want {
		t.Errorf("%s\nnot\n%s", got, want)
	}
	gone := string(siem.Message("", tlog.Leaf{Index: 8}))
	if m, err := parseSyslog([]byte(gone)); err != nil || m.host != "-" || m.time != "-" || m.id != "missing" || m.index != "8" {
		t.Errorf("%s: %+v, %v", gone, m, err)
	}
}

// FuzzMessage holds that nothing in an entry ends a message, begins another, or
// gets out of its field.
func FuzzMessage(f *testing.F) {
	f.Add("flint.example/audit", "session.start", "object", "req", "name", `{"how":"password"}`, int64(1))
	f.Add("a b\x00/x", "x\"] <1>1 - - -", "]\"\\\n<34>1 -", "\x1b[31m\u009b\u2028", "\xff\xfe", `{"how":"\u0000\n<1>"}`, int64(-1))
	f.Add("é:1/audit", strings.Repeat("v", 500), strings.Repeat("ö", 300), "", "", `{"count":1e400}`, int64(1)<<62)
	f.Fuzz(func(t *testing.T, log, verb, object, request, name, detail string, at int64) {
		e := &tlog.Entry{At: time.Unix(at%4e9, at%1e9).UTC(), ActorKind: "person", ActorName: name, Verb: verb, Object: object, RequestID: request, Detail: []byte(detail)}
		if !json.Valid(e.Detail) || e.At.Year() < 1 || e.At.Year() > 9999 {
			t.Skip()
		}
		b := siem.Message(log, tlog.Leaf{Index: 1 << 60, Hash: []byte(name), Entry: e})
		if b == nil {
			return // not an object
		}
		m, err := parseSyslog(b)
		if err != nil {
			t.Fatal(err)
		}
		var back siem.Event
		if err := json.Unmarshal([]byte(m.text), &back); err != nil || back.Index != 1<<60 || m.index != fmt.Sprint(1<<60) || m.priority != "109" || m.app != "flint" {
			t.Errorf("%+v, %v", m, err)
		}
		if back.Object != strings.ToValidUTF8(object, "\ufffd") && strings.ToValidUTF8(object, "") == object {
			t.Errorf("%q came as %q", object, back.Object)
		}
	})
}
