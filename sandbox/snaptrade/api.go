package snaptrade

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/shopspring/decimal"
)

// Handler is the API at the root of its own origin, as api.snaptrade.com.
// Orders and trading aren't there yet and answer 404.
func (s *API) Handler() http.Handler {
	mux := http.NewServeMux()
	plain := func(pattern string, h func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := h(r)
			if err != nil {
				refuse(w, err)
				return
			}
			answer(w, http.StatusOK, body)
		})
	}
	owned := func(pattern string, h func(r *http.Request, userID string) (any, error)) {
		plain(pattern, func(r *http.Request) (any, error) {
			userID, err := s.userOf(r)
			if err != nil {
				return nil, err
			}
			return h(r, userID)
		})
	}
	plain("GET /{$}", s.status)
	plain("GET /brokerages", s.brokerages)
	plain("GET /brokerages/{slug}/instruments", s.instruments)
	plain("GET /brokerageAuthorizationTypes", s.authorizationTypes)
	plain("GET /exchanges", s.exchanges)
	plain("POST /symbols", s.searchSymbols)
	plain("GET /symbols/{query}", s.symbolDetail)
	plain("GET /snapTrade/partners", s.partner)

	plain("POST /snapTrade/registerUser", s.registerUser)
	plain("GET /snapTrade/listUsers", s.listUsers)
	plain("DELETE /snapTrade/deleteUser", s.deleteUser)
	plain("POST /snapTrade/resetUserSecret", s.resetSecret)
	owned("POST /snapTrade/login", s.login)

	owned("GET /authorizations", s.listConnections)
	owned("GET /authorizations/{id}", s.connectionDetail)
	owned("GET /authorizations/{id}/accounts", s.connectionAccounts)
	owned("POST /authorizations/{id}/refresh", s.refresh)
	owned("POST /authorizations/{id}/transactions/sync", s.syncTransactions)
	owned("POST /authorizations/{id}/disable", s.disable)
	owned("DELETE /connection/{id}", s.deleteConnection)

	owned("GET /accounts", s.listAccounts)
	owned("GET /accounts/{id}", s.accountDetail)
	owned("GET /accounts/{id}/balances", s.balances)
	owned("GET /accounts/{id}/positions/all", s.positions)
	owned("GET /accounts/{id}/activities", s.activities)
	owned("GET /accounts/{id}/balanceHistory", s.balanceHistory)
	owned("POST /accounts/{id}/symbols", s.searchAccountSymbols)

	return s.gate(envelope(mux))
}

// envelope answers what the mux doesn't know in SnapTrade's own words.
func envelope(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
		if r.URL.Path == "" {
			r.URL.Path = "/"
		}
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "" {
				refuse(w, errMethod)
				return
			}
		}
		refuse(w, errNotFound)
	})
}

// userOf returns the user that a request speaks for, after checking the secret.
func (s *API) userOf(r *http.Request) (string, error) {
	q := r.URL.Query()
	id, secret := q.Get("userId"), q.Get("userSecret")
	if id == "" || secret == "" {
		return "", errNoUser
	}
	err := error(errUser)
	s.state.Read(func(rec *records) {
		if u := rec.Users[id]; u != nil && u.Secret == secret && !u.Deleting {
			err = nil
		}
	})
	return id, err
}

// read decodes a request body; unknown fields are let pass, as the live API
// does, and no body is an empty object.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	if r.ContentLength == 0 {
		return nil
	}
	if err := d.Decode(into); err != nil {
		return errData
	}
	return nil
}

// num is a decimal that JSON shows as a number, as the older schemas have it.
type num decimal.Decimal

// MarshalJSON writes all the digits and no exponent.
func (n num) MarshalJSON() ([]byte, error) { return []byte(decimal.Decimal(n).String()), nil }
