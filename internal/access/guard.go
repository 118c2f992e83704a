package access

import (
	"time"

	"flint/internal/fault"
	"flint/internal/id"
)

// Guard is what one kind of operation demands of everybody: a need, a rate limit
// and a fresh proof. Operations of that kind take all three from here, so that
// no two doors to the same thing differ.
type Guard struct {
	What      string
	Needs     Need
	Limit     string // policy in package ratelimit
	Assurance StepUp
}

// Orders guards the placing of orders. Like transfers, billing and exports they
// come with later features: their locks are here before their doors.
func Orders() Guard {
	return Guard{"placing an order", To(ExecuteTrades), "trading", StepUp{Within: 15 * time.Minute, Factor: true}}
}

// Transfers guards whatever moves money out of an account.
func Transfers() Guard {
	return Guard{"moving money", ManageOwn, "connect", StepUp{Within: 5 * time.Minute, Factor: true, Required: true}}
}

// Billing guards a change of what somebody pays.
func Billing() Guard {
	return Guard{"changing the subscription", ManageOwn, "checkout", StepUp{Within: 15 * time.Minute, Factor: true}}
}

// Exports guards taking everything away at once.
func Exports() Guard {
	return Guard{"exporting all data", To(ExportData), "write", StepUp{Within: 15 * time.Minute, Factor: true}}
}

// AdminLook guards what staff read about others.
func AdminLook() Guard {
	return Guard{"looking at people's accounts", To(ViewAllUsers), "data", StepUp{Within: time.Hour, Factor: true, Required: true}}
}

// AdminAct guards what staff change.
func AdminAct() Guard {
	return Guard{"changing people's accounts", To(ManageUsers), "write", StepUp{Within: 10 * time.Minute, Factor: true, Required: true}}
}

// Metrics guards what staff read about the system.
func Metrics() Guard {
	return Guard{"looking at the system", To(ViewSystemMetrics), "data", StepUp{Within: time.Hour, Factor: true, Required: true}}
}

// Settings guards changes of the system.
func Settings() Guard {
	return Guard{"changing the system", To(ManageSystemSettings), "write", StepUp{Within: 10 * time.Minute, Factor: true, Required: true}}
}

// Guards lists them all.
func Guards() []Guard {
	return []Guard{Orders(), Transfers(), Billing(), Exports(), AdminLook(), AdminAct(), Metrics(), Settings()}
}

// The faults of guarded features. Each names the layer that refused.
var (
	ErrPlan     = fault.New(fault.Forbidden, "plan_required", "Your plan doesn't include that.")
	ErrTrader   = fault.New(fault.Forbidden, "trading_not_enabled", "Trading isn't enabled for your account.")
	ErrUntraded = fault.New(fault.Forbidden, "account_not_tradable", "This account can't be traded in.")
	ErrReadOnly = fault.New(fault.Forbidden, "connection_read_only", "This institution is connected for reading only. Connect it again and allow trading.")
	ErrUnpaying = fault.New(fault.Forbidden, "account_not_payable", "No money can be moved out of this account.")
)

// Account is what the gates look at in an account that somebody wants to act on.
type Account struct {
	Owner            id.User
	CanTrade         bool   // as the provider says of this very account
	CanPay           bool   // likewise, of moving money out of it
	ConnectionAccess string // of its connection: read or trade
	Live             bool   // it is open, and its connection works
}

// MayTrade is the trading gate: nil, or the first layer that refuses. The layers
// are the person (confirmed, and allowed to trade by their plan), the operator's
// list of traders, the account, and the kind of connection. An account of
// somebody else doesn't exist.
func MayTrade(actor Actor, a Account) error {
	switch {
	case actor.User.IsZero() || a.Owner != actor.User:
		return fault.ErrNotFound
	case Decide(actor, To(ExecuteTrades)) != Allow:
		return ErrPlan
	case !actor.Trader:
		return ErrTrader
	case !a.CanTrade || !a.Live:
		return ErrUntraded
	case a.ConnectionAccess != "trade":
		return ErrReadOnly
	}
	return nil
}

// MayMoveMoney is the gate of transfers: nil, or the first layer that refuses.
func MayMoveMoney(actor Actor, from Account) error {
	switch {
	case actor.User.IsZero() || from.Owner != actor.User || Decide(actor, ManageOwn) != Allow:
		return fault.ErrNotFound
	case !from.CanPay || !from.Live:
		return ErrUnpaying
	}
	return nil
}
