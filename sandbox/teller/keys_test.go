package teller_test

import (
	"testing"
	"time"

	"flint/sandbox/teller"
)

// The vectors are those of the notes on Teller's protocol; they were made
// apart from this code.
func TestTheWebhookVector(t *testing.T) {
	t.Parallel()
	body := `{"id":"wh_oq4vector0000000000","payload":{"enrollment_id":"enr_oq4vector0000000001","reason":"disconnected.credentials_invalid"},"timestamp":"2026-01-01T00:00:00Z","type":"enrollment.disconnected"}`
	got := teller.Signature(time.Unix(1767225600, 0), []byte(body), "teller-signing-secret-0001", "teller-signing-secret-0000-old")
	want := "t=1767225600,v1=db7c99a523d27c14da8f7687934d20d526f8d18dfdcd1e89d86a6a845d0c7ab0,v1=792d978d34a95777a5672df55fa7700745ac6c240f10b7e500b9b56efc7957a1"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestTheEnrollmentVector(t *testing.T) {
	t.Parallel()
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i + 1)
	}
	got := teller.SignEnrollment(seed, "nonce-0001", "token_testvector0001", "usr_testvector0001", "enr_testvector0001", "sandbox")
	if want := "ppnvo1g7uWwggcXe2xNOO2NSlGH1fQDIF41ZIQiIgpIqDPqrVWCIgQgx0K4PM4oLk4osb4FdwtNFE4MKLHCqCw=="; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
