package teller

import (
	"slices"
	"strings"

	"flint/sandbox/bank"
	"flint/sandbox/world"
)

// EnrollOrder asks for an enrollment, as Connect does after the login.
type EnrollOrder struct {
	Institution string   `json:"institution"`
	Username    string   `json:"username,omitempty"`    // of section 3.2 of Teller's sandbox; default "username"
	Environment string   `json:"environment,omitempty"` // default "sandbox"
	Nonce       string   `json:"nonce,omitempty"`       // signed if given
	User        string   `json:"userId,omitempty"`      // add to this user
	Enrollment  string   `json:"enrollmentId,omitempty"`
	Accounts    []string `json:"accounts,omitempty"` // keys or ends of keys ("checking"); default all
}

// Enroll makes an enrollment, or repairs the one that is named: it then keeps
// its token. It returns what onSuccess gets.
func (a *API) Enroll(o EnrollOrder) (Enrollment, error) {
	o.Environment = orDefault(o.Environment, "sandbox")
	o.Username = orDefault(o.Username, "username")
	if !slices.Contains([]string{"sandbox", "development", "production"}, o.Environment) {
		return Enrollment{}, invalid("environment is sandbox, development or production")
	}
	if len(o.Nonce) > 200 || len(o.User) > 100 {
		return Enrollment{}, invalid("nonce or userId is too long")
	}
	breaks, known := credentials(o.Username)
	if !known {
		return Enrollment{}, invalid("there is no user name %.40q", o.Username)
	}
	var made enrollment
	var err error
	if o.Enrollment != "" {
		made, err = a.renew(o.Enrollment, breaks)
	} else {
		made, err = a.begin(o, breaks)
	}
	if err != nil {
		return Enrollment{}, err
	}
	return a.handOver(&made, o.Nonce), nil
}

// renew repairs an enrollment; its accounts and ids stay.
func (a *API) renew(id, breaks string) (enrollment, error) {
	var made enrollment
	err := a.change(id, func(_ *book, e *enrollment) error {
		e.Health, e.Breaks = "", breaks
		made = e.copy()
		return nil
	})
	return made, err
}

func (a *API) begin(o EnrollOrder, breaks string) (enrollment, error) {
	if _, ok := bank.FindInstitution(o.Institution); !ok {
		return enrollment{}, invalid("there is no institution %.40q", o.Institution)
	}
	keys, err := a.choose(o)
	if err != nil {
		return enrollment{}, err
	}
	var made enrollment
	err = a.book.Write(func(b *book) error {
		if len(b.Enrollments) >= maxEnrollments {
			return invalid("there are %d enrollments already; start with a new state folder", maxEnrollments)
		}
		n := b.next()
		e := &enrollment{
			ID: "enr_" + world.Code(a.cfg.Seed, 20, "enrollment", n), Serial: n,
			Token: "token_" + world.Code(a.cfg.Seed, 20, "token", n),
			User:  orDefault(o.User, "usr_"+world.Code(a.cfg.Seed, 20, "user", n)), Environment: o.Environment,
			Institution: o.Institution, Username: o.Username, Created: a.cfg.Clock.Now().UTC(),
			Accounts: keys, Breaks: breaks, Seen: a.cfg.Clock.Today(),
		}
		if o.Environment == "sandbox" {
			e.Token = "test_" + e.Token
		}
		b.Enrollments[e.ID] = e
		made = e.copy()
		return nil
	})
	return made, err
}

// choose turns the order's accounts into keys.
func (a *API) choose(o EnrollOrder) ([]string, error) {
	all := a.offered(o.Institution, o.Username)
	if len(o.Accounts) == 0 {
		var keys []string
		for _, acc := range all {
			keys = append(keys, acc.Key)
		}
		return keys, nil
	}
	var keys []string
	for _, want := range o.Accounts {
		i := slices.IndexFunc(all, func(acc bank.Account) bool { return acc.Key == want || strings.HasSuffix(acc.Key, "/"+want) })
		if i < 0 {
			return nil, invalid("there is no account %.60q", want)
		}
		keys = append(keys, all[i].Key)
	}
	return keys, nil
}

// offered lists what a customer may share.
func (a *API) offered(institution, username string) []bank.Account {
	all := a.banks.Book(institution).Accounts(institution)
	if username != "verify.microdeposit" {
		return all
	}
	return slices.DeleteFunc(all, func(acc bank.Account) bool { return acc.Subtype != "checking" && acc.Subtype != "savings" })
}

func (a *API) handOver(e *enrollment, nonce string) Enrollment {
	institution, _ := bank.FindInstitution(e.Institution)
	out := Enrollment{
		AccessToken: e.Token, User: EnrollmentUser{e.User},
		Enrollment: EnrollmentInfo{e.ID, institutionRef{institution.ID, institution.Name}},
	}
	if nonce != "" {
		out.Signatures = []string{SignEnrollment(a.keys.Signing, nonce, e.Token, e.User, e.ID, e.Environment)}
	}
	return out
}

// credentials tells what a user name leads to: nothing, or the reason for
// which the enrollment breaks at its first data request.
func credentials(username string) (breaks string, known bool) {
	switch username {
	case "username", "otp", "challenge", "verify.microdeposit":
		return "", true
	}
	for _, r := range reasons {
		if r == username || strings.TrimPrefix(r, "disconnected.") == username {
			return r, true
		}
	}
	return "", false
}
