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

// removeTransactions removes those whose partition would keep them too long: what
// was imported, or listed by a provider, long after it happened. It also lets go
// of the keys of those that went with a partition.
func removeTransactions(ctx context.Context, s *Service, before time.Time) (int64, error) {
	n, err := postgres.Touch(ctx, s.cfg.Pool, `
		delete from transactions where id = any(array(
			select t.id from transactions t
			where t.date < @before and t.id >= flint_id_at(@young)
				and not exists (select from legal_holds h where h.user_id = t.user_id and h.released_at is null)
			limit 5000))`, postgres.Args{"before": before, "young": quarter(before.Add(longer))})
	if err != nil || n > 0 {
		return n, err
	}
	for n = 1; n > 0 && err == nil; {
		n, err = postgres.Touch(ctx, s.cfg.Pool, `
			delete from transaction_keys k where k.transaction_id in (
				select o.transaction_id from transaction_keys o
				where o.transaction_id < flint_id_at(@young) and not exists (select from transactions t where t.id = o.transaction_id)
				limit 5000)`, postgres.Args{"young": quarter(before.Add(longer))})
	}
	return 0, err
}

// quarter is when the quarter of at begins.
func quarter(at time.Time) time.Time {
	y, m, _ := at.UTC().Date()
	return time.Date(y, (m-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
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

func countLines(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where i.over) as over, count(*) filter (where i.over and h.id is not null) as held
		from import_rows r join (select id, user_id, coalesce(undone_at, applied_at, created_at) < @before as over from imports) i on i.id = r.import_id
		left join legal_holds h on h.user_id = i.user_id and h.released_at is null`, postgres.Args{"before": before})
}

// removeLines removes the lines of files whose import is over; what became of
// them are transactions. What nobody applied goes whole.
func removeLines(ctx context.Context, s *Service, before time.Time) (int64, error) {
	return postgres.Scalar[int64](ctx, s.cfg.Pool, `
		with old as (
			select i.id, i.status from imports i
			where coalesce(i.undone_at, i.applied_at, i.created_at) < @before
				and (i.status = 'preview' or exists (select from import_rows r where r.import_id = i.id))
				and not exists (select from legal_holds h where h.user_id = i.user_id and h.released_at is null)
			limit 100
		), lines as (
			delete from import_rows r using old where r.import_id = old.id returning r.import_id
		), previews as (
			delete from imports i using old where i.id = old.id and old.status = 'preview' returning i.id
		)
		select (select count(*) from lines) + (select count(*) from previews)`, postgres.Args{"before": before})
}

func countRuns(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where r.started_at < @before) as over,
			count(*) filter (where r.started_at < @before and h.id is not null) as held
		from sync_runs r left join legal_holds h on h.user_id = r.user_id and h.released_at is null`, postgres.Args{"before": before})
}

// removeRuns removes those that say another time than their partition.
func removeRuns(ctx context.Context, s *Service, before time.Time) (int64, error) {
	return postgres.Touch(ctx, s.cfg.Pool, `
		delete from sync_runs where id = any(array(
			select r.id from sync_runs r where r.started_at < @before and r.id >= flint_id_at(@young)
				and not exists (select from legal_holds h where h.user_id = r.user_id and h.released_at is null)
			limit 5000))`, postgres.Args{"before": before, "young": before.Add(32 * day)})
}

func countLooks(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where c.until < @before) as over, count(*) filter (where c.until < @before and h.id is not null) as held
		from support_consents c left join legal_holds h on h.user_id = c.user_id and h.released_at is null`, postgres.Args{"before": before})
}

// removeLooks removes consents, and with them the looks that they allowed.
func removeLooks(ctx context.Context, s *Service, before time.Time) (int64, error) {
	return postgres.Touch(ctx, s.cfg.Pool, `
		delete from support_consents c where c.until < @before
			and not exists (select from support_sessions s where s.user_id = c.user_id and s.consent_id = c.id and s.until >= @before)
			and not exists (select from legal_holds h where h.user_id = c.user_id and h.released_at is null)`, postgres.Args{"before": before})
}

func countDecisions(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where d.at < @before) as over, count(*) filter (where d.at < @before and h.id is not null) as held
		from risk_decisions d left join legal_holds h on h.user_id = d.user_id and h.released_at is null`, postgres.Args{"before": before})
}

// removeDecisions removes those that say another time than their partition.
func removeDecisions(ctx context.Context, s *Service, before time.Time) (int64, error) {
	return postgres.Touch(ctx, s.cfg.Pool, `
		delete from risk_decisions where id = any(array(
			select d.id from risk_decisions d where d.at < @before and d.id >= flint_id_at(@young)
				and not exists (select from legal_holds h where h.user_id = d.user_id and h.released_at is null)
			limit 5000))`, postgres.Args{"before": before, "young": before.Add(8 * day)})
}

func countSessions(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where s.expires_at < @before or s.revoked_at < @before) as over,
			count(*) filter (where (s.expires_at < @before or s.revoked_at < @before) and h.id is not null) as held
		from sessions s left join legal_holds h on h.user_id = s.user_id and h.released_at is null`, postgres.Args{"before": before})
}

func countDeliveries(ctx context.Context, db postgres.DB, before time.Time) (Count, error) {
	return postgres.One[Count](ctx, db, `
		select count(*) as total, count(*) filter (where w.processed_at < @before) as over,
			count(*) filter (where w.processed_at < @before and h.id is not null) as held
		from webhook_inbox w left join legal_holds h on h.user_id = w.sealed_for and h.released_at is null`, postgres.Args{"before": before})
}

func insertRun(ctx context.Context, tx pgx.Tx, r Retained, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into retention_runs (rule, at, removed, held, partitions) values (@rule, @now, @removed, @held, @partitions) on conflict do nothing`,
		postgres.Args{"rule": r.Name, "now": now, "removed": r.Removed, "held": r.Held, "partitions": len(r.Dropped)})
}
