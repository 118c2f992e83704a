package compliance

import (
	"context"
	"time"

	"flint/internal/activity"
	"flint/internal/platform/postgres"
)

const day = 24 * time.Hour

// longer is how much longer than its time a transaction may stay, waiting for its
// quarter to end and be dropped with it: a quarter, and the days that banks take.
const longer = 100 * day

// Rule says how long one kind of data stays (PRD 7.1). What has no remove and no
// parts here is removed by the feature that it belongs to; its rule is here to be
// reported, and to notice when that doesn't happen.
type Rule struct {
	Name   string
	Keep   time.Duration
	From   string   // what the time is counted from
	By     string   // the job that removes it
	Tables []string // whose rows
	// parts is the table whose partitions are dropped, whole, once they are past
	// their time (see 00034_partitions.sql).
	parts string
	// count returns how many there are, how many are past their time, and how many
	// of those a legal hold keeps.
	count func(ctx context.Context, db postgres.DB, before time.Time) (Count, error)
	// remove takes some away and returns how many those were; none: it is done. Of
	// what is in partitions, that is what would stay too long in a young one.
	remove func(ctx context.Context, s *Service, before time.Time) (int64, error)
}

// Count is how much there is of something.
type Count struct{ Total, Over, Held int64 }

// Rules is the table of retention.
func Rules() []Rule {
	const job = "compliance.retain"
	return []Rule{
		{"transactions", activity.Keep, "their date", job, []string{"transactions", "transaction_keys"}, "transactions", countTransactions, removeTransactions},
		{"provider's transactions", activity.Keep, "their date", job, []string{"provider_transactions"}, "", countMirror, removeMirror},
		{"accounts without activity", 7 * 365 * day, "the last act of theirs", job, []string{"users"}, "", countIdle, removeIdle},
		{"copies of data", 7 * day, "the request; the archive goes after a day", job, []string{"privacy_exports"}, "", countExports, removeExports},
		{"imported files' lines", 90 * day, "the last step of the import; a preview goes whole", job, []string{"import_rows"}, "", countLines, removeLines},
		{"sync runs", 90 * day, "their start", job, []string{"sync_runs"}, "sync_runs", countRuns, removeRuns},
		{"support's looks and codes", 90 * day, "their end", job, []string{"support_consents", "support_sessions"}, "", countLooks, removeLooks},
		{"decisions about sign-ins", 90 * day, "the sign-in", job, []string{"risk_decisions"}, "risk_decisions", countDecisions, removeDecisions},
		{"sessions", 30 * day, "their end", "session.sweep", []string{"sessions"}, "", countSessions, nil},
		{"providers' messages", 90 * day, "their handling", "webhook.sweep", []string{"webhook_inbox"}, "", countDeliveries, nil},
	}
}

const (
	withAccount = "a person's own, as long as there is the account: it goes with it"
	flints      = "Flint's own, of nobody"
	theLog      = "the audit log is kept without end: taking something out would break its proof"
)

// Unruled says of each table without a rule why it needs none.
func Unruled() map[string]string {
	return map[string]string{
		"connections": withAccount, "snaptrade_users": withAccount, "accounts": withAccount, "imports": withAccount,
		"account_snapshots": "the newest of an account; a sync replaces it", "positions": "with their snapshot", "cash_balances": "with their snapshot",
		"balance_days": withAccount, "net_worth_days": withAccount, "wealth": withAccount,
		"totp_factors": withAccount, "backup_codes": withAccount, "passkeys": withAccount,
		"password_history": "the last few passwords; older ones go when another comes",
		"devices":          "session.sweep: 180 days after their last use, unless held",
		"refresh_tokens":   "session.sweep: when they expire", "sign_in_challenges": "session.sweep: when they expire",
		"sign_in_holds": "session.sweep: when they expire", "mail_tokens": "session.sweep: when they expire",
		"email_changes": "session.sweep: when they can be neither confirmed nor undone any more", "email_change_tokens": "with their change",
		"factor_recoveries": "session.sweep: a month after their end", "passkey_challenges": "session.sweep: when they expire",
		"risk_failures":     "session.sweep: after a day",
		"api_keys":          "apikey.sweep: 30 days after their end",
		"connect_attempts":  "connection.sweep: a while after they expire",
		"account_deletions": "ids and times: to show that a deletion was carried out",
		"legal_holds":       "with the account, which it keeps: to show what was held and why",
		"consents":          "with their account: who accepted which text is owed an answer as long",
		"screenings":        "with their account: what was decided about a match, and when",
		"screening_list":    "which list, and how far everybody was compared; nobody's",
		"retention_runs":    "counts: to show that retention was carried out",
		"audit_entries":     theLog, "audit_pending": theLog, "audit_leaves": theLog, "audit_nodes": theLog, "audit_checkpoints": theLog, "audit_keys": theLog,
		"keyring.data_keys":           "with their account; retired ones after the time that backups are kept",
		"keyring.key_encryption_keys": flints, "keyring.hash_keys": flints, "keyring_made": flints, "keyring_inherited": flints, "key_rotations": flints, "leases": flints, "siem_sinks": flints,
		"signing_keys": flints, "fx_rates": "exchange rates are nobody's",
		"goose_db_version": flints, "river_migration": flints, "river_leader": flints, "river_queue": flints, "river_notification": flints,
		"river_job": "ids only; the queue removes finished jobs after days",
	}
}
