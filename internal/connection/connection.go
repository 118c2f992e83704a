// Package connection links a person's institutions to Flint, keeps their
// credentials sealed and their health known.
//
// A connection is one login at one institution, through Teller (banks) or
// SnapTrade (brokerages, crypto exchanges). Its life:
//
//	start -> (the provider's widget or portal) -> finish -> pending
//	pending -> healthy <-> degraded                 syncs succeed or fail
//	any -> reauth -> (start with reconnect) -> pending   the person must sign in again
//	any -> disconnected                             ended at the provider
//	any -> quarantined                              three syncs in a row that we don't understand
//	any -> deleted                                  by the person
//
// Start makes an attempt: random, good for half an hour and for one use. Finish
// proves what the browser brings: Teller's signature over the attempt's nonce,
// SnapTrade's own word for the connection. The provider is asked before the
// transaction and never inside it (one exception: see register). Then, in one
// transaction: the plan's limit, the sealed credential, the audit entry and the
// first sync's job. Finishing twice, or linking again what is linked already, is
// a reconnect and never doubles anything.
//
// Package ingest does the syncing. It takes a Lease, whose fence makes a worker
// that was overtaken harmless. A wake-up sets dirty_at and queues a job; jobs of
// one connection collapse while they wait, but never into one that runs
// (see SyncArgs), so no wake-up is lost.
//
// A webhook changes a status at most. Only the person deletes a connection: the
// credential is destroyed in that very transaction, and a job tells the provider.
package connection

import (
	"time"

	"flint/internal/fault"
	"flint/internal/id"
)

// The providers.
const (
	Teller    = "teller"
	SnapTrade = "snaptrade"
)

// Kind is what is at the other end.
type Kind string

// The kinds.
const (
	Bank      Kind = "bank"
	Brokerage Kind = "brokerage"
	Crypto    Kind = "crypto"
)

// Status is a connection's health.
type Status string

// The statuses; the package comment says how they follow each other.
const (
	Pending      Status = "pending"
	Healthy      Status = "healthy"
	Degraded     Status = "degraded"
	Reauth       Status = "reauth"
	Disconnected Status = "disconnected"
	Quarantined  Status = "quarantined"
)

// Connection is a linked institution, without its credential.
type Connection struct {
	ID                   id.Connection
	UserID               id.User
	Provider             string // Teller or SnapTrade
	ProviderConnectionID string // Teller's enrollment, SnapTrade's authorization
	Kind                 Kind
	InstitutionID        string
	InstitutionName      string
	Access               string // read or trade
	Status               Status
	StatusReason         string // the provider's code, or ours
	CreatedAt            time.Time
	Fence                int64      // of the newest lease
	LeaseUntil           *time.Time // a sync runs until then at most
	DirtyAt              *time.Time // something changed at the provider then, and isn't fetched yet
	NextSyncAt           *time.Time
	LastAttemptAt        *time.Time // when the newest sync began
	LastSuccessAt        *time.Time
	LastFullAt           *time.Time // when the whole overlap was walked
	ConsecutiveFailures  int
	DeletedAt            *time.Time
}

// columns are those of Connection.
const columns = `id, user_id, provider, provider_connection_id, kind, institution_id, institution_name, access,
	status, status_reason, created_at, fence, lease_until, dirty_at, next_sync_at, last_attempt_at, last_success_at,
	last_full_at, consecutive_failures, deleted_at`

// The faults of this package.
var (
	ErrPlanLimit   = fault.New(fault.Forbidden, "connection_limit", "Your plan allows no more connections. Remove one, or choose a larger plan.")
	ErrAttempt     = fault.New(fault.Conflict, "attempt_expired", "This visit has expired or was used already. Start connecting again.")
	ErrSignature   = fault.New(fault.Invalid, "signature_invalid", "What came back from the bank couldn't be verified. Start connecting again.")
	ErrUnavailable = fault.New(fault.Unavailable, "provider_unavailable", "The institution's service can't be reached just now. Try again in a few minutes.")
	ErrRefused     = fault.New(fault.Invalid, "credential_refused", "The institution refused the new connection. Start connecting again.")
	ErrElsewhere   = fault.New(fault.Conflict, "connection_conflict", "This connection can't be linked here.")
	ErrEnded       = fault.New(fault.Conflict, "connection_ended", "This connection was ended. Connect the institution again first.")
	ErrTooSoon     = fault.New(fault.TooMany, "refresh_too_soon", "This connection was refreshed less than a minute ago.")
	ErrBusy        = fault.New(fault.Conflict, "sync_running", "A sync of this connection is running already.")
	ErrLeaseLost   = fault.New(fault.Conflict, "lease_lost", "Another sync has taken over.")
)
