package compliance

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Everything here is about everybody's rows: retention asks as the system.

func countTransactions(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where t.date < @before) as over, count(*) filter (where t.date < @before and h.id is not null) as held
		from transactions t left join legal_holds h on h.user_id = t.user_id and h.released_at is null`, postgres.Args{"before": before})
}

func removeTransactions(ctx context.Context, s *Service, before time.Time) (int64, error) {
	return postgres.Touch(ctx, s.cfg.Pool, `
		delete from transactions where id in (
			select t.id from transactions t
			where t.date < @before and not exists (select from legal_holds h where h.user_id = t.user_id and h.released_at is null)
			limit 5000)`, postgres.Args{"before": before})
}

func countMirror(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where t.date < @before) as over, count(*) filter (where t.date < @before and h.id is not null) as held
		from provider_transactions t left join legal_holds h on h.user_id = t.user_id and h.released_at is null`, postgres.Args{"before": before})
}

// removeMirror moves the balance that an account began with: it is what there was
// before the first transaction that we hold.
func removeMirror(ctx context.Context, s *Service, before time.Time) (int64, error) {
	return postgres.Scalar[int64](ctx, s.cfg.Pool, `
		with old as (
			select t.account_id, t.provider_id from provider_transactions t
			where t.date < @before and not exists (select from legal_holds h where h.user_id = t.user_id and h.released_at is null)
			limit 5000
		), gone as (
			delete from provider_transactions t using old
			where t.account_id = old.account_id and t.provider_id = old.provider_id
			returning t.user_id, t.account_id, t.amount, t.status, t.removed_at
		), sums as (
			select user_id, account_id, sum(amount) as amount from gone
			where status = 'posted' and removed_at is null group by user_id, account_id
		), moved as (
			update accounts a set opening_balance = a.opening_balance + s.amount
			from sums s where a.user_id = s.user_id and a.id = s.account_id
		)
		select count(*) from gone`, postgres.Args{"before": before})
}

func countIdle(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where u.idle) as over, count(*) filter (where u.idle and h.id is not null) as held
		from (select p.id, p.created_at < @before
				and not exists (select from audit_entries e where e.subject_id = p.id and e.actor_id = p.id and e.at >= @before)
				and not exists (select from sessions s where s.user_id = p.id and s.last_used_at >= @before) as idle
			from users p) u
		left join legal_holds h on h.user_id = u.id and h.released_at is null`, postgres.Args{"before": before})
}

// listIdle returns those whose deletion isn't under way. Who keeps the account by
// the mail's link has acted, and isn't idle any more.
func listIdle(ctx context.Context, db postgres.DB, before time.Time) ([]id.User, error) {
	return postgres.Many[id.User](ctx, db, `
		select p.id from users p
		where p.created_at < @before
			and not exists (select from audit_entries e where e.subject_id = p.id and e.actor_id = p.id and e.at >= @before)
			and not exists (select from sessions s where s.user_id = p.id and s.last_used_at >= @before)
			and not exists (select from legal_holds h where h.user_id = p.id and h.released_at is null)
			and not exists (select from account_deletions d where d.user_id = p.id and d.ended_at is null)
		limit 100`, postgres.Args{"before": before})
}

func countExports(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where asked_at < @before) as over, 0::bigint as held from privacy_exports`,
		postgres.Args{"before": before})
}

func removeExports(ctx context.Context, s *Service, before time.Time) (int64, error) {
	return postgres.Touch(ctx, s.cfg.Pool, `delete from privacy_exports where asked_at < @before`, postgres.Args{"before": before})
}

// removeArchives lets go of copies whose day is over.
func removeArchives(ctx context.Context, db postgres.DB, now time.Time) error {
	return postgres.Exec(ctx, db, `update privacy_exports set archive = null where expires_at <= @now and archive is not null`,
		postgres.Args{"now": now})
}

func countSessions(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where expires_at < @before or revoked_at < @before) as over, 0::bigint as held from sessions`,
		postgres.Args{"before": before})
}

func countDecisions(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where at < @before) as over, 0::bigint as held from risk_decisions`,
		postgres.Args{"before": before})
}

func countDeliveries(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where processed_at < @before) as over, 0::bigint as held from webhook_inbox`,
		postgres.Args{"before": before})
}

func insertRun(ctx context.Context, tx pgx.Tx, rule string, now time.Time, removed, held int64) error {
	return postgres.Exec(ctx, tx, `
		insert into retention_runs (rule, at, removed, held) values (@rule, @now, @removed, @held) on conflict do nothing`,
		postgres.Args{"rule": rule, "now": now, "removed": removed, "held": held})
}

func insertHold(ctx context.Context, tx pgx.Tx, hold id.LegalHold, owner id.User, reason string, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into legal_holds (id, user_id, reason, placed_at) values (@id, @owner, @reason, @now)`,
		postgres.Args{"id": hold, "owner": owner, "reason": reason, "now": now})
}

func releaseHold(ctx context.Context, tx pgx.Tx, owner id.User, now time.Time) (id.LegalHold, error) {
	return postgres.Scalar[id.LegalHold](ctx, tx, `
		update legal_holds set released_at = @now where user_id = @owner and released_at is null returning id`,
		postgres.Args{"owner": owner, "now": now})
}
