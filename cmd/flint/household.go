package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"flint/internal/bot"
	"flint/internal/provider/captcha"
)

// household fills a new demo. It comes in by the public door, as a person with
// the mobile app would: it registers, confirms the e-mail address, signs in,
// connects every institution and imports a statement.
type household struct {
	flint *caller // Flint's API
	world *caller // the sandbox's control API
}

// The demo's owner.
const (
	ownerEmail = "alex@example.com"
	ownerName  = "Alex"
)

// The owner's institutions. The last bank breaks once it has been read.
var (
	banks   = []string{"chase", "capital_one", "american_express"}
	brokers = []struct{ slug, kind string }{{"SCHWAB", "brokerage"}, {"FIDELITY", "brokerage"}, {"COINBASE", "crypto"}}
)

const broken = "american_express"

// patience is how long anything that happens in the background may take.
const patience = 2 * time.Minute

// furnish does it all, or says what didn't work.
func (h *household) furnish(ctx context.Context, password string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := h.register(ctx, password); err != nil {
		return fmt.Errorf("register the owner: %w", err)
	}
	if err := h.signIn(ctx, password); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	group, within := errgroup.WithContext(ctx)
	enrollments := make([]string, len(banks))
	for i, bank := range banks {
		group.Go(func() (err error) {
			enrollments[i], err = h.connectBank(within, bank)
			return err
		})
	}
	for _, b := range brokers {
		group.Go(func() error { return h.connectBroker(within, b.slug, b.kind) })
	}
	group.Go(func() error { return h.importLoan(within) })
	if err := group.Wait(); err != nil {
		return err
	}
	if err := h.synced(ctx); err != nil {
		return fmt.Errorf("wait for the first sync: %w", err)
	}
	// The brokers have something to add, and webhooks that say so.
	if err := h.world.post(ctx, "/control/webhooks/wait", struct{}{}, nil); err != nil {
		return fmt.Errorf("wait for webhooks: %w", err)
	}
	if err := h.synced(ctx); err != nil {
		return fmt.Errorf("wait for the sync that webhooks asked for: %w", err)
	}
	for i, bank := range banks {
		if bank == broken {
			path := "/control/teller/" + enrollments[i] + "/disconnect"
			if err := h.world.post(ctx, path, map[string]string{"reason": "credentials_invalid"}, nil); err != nil {
				return fmt.Errorf("break %s: %w", bank, err)
			}
		}
	}
	// The owner is to find no strange device among theirs.
	if err := h.flint.post(ctx, "/api/auth/logout", struct{}{}, nil); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return nil
}

func (h *household) register(ctx context.Context, password string) error {
	proof, err := h.prove(ctx, bot.Register)
	if err != nil {
		return err
	}
	var terms struct {
		Version string `json:"version"`
	}
	if err := h.flint.get(ctx, "/api/privacy/documents/terms", &terms); err != nil {
		return err
	}
	person := map[string]any{"firstName": ownerName, "email": ownerEmail, "password": password, "proof": proof, "acceptedTerms": terms.Version}
	if err := h.flint.post(ctx, "/api/auth/public-register", person, nil); err != nil {
		return err
	}
	var token string
	err = until(ctx, func() (bool, error) {
		var box struct {
			Messages []struct {
				Links []string `json:"links"`
			} `json:"messages"`
		}
		if err := h.world.get(ctx, "/control/inbox?to="+url.QueryEscape(ownerEmail), &box); err != nil {
			return false, err
		}
		for _, m := range box.Messages {
			for _, link := range m.Links {
				if _, fragment, ok := strings.Cut(link, "/verify#"); ok {
					token = fragment
				}
			}
		}
		return token != "", nil
	})
	if err != nil {
		return fmt.Errorf("find the confirmation mail: %w", err)
	}
	return h.flint.post(ctx, "/api/auth/verify-email", map[string]string{"token": token}, nil)
}

func (h *household) signIn(ctx context.Context, password string) error {
	proof, err := h.prove(ctx, bot.Login)
	if err != nil {
		return err
	}
	var session struct {
		Token string `json:"mobileAccessToken"`
	}
	err = h.flint.post(ctx, "/api/auth/login", map[string]any{"email": ownerEmail, "password": password, "proof": proof}, &session)
	h.flint.token = session.Token
	return err
}

