package teller

import (
	"encoding/json"
	"net/http"
)

// The objects of the API, with the fields in the order of Teller's examples.

type institutionRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type institutionObject struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Products []string `json:"products"`
}

type accountObject struct {
	ID           string         `json:"id"`
	EnrollmentID string         `json:"enrollment_id"`
	Name         string         `json:"name"`
	Type         string         `json:"type"`
	Subtype      string         `json:"subtype"`
	Currency     string         `json:"currency"`
	LastFour     string         `json:"last_four"`
	Status       string         `json:"status"`
	Institution  institutionRef `json:"institution"`
	Links        accountLinks   `json:"links"`
}

type accountLinks struct {
	Self         string `json:"self"`
	Details      string `json:"details,omitempty"`
	Balances     string `json:"balances,omitempty"`
	Transactions string `json:"transactions,omitempty"`
}

type selfLinks struct {
	Self    string `json:"self"`
	Account string `json:"account"`
}

type detailsObject struct {
	AccountID      string         `json:"account_id"`
	AccountNumber  string         `json:"account_number"`
	RoutingNumbers routingNumbers `json:"routing_numbers"`
	Links          selfLinks      `json:"links"`
}

type routingNumbers struct {
	ACH  *string `json:"ach"`
	Wire *string `json:"wire"`
	Bacs *string `json:"bacs"`
}

type balancesObject struct {
	AccountID string    `json:"account_id"`
	Ledger    *string   `json:"ledger"`
	Available *string   `json:"available"`
	Links     selfLinks `json:"links"`
}

type transactionObject struct {
	ID             string             `json:"id"`
	AccountID      string             `json:"account_id"`
	Amount         string             `json:"amount"`
	Date           string             `json:"date"`
	Description    string             `json:"description"`
	Status         string             `json:"status"`
	Type           string             `json:"type"`
	RunningBalance *string            `json:"running_balance"`
	Details        transactionDetails `json:"details"`
	Links          selfLinks          `json:"links"`
}

type transactionDetails struct {
	ProcessingStatus string        `json:"processing_status"`
	Category         *string       `json:"category"`
	Counterparty     *counterparty `json:"counterparty"`
}

type counterparty struct {
	Name *string `json:"name"`
	Type *string `json:"type"`
}

type identityObject struct {
	Account accountObject `json:"account"`
	Owners  []owner       `json:"owners"`
}

type owner struct {
	Type         string         `json:"type"`
	Names        []typedValue   `json:"names"`
	Addresses    []ownerAddress `json:"addresses"`
	PhoneNumbers []typedValue   `json:"phone_numbers"`
	Emails       []typedValue   `json:"emails"`
}

type typedValue struct {
	Type string `json:"type,omitempty"`
	Data string `json:"data"`
}

type ownerAddress struct {
	Primary bool        `json:"primary"`
	Data    addressData `json:"data"`
}

type addressData struct {
	Street     string `json:"street"`
	City       string `json:"city"`
	Region     string `json:"region"`
	PostalCode string `json:"postal_code"`
	Country    string `json:"country"`
}

// Enrollment is what Connect's onSuccess hands to the page.
type Enrollment struct {
	AccessToken string         `json:"accessToken"`
	User        EnrollmentUser `json:"user"`
	Enrollment  EnrollmentInfo `json:"enrollment"`
	Signatures  []string       `json:"signatures,omitempty"` // only with a nonce
}

// EnrollmentUser is the Teller user that an enrollment belongs to.
type EnrollmentUser struct {
	ID string `json:"id"`
}

// EnrollmentInfo names the enrollment and its bank.
type EnrollmentInfo struct {
	ID          string         `json:"id"`
	Institution institutionRef `json:"institution"`
}

// apiError is an answer of the API that isn't a result.
type apiError struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

var (
	errNoCertificate = &apiError{400, "bad_request", "Missing certificate: this access token works only with your client certificate"}
	errNoToken       = &apiError{401, "unauthorized", "Missing access token: use HTTP Basic authentication with the token as the user name"}
	errBadToken      = &apiError{403, "forbidden", "Invalid access token"}
	errNotFound      = &apiError{404, "not_found", "The requested resource does not exist"}
	errClosed        = &apiError{410, "account.closed", "The requested account is closed"}
)

// Refuse writes an error of any status in Teller's envelope.
func Refuse(w http.ResponseWriter, status int) {
	e := &apiError{Status: status, Code: "internal_server_error", Message: "Something went wrong"}
	switch status {
	case http.StatusTooManyRequests:
		e.Code, e.Message = "rate_limited", "Too many requests"
	case http.StatusBadGateway:
		e.Code, e.Message = "bad_gateway", "The financial institution is currently unavailable"
	case http.StatusServiceUnavailable:
		e.Code, e.Message = "service_unavailable", "The service is currently unavailable"
	}
	e.write(w)
}

func (e *apiError) write(w http.ResponseWriter) {
	reply(w, e.Status, map[string]*apiError{"error": e})
}

func reply(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil { // only strings and lists are ever marshalled
		panic("teller: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
