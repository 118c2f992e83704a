package snaptrade

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// failure is an error as SnapTrade sends it.
type failure struct {
	Detail string `json:"detail"`
	Status int    `json:"status_code"`
	Code   string `json:"code"`
	retry  int    // seconds for Retry-After, 0: no header
}

func (f *failure) Error() string { return f.Detail }

// The failures of this API, as the live service words them.
var (
	errData       = &failure{Detail: "Unable to verify data sent", Status: http.StatusBadRequest, Code: "1076"}
	errSignature  = &failure{Detail: "Unable to verify signature sent", Status: http.StatusUnauthorized, Code: "1076"}
	errClient     = &failure{Detail: "Invalid clientId provided", Status: http.StatusUnauthorized, Code: "0000"}
	errNoUser     = &failure{Detail: "Authentication credentials were not provided.", Status: http.StatusUnauthorized, Code: "0000"}
	errUser       = &failure{Detail: "Invalid userID or userSecret provided", Status: http.StatusUnauthorized, Code: "1083"}
	errUserExists = &failure{Detail: "User with the following userId already exists", Status: http.StatusBadRequest, Code: "1010"}
	errInput      = &failure{Detail: "Invalid input", Status: http.StatusBadRequest, Code: "1012"}
	errDisabled   = &failure{Detail: "Unable to sync with brokerage account because the connection is disabled.", Status: http.StatusPaymentRequired, Code: "3003"}
	errAlready    = &failure{Detail: "This connection is already disabled.", Status: http.StatusPaymentRequired, Code: "3011"}
	errFeature    = &failure{Detail: "Feature is not enabled for this customer or this connection", Status: http.StatusForbidden, Code: "1141"}
	errNotFound   = &failure{Detail: "The requested resource does not exist.", Status: http.StatusNotFound, Code: "1011"}
	errMethod     = &failure{Detail: "Method not allowed.", Status: http.StatusMethodNotAllowed, Code: "0000"}
	errPopulating = &failure{Detail: "The resource is currently being populated. Please try again later.", Status: http.StatusTooEarly, Code: "3012"}
	errTooSoon    = &failure{Detail: "Connection refreshed too recently. Please try again later.", Status: http.StatusTooManyRequests, Code: "throttled"}
	errUnexpected = &failure{Detail: "Encountered an unexpected exception.", Status: http.StatusInternalServerError, Code: "1000"}
	errBrokerage  = &failure{Detail: "Unable to sync with brokerage account. Invalid response from Brokerage API.", Status: http.StatusServiceUnavailable, Code: "3002"}
)

// refuse sends err; what is no failure becomes the unexpected one.
func refuse(w http.ResponseWriter, err error) {
	var f *failure
	if !errors.As(err, &f) {
		f = errUnexpected
	}
	if f.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.retry))
	}
	answer(w, f.Status, f)
}

// Refuse writes SnapTrade's own kind of error for a status, with the headers
// of every answer, for failures that somebody else decided on.
func (s *API) Refuse(w http.ResponseWriter, status int) {
	w.Header().Set("X-Request-ID", s.fresh("request"))
	left, reset := s.meter.limit, 60
	if status == http.StatusTooManyRequests {
		left = 0 // a client that failed otherwise still has calls to make
		if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err == nil {
			reset = after
		}
	}
	s.meter.show(w.Header(), left, reset)
	f := &failure{Detail: errUnexpected.Detail, Status: status, Code: errUnexpected.Code}
	switch status {
	case http.StatusTooManyRequests:
		f.Detail, f.Code = "Request was throttled.", "0000"
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		f.Detail, f.Code = errBrokerage.Detail, errBrokerage.Code
	}
	answer(w, status, f)
}

func answer(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		status, data = errUnexpected.Status, []byte(`{"detail":"Encountered an unexpected exception.","status_code":500,"code":"1000"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data) // who hangs up doesn't matter here
}
