package meter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"flint/sandbox/meter"
)

func TestRequestsAreCountedAndTheListStaysFinite(t *testing.T) {
	t.Parallel()
	var m meter.Meter
	h := m.Count("teller", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for i := range 6000 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("/accounts/%d", i), nil))
	}
	got := m.Read()
	if got.Total != 6000 || got.Provider["teller"] != 6000 || got.Paths["teller"]["other"] != 1000 || got.Paths["teller"]["GET /accounts/7"] != 1 {
		t.Errorf("%d in all, %d by others", got.Total, got.Paths["teller"]["other"])
	}
	m.Reset()
	if m.Read().Total != 0 {
		t.Error("it doesn't begin anew")
	}
}
