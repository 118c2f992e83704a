package connection

import (
	"context"
	"fmt"
	"time"

	"flint/internal/access"
	"flint/internal/id"
)

// Action is what a person can do about a connection's state.
type Action string

// The actions.
const (
	None      Action = "none"
	Reconnect Action = "reconnect"
	Wait      Action = "wait"
	Retry     Action = "retry"
)

// Line is a connection as its owner sees it.
type Line struct {
	Connection
	Accounts  int
	LastError *string // class of the newest finished sync's error
}

// Listing is all of a person's connections.
type Listing struct {
	Connections []Line
	Limit       int // access.Unlimited: none
	Used        int
}

// Run is one sync.
type Run struct {
	ID         id.Run
	Trigger    string
	StartedAt  time.Time
	FinishedAt *time.Time
	Outcome    *string // succeeded, failed or superseded; nil while it runs
	Phase      string
	Accounts   int
	Fetched    int
	Added      int
	Updated    int
	Superseded int
	Removed    int
	Positions  int
	APICalls   int `db:"api_calls"`
	ErrorClass *string
}

// List returns the actor's connections, oldest first.
func (s *Service) List(ctx context.Context, actor access.Actor) (Listing, error) {
	lines, err := list(ctx, s.pool, actor.User)
	if err != nil {
		return Listing{}, fmt.Errorf("list connections: %w", err)
	}
	role, err := s.cfg.RoleOf(ctx, s.pool, actor.User)
	if err != nil {
		return Listing{}, fmt.Errorf("list connections: role: %w", err)
	}
	return Listing{Connections: lines, Limit: role.Connections(), Used: len(lines)}, nil
}

// Get returns one of the actor's connections, or fault.ErrNotFound.
func (s *Service) Get(ctx context.Context, actor access.Actor, connection id.Connection) (Line, error) {
	line, err := getLine(ctx, s.pool, actor.User, connection)
	if err != nil {
		return line, fmt.Errorf("get connection: %w", err)
	}
	return line, nil
}

// Runs returns the newest syncs of one of the actor's connections, at most 20.
func (s *Service) Runs(ctx context.Context, actor access.Actor, connection id.Connection) ([]Run, error) {
	if _, err := byOwner(ctx, s.pool, actor.User, connection); err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	runs, err := listRuns(ctx, s.pool, actor.User, connection)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return runs, nil
}

// Explain says in one sentence how a connection is, and what to do about it.
func (l Line) Explain() (message string, action Action) {
	switch l.Status {
	case Pending:
		return "The first sync is under way.", Wait
	case Healthy:
		return "", None
	case Degraded:
		class := ""
		if l.LastError != nil {
			class = *l.LastError
		}
		return explainError(class, l.InstitutionName), Wait
	case Reauth:
		return explainReauth(l.StatusReason, l.InstitutionName), Reconnect
	case Disconnected:
		return "The connection to " + l.InstitutionName + " was ended. What was fetched stays; connect again to go on.", Reconnect
	}
	return "We can't make sense of what " + l.InstitutionName + " sends, and are looking into it. Your figures stay as they last were.", Retry
}

// explainError is the sentence for a class of platform/outbound.
func explainError(class, institution string) string {
	switch class {
	case "rate_limited":
		return "We asked too often and were told to wait; the next sync is planned."
	case "provider_down":
		return "The service that reads " + institution + " is down; we go on trying."
	case "bug":
		return "The last answer of " + institution + " couldn't be read; we go on trying."
	}
	return institution + " can't be reached just now; we go on trying."
}

// explainReauth is the sentence for a reason: Teller's words after
// "disconnected.", or ours.
func explainReauth(reason, institution string) string {
	switch reason {
	case "credentials_invalid":
		return institution + " no longer accepts the saved sign-in. Connect it again."
	case "account_locked":
		return institution + " has locked the account. Unlock it there, then connect it again."
	case "user_action.mfa_required":
		return institution + " wants to see a second factor. Connect it again."
	case "user_action.captcha_required", "user_action.web_login_required", "user_action.contact_information_required":
		return institution + " wants you to sign in on its own site first. Then connect it again."
	case "user_action.insufficient_permissions":
		return institution + " didn't allow enough. Connect it again and allow all that is asked."
	case "enrollment_inactive":
		return institution + " was connected too long ago. Connect it again."
	}
	return institution + " needs you to sign in again. Connect it again."
}
