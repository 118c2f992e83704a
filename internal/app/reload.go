package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/provider/captcha"
)

// live are the settings that Reload can exchange. Everything else needs a restart.
var live = []string{"CAPTCHA_SECRET", "DATABASE_URL", "FLINT_SIEM_TOKEN", "MAIL_FROM", "REDIS_URL", "RESEND_API_KEY", "SMTP_URL",
	"SNAPTRADE_CONSUMER_KEY", "SNAPTRADE_PREVIOUS_CONSUMER_KEY", "TELLER_WEBHOOK_SECRETS"}

// Reload puts settings that were read again to use, as far as that goes without
// a restart. It returns the variables that changed: those in use now, and those
// that wait for the next start. After an error a setting is as it was, and the
// others aren't held up by it.
func (a *App) Reload(ctx context.Context, db *Database, s *Settings) (used, waiting []string, err error) {
	a.reload.Lock()
	defer a.reload.Unlock()
	changed := differences(a.cfg, s.Config)
	if len(changed) == 0 {
		return nil, nil, nil
	}
	var failed []string
	fail := func(e error, names ...string) {
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", names[0], e))
			failed = append(failed, names...)
		}
	}
	if slices.Contains(changed, "DATABASE_URL") {
		fail(db.follow(ctx, a.cfg, s.Config), "DATABASE_URL")
	}
	if mails := []string{"SMTP_URL", "RESEND_API_KEY", "MAIL_FROM"}; slices.ContainsFunc(mails, func(n string) bool { return slices.Contains(changed, n) }) {
		if a.cfg.Mail.Enabled() != s.Config.Mail.Enabled() {
			fail(errors.New("to begin or to end sending mail takes a restart"), mails...)
		} else {
			posting := s.Config.Mail
			posting.Log = a.log
			fail(a.post.Use(posting), mails...)
		}
	}
	if slices.Contains(changed, "FLINT_SIEM_TOKEN") {
		a.SIEM.UseToken(s.Config.SIEM.Token)
	}
	if slices.Contains(changed, "CAPTCHA_SECRET") {
		fail(a.useCaptcha(s.Config), "CAPTCHA_SECRET")
	}
	if slices.Contains(changed, "REDIS_URL") {
		fail(a.useRedis(s.Config), "REDIS_URL")
	}
	if slices.Contains(changed, "SNAPTRADE_CONSUMER_KEY") {
		fail(a.useBroker(s.Config), "SNAPTRADE_CONSUMER_KEY")
	}
	next := a.cfg
	next.Snaptrade.PreviousConsumerKey = s.Config.Snaptrade.PreviousConsumerKey
	if !slices.Contains(failed, "SNAPTRADE_CONSUMER_KEY") {
		next.Snaptrade.ConsumerKey = s.Config.Snaptrade.ConsumerKey
	}
	if !slices.Contains(failed, "REDIS_URL") {
		next.Redis.URL = s.Config.Redis.URL
	}
	a.inbox.Rotate(s.Config.Teller.WebhookSecrets, next.Snaptrade.WebhookKeys())
	for _, name := range changed {
		if slices.Contains(live, name) && !slices.Contains(failed, name) {
			used = append(used, name)
		} else {
			waiting = append(waiting, name)
		}
	}
	next.Teller.WebhookSecrets = s.Config.Teller.WebhookSecrets
	next.SIEM.Token = s.Config.SIEM.Token
	if slices.Contains(used, "CAPTCHA_SECRET") {
		next.Captcha.Secret = s.Config.Captcha.Secret
	}
	if slices.Contains(used, "DATABASE_URL") {
		next.Database.URL = s.Config.Database.URL
	}
	if !slices.Contains(failed, "SMTP_URL") {
		next.Mail.URL, next.Mail.ResendKey, next.Mail.From = s.Config.Mail.URL, s.Config.Mail.ResendKey, s.Config.Mail.From
	}
	a.cfg = next
	return used, waiting, err
}

// differences returns the variables whose values differ.
func differences(a, b Config) []string {
	values := func(c Config) map[string]string {
		m := map[string]string{}
		for _, s := range config.Settings(&c) {
			m[s.Name] = s.Text
			for _, v := range s.Values {
				m[s.Name] += "\n" + v.Reveal()
			}
		}
		return m
	}
	old, fresh := values(a), values(b)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(fresh)), func(name string) bool { return old[name] == fresh[name] })
}

// asker is the service that tells people from programs; its secret may change.
type asker struct{ atomic.Pointer[captcha.Client] }

// Verify implements bot.Service.
func (c *asker) Verify(ctx context.Context, token config.Secret, want captcha.Expect) (captcha.Verdict, error) {
	return c.Load().Verify(ctx, token, want)
}

// Config implements bot.Service.
func (c *asker) Config() captcha.Config { return c.Load().Config() }

// useCaptcha asks from now on with another secret of the same service.
func (a *App) useCaptcha(now Config) error {
	next := a.cfg.Captcha
	next.Secret = now.Captcha.Secret
	if a.captcha.Load() == nil || !next.Enabled() || next.Secret.IsZero() {
		return errors.New("to begin or to end asking takes a restart")
	}
	client, err := captcha.New(next, time.Now, a.log, nil)
	if err != nil {
		return err
	}
	old := a.captcha.Swap(client)
	time.AfterFunc(time.Minute, old.Close) // nobody waits for it any more then
	return nil
}

// useRedis counts limits where REDIS_URL says now.
func (a *App) useRedis(now Config) error {
	if a.redis == nil || now.Redis.URL.IsZero() {
		return errors.New("to begin or to end counting there takes a restart")
	}
	return a.redis.Follow(now.Redis)
}

// useBroker signs with another consumer key of the same client. The old one still
// verifies webhooks for a while: see webhook.Overlap.
func (a *App) useBroker(now Config) error {
	if a.broker == nil || now.Snaptrade.ClientID != a.cfg.Snaptrade.ClientID {
		return errors.New("another client takes a restart")
	}
	a.broker.UseKey(now.Snaptrade.ConsumerKey)
	return nil
}

// follow connects as a new DATABASE_URL says.
func (d *Database) follow(ctx context.Context, before, now Config) error {
	if d.logins == nil {
		return errors.New("who connects isn't told by it")
	}
	check := now.Database
	check.MaxConns = 1
	pool, err := postgres.Open(ctx, check)
	if err != nil {
		return err // the old one may still be good
	}
	pool.Close()
	old, other, err := d.logins.Follow(before.Database.URL, now.Database.URL)
	if err != nil || !other {
		return err
	}
	time.AfterFunc(before.Database.StatementTimeout+30*time.Second, func() { d.logins.End(old) })
	return nil
}

// NoteSecrets records which secrets were read from a store, with their versions
// and never with a value. What was noted before in the same version isn't again.
func (a *App) NoteSecrets(ctx context.Context, from *config.Resolved) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	ctx = postgres.AsSystem(ctx, "secrets of Flint itself are nobody's")
	fresh := map[string]string{}
	err := postgres.InTx(ctx, a.pool, func(tx pgx.Tx) error {
		for _, p := range from.Fetched() {
			if a.noted[p.Name] == p.Where+" "+p.Version {
				continue
			}
			err := audit.Record(ctx, tx, time.Now(), audit.Entry{
				Actor: access.SystemActor("settings", id.User{}), Verb: "secret.read", Object: p.Name,
				Detail: map[string]any{"where": p.Where, "version": p.Version},
			})
			if err != nil {
				return err
			}
			fresh[p.Name] = p.Where + " " + p.Version
		}
		return nil
	})
	if err == nil {
		maps.Copy(a.noted, fresh)
	}
	return err
}