// prove works for a form that wants a proof; nil where it wants none.
func (h *household) prove(ctx context.Context, action string) (*bot.Proof, error) {
	var c bot.Challenge
	for _, work := range []string{"false", "true"} { // a service's script doesn't run here
		if err := h.flint.get(ctx, "/api/auth/challenge?action="+action+"&work="+work, &c); err != nil || !c.Required {
			return nil, err
		}
		if c.Kind == captcha.None {
			break
		}
	}
	proof := bot.Work(c)
	return &proof, nil
}

// connectBank links a bank as the Connect widget would, and returns its
// enrollment.
func (h *household) connectBank(ctx context.Context, bank string) (string, error) {
	var start struct {
		Attempt string `json:"attempt"`
		Nonce   string `json:"nonce"`
	}
	if err := h.flint.post(ctx, "/api/connections/teller/start", struct{}{}, &start); err != nil {
		return "", err
	}
	var got struct {
		AccessToken string `json:"accessToken"`
		User        struct {
			ID string `json:"id"`
		} `json:"user"`
		Enrollment struct {
			ID          string            `json:"id"`
			Institution map[string]string `json:"institution"`
		} `json:"enrollment"`
		Signatures []string `json:"signatures"`
	}
	if err := h.world.post(ctx, "/control/teller/enroll", map[string]string{"institution": bank, "nonce": start.Nonce}, &got); err != nil {
		return "", err
	}
	return got.Enrollment.ID, h.flint.post(ctx, "/api/connections/teller", map[string]any{
		"attempt": start.Attempt, "accessToken": got.AccessToken, "userId": got.User.ID,
		"enrollmentId": got.Enrollment.ID, "institution": got.Enrollment.Institution, "signatures": got.Signatures,
	}, nil)
}

var connectionID = regexp.MustCompile(`connection_id=([0-9a-f-]{36})`)

// connectBroker clicks through the portal.
func (h *household) connectBroker(ctx context.Context, slug, kind string) error {
	var start struct {
		Attempt     string `json:"attempt"`
		RedirectURL string `json:"redirectUrl"`
	}
	if err := h.flint.post(ctx, "/api/connections/snaptrade/start", map[string]string{"kind": kind, "broker": slug}, &start); err != nil {
		return err
	}
	_, login, err := h.click(ctx, http.MethodGet, start.RedirectURL, nil)
	if err != nil {
		return err
	}
	_, confirm, err := h.click(ctx, http.MethodPost, login, url.Values{"username": {"alex"}, "password": {"password"}})
	if err != nil {
		return err
	}
	page, _, err := h.click(ctx, http.MethodPost, confirm, url.Values{})
	if err != nil {
		return err
	}
	found := connectionID.FindStringSubmatch(page)
	if found == nil {
		return fmt.Errorf("the portal ended without a connection at %s", slug)
	}
	return h.flint.post(ctx, "/api/connections/snaptrade", map[string]string{"attempt": start.Attempt, "authorizationId": found[1]}, nil)
}

// click opens a page of the portal and returns its text and where it was in the
// end.
func (h *household) click(ctx context.Context, method, address string, form url.Values) (text, at string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", fmt.Errorf("open the portal: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := h.world.http.Do(r)
	if err != nil {
		return "", "", fmt.Errorf("open the portal: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("status %d", answer.StatusCode)
	}
	if err != nil {
		return "", "", fmt.Errorf("read the portal: %w", err)
	}
	return string(body), answer.Request.URL.String(), nil
}

// synced waits until every connection has been read and none is being read.
func (h *household) synced(ctx context.Context) error {
	return until(ctx, func() (bool, error) {
		var list struct {
			Connections []struct {
				InstitutionName string  `json:"institutionName"`
				Status          string  `json:"status"`
				Message         string  `json:"message"`
				LastSyncedAt    *string `json:"lastSyncedAt"`
				Syncing         bool    `json:"syncing"`
			} `json:"connections"`
		}
		if err := h.flint.get(ctx, "/api/connections", &list); err != nil {
			return false, err
		}
		for _, c := range list.Connections {
			switch {
			case c.Status == "reauth" || c.Status == "quarantined":
				return false, fmt.Errorf("%s is %s: %s", c.InstitutionName, c.Status, c.Message)
			case c.LastSyncedAt == nil || c.Syncing:
				return false, nil
			}
		}
		return len(list.Connections) == len(banks)+len(brokers), nil
	})
}

// until asks again and again, four times a second, until done says so.
func until(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("it took too long")
		case <-time.After(250 * time.Millisecond):
		}
	}
}
