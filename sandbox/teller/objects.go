package teller

import (
	"fmt"
	"net/http"
	"net/url"

	"flint/sandbox/bank"
	"flint/sandbox/world"
)

func parseValues(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("read query: %w", err)
	}
	out := make(map[string]string, len(values))
	for k, v := range values {
		out[k] = v[0]
	}
	return out, nil
}

func (a *API) links(account, path string) selfLinks {
	base := a.cfg.BaseURL() + "/accounts/" + account
	return selfLinks{Self: base + path, Account: base}
}

func (a *API) accountObject(e *enrollment, acc bank.Account) accountObject {
	id := a.accountID(e, acc.Key)
	self := a.cfg.BaseURL() + "/accounts/" + id
	institution, _ := bank.FindInstitution(acc.Institution)
	out := accountObject{
		ID: id, EnrollmentID: e.ID, Name: acc.Name, Type: acc.Type, Subtype: acc.Subtype, Currency: "USD",
		LastFour: acc.LastFour, Status: "open", Institution: institutionRef{institution.ID, institution.Name},
		Links: accountLinks{Self: self, Details: self + "/details", Balances: self + "/balances", Transactions: self + "/transactions"},
	}
	if acc.NoDetails {
		out.Links.Details = ""
	}
	if acc.Closed {
		out.Status = "closed"
	}
	return out
}

func (a *API) transactionObject(account string, r row) transactionObject {
	out := transactionObject{
		ID: r.ID, AccountID: account, Amount: r.Amount.StringFixed(2), Date: r.Date.String(),
		Description: r.Description, Status: "posted", Type: r.Type,
		Details: transactionDetails{ProcessingStatus: "complete"},
		Links:   a.links(account, "/transactions/"+r.ID),
	}
	if r.Pending {
		out.Status = "pending"
	} else {
		balance := r.Balance.StringFixed(2)
		out.RunningBalance = &balance
	}
	if !r.Enriched {
		out.Details.ProcessingStatus = "pending"
		return out
	}
	out.Details.Category = &r.Category
	if r.Counterparty != "" {
		kind := "organization"
		if r.Person {
			kind = "person"
		}
		out.Details.Counterparty = &counterparty{Name: &r.Counterparty, Type: &kind}
	}
	return out
}

func (a *API) identity(w http.ResponseWriter, _ *http.Request, e *enrollment) *apiError {
	if failure := a.healthy(e); failure != nil {
		return failure
	}
	out := []identityObject{}
	for i, acc := range a.shared(e) {
		r := world.Rand(a.cfg.Seed, "owner", acc.Institution)
		person := owner{
			Type:  "person",
			Names: []typedValue{{"name", "Robin " + world.Pick(r, []string{"Hale", "Maddox", "Okafor"})}},
			Addresses: []ownerAddress{{true, addressData{
				Street: fmt.Sprintf("%d SE Hawthorne Blvd", 1000+r.IntN(4000)), City: "Portland", Region: "OR", PostalCode: "97214", Country: "US",
			}}},
			PhoneNumbers: []typedValue{{"mobile", fmt.Sprintf("+1503555%04d", 100+r.IntN(100))}},
			Emails:       []typedValue{{Data: "robin@example.com"}},
		}
		if i > 1 { // some banks tell less
			person.PhoneNumbers, person.Emails = []typedValue{}, []typedValue{}
		}
		out = append(out, identityObject{Account: a.accountObject(e, acc), Owners: []owner{person}})
	}
	reply(w, http.StatusOK, out)
	return nil
}
