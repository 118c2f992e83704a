package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
)

// roles is PRD 1.3, written out once more: a column for each role, from most to
// least.
const roles = `
MANAGE_USERS               S A - - -
VIEW_ALL_USERS             S A - - -
CONNECT_UNLIMITED_ACCOUNTS S A P - -
CONNECT_MULTIPLE_ACCOUNTS  S - - B -
CONNECT_SINGLE_ACCOUNT     S - - - F
EXECUTE_TRADES             S A P B -
VIEW_TRADES                S A P B F
ADVANCED_TRADING           S A P - -
EXPORT_DATA                S A P B -
API_ACCESS                 S A P - -
REAL_TIME_DATA             S A P - -
ADVANCED_ANALYTICS         S A P - -
BASIC_ANALYTICS            S A P B F
VIEW_SYSTEM_METRICS        S A - - -
MANAGE_SYSTEM_SETTINGS     S - - - -`

func TestRolesHaveWhatThePRDSays(t *testing.T) {
	var named []access.Permission
	for line := range strings.Lines(strings.TrimSpace(roles)) {
		cells := strings.Fields(line)
		p := access.Permission(cells[0])
		named = append(named, p)
		for i, r := range access.Roles() {
			if want := cells[i+1] != "-"; r.Has(p) != want {
				t.Errorf("%s has %s: %v", r, p, r.Has(p))
			}
		}
	}
	if !slices.Equal(named, access.Permissions()) {
		t.Errorf("there are %v", access.Permissions())
	}
}

func TestTiersMapToRoles(t *testing.T) {
	for tier, want := range map[access.Tier]access.Role{
		access.Premium: access.ProUser, access.Pro: access.ProUser, access.Basic: access.BasicUser, access.Free: access.FreeUser,
		"": access.FreeUser, "gold": access.FreeUser, "admin": access.FreeUser, "PRO": access.FreeUser,
	} {
		if got := tier.Role(); got != want {
			t.Errorf("%q: %s, want %s", tier, got, want)
		}
	}
}

func TestConnectionLimitsFollowTheRole(t *testing.T) {
	for role, want := range map[access.Role]int{
		access.FreeUser: 1, access.BasicUser: 3, access.ProUser: access.Unlimited, access.Admin: access.Unlimited, access.SuperAdmin: access.Unlimited,
		"": 0, "root": 0,
	} {
		if got := role.Connections(); got != want {
			t.Errorf("%q: %d, want %d", role, got, want)
		}
	}
}

func TestWhatIsNotKnownHasNothing(t *testing.T) {
	for _, r := range append(access.Roles(), "", "root", "admin") {
		for _, p := range []access.Permission{"", "ROOT", "manage_users", "view-own", "public"} {
			if r.Has(p) {
				t.Errorf("%q has %q", r, p)
			}
		}
	}
	for _, p := range access.Permissions() {
		for _, r := range []access.Role{"", "root", "admin", "super_admin"} {
			if r.Has(p) {
				t.Errorf("%q has %q", r, p)
			}
		}
	}
}

// staff is an actor with every layer of an administrator.
func staff(super bool) access.Actor {
	return access.Actor{User: id.New[id.User](), Session: id.New[id.Session](), Confirmed: true, Admin: true, Super: super, Listed: true, Tier: access.Free}
}

func TestD17EachLayerOfAnAdministratorIsNeeded(t *testing.T) {
	for _, super := range []bool{false, true} {
		whole := staff(super)
		if !access.RoleOf(whole).Staff() || (access.RoleOf(whole) == access.SuperAdmin) != super {
			t.Fatalf("with every layer: %s", access.RoleOf(whole))
		}
		for name, without := range map[string]func(*access.Actor){
			"the session":             func(a *access.Actor) { a.Session = id.Session{} },
			"the person":              func(a *access.Actor) { a.User = id.User{} },
			"the list":                func(a *access.Actor) { a.Listed = false },
			"the flag":                func(a *access.Actor) { a.Admin, a.Super = false, false },
			"a confirmed address":     func(a *access.Actor) { a.Confirmed = false },
			"themself, but a key":     func(a *access.Actor) { a.Key = id.New[id.APIKey]() },
			"themself, but a job":     func(a *access.Actor) { a.System = "sync" },
			"themself, but a look in": func(a *access.Actor) { a.ReadOnly = true },
		} {
			a := whole
			without(&a)
			if r := access.RoleOf(a); r.Staff() {
				t.Errorf("without %s: %s", name, r)
			}
			for _, p := range access.Permissions() {
				if access.To(p).Staff() && access.Decide(a, access.To(p)) == access.Allow {
					t.Errorf("without %s: %s", name, p)
				}
			}
		}
	}
}

func TestPermissionsAreDecidedByRole(t *testing.T) {
	now := access.Actor{User: id.New[id.User](), Session: id.New[id.Session](), Confirmed: true}
	for _, c := range []struct {
		tier access.Tier
		need access.Need
		want access.Verdict
	}{
		{access.Free, access.ViewOwn, access.Allow},
		{access.Free, access.To(access.ViewTrades), access.Allow},
		{access.Free, access.To(access.ExecuteTrades), access.UpgradeFirst},
		{access.Basic, access.To(access.ExecuteTrades), access.Allow},
		{access.Basic, access.To(access.APIAccess), access.UpgradeFirst},
		{access.Pro, access.To(access.APIAccess), access.Allow},
		{access.Premium, access.To(access.ViewAllUsers), access.Deny},
		{access.Premium, access.To(access.ManageSystemSettings), access.Deny},
		{access.Premium, access.To("ROOT"), access.Deny},
	} {
		a := now
		a.Tier = c.tier
		if got := access.Decide(a, c.need); got != c.want {
			t.Errorf("%s, %s: %v, want %v", c.tier, c.need, got, c.want)
		}
		if got := access.Decide(access.Actor{}, c.need); got == access.Allow {
			t.Errorf("nobody, %s: %v", c.need, got)
		}
		if a.Confirmed = false; access.Decide(a, c.need) == access.Allow {
			t.Errorf("an unconfirmed person: %s", c.need)
		}
	}
}

func TestWhoLooksInDoesNothing(t *testing.T) {
	a := access.Actor{User: id.New[id.User](), Session: id.New[id.Session](), Behind: id.New[id.User](), ReadOnly: true, Confirmed: true, Tier: access.Premium}
	for _, need := range []access.Need{access.ManageOwn, access.To(access.ExecuteTrades), access.To(access.ExportData), access.To(access.ManageUsers)} {
		if v := access.Decide(a, need); v != access.Deny {
			t.Errorf("%s: %v", need, v)
		}
	}
	if v := access.Decide(a, access.ViewOwn); v != access.Allow {
		t.Errorf("looking: %v", v)
	}
}

func TestD16PastDueKeepsWhatIsPaid(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status access.Status
		until  time.Time
		want   access.Tier
	}{
		{access.Granted, time.Time{}, access.Pro},
		{access.Active, time.Time{}, access.Pro},
		{access.PastDue, now.Add(time.Second), access.Pro},
		{access.PastDue, now, access.Free},
		{access.PastDue, time.Time{}, access.Free},
		{access.Cancelled, now.Add(time.Hour), access.Pro},
		{access.Cancelled, now.Add(-time.Hour), access.Free},
		{"expired", now.Add(time.Hour), access.Free},
		{"inactive", time.Time{}, access.Free},
	} {
		if got := (access.Subscription{Tier: access.Pro, Status: c.status, PaidUntil: c.until}).Effective(now); got != c.want {
			t.Errorf("%q until %s: %s, want %s", c.status, c.until, got, c.want)
		}
	}
}

func TestD15TradingPassesEveryLayer(t *testing.T) {
	trader := access.Actor{User: id.New[id.User](), Session: id.New[id.Session](), Confirmed: true, Tier: access.Basic, Trader: true}
	account := access.Account{Owner: trader.User, CanTrade: true, ConnectionAccess: "trade", Live: true}
	if err := access.MayTrade(trader, account); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*access.Actor, *access.Account)
		want   error
	}{
		{"nobody", func(a *access.Actor, _ *access.Account) { *a = access.Actor{} }, fault.ErrNotFound},
		{"nobody's account", func(a *access.Actor, b *access.Account) { *a, b.Owner = access.Actor{}, id.User{} }, fault.ErrNotFound},
		{"somebody else's account", func(_ *access.Actor, b *access.Account) { b.Owner = id.New[id.User]() }, fault.ErrNotFound},
		{"the plan", func(a *access.Actor, _ *access.Account) { a.Tier = access.Free }, access.ErrPlan},
		{"an unconfirmed address", func(a *access.Actor, _ *access.Account) { a.Confirmed = false }, access.ErrPlan},
		{"support", func(a *access.Actor, _ *access.Account) { a.ReadOnly = true }, access.ErrPlan},
		{"the list", func(a *access.Actor, _ *access.Account) { a.Trader = false }, access.ErrTrader},
		{"the account", func(_ *access.Actor, b *access.Account) { b.CanTrade = false }, access.ErrUntraded},
		{"a closed account", func(_ *access.Actor, b *access.Account) { b.Live = false }, access.ErrUntraded},
		{"the connection", func(_ *access.Actor, b *access.Account) { b.ConnectionAccess = "read" }, access.ErrReadOnly},
		{"an unknown connection", func(_ *access.Actor, b *access.Account) { b.ConnectionAccess = "" }, access.ErrReadOnly},
	} {
		a, b := trader, account
		c.change(&a, &b)
		if err := access.MayTrade(a, b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestD13MoneyLeavesOnlyOnesOwnAccount(t *testing.T) {
	payer := access.Actor{User: id.New[id.User](), Session: id.New[id.Session](), Confirmed: true}
	account := access.Account{Owner: payer.User, CanPay: true, Live: true}
	if err := access.MayMoveMoney(payer, account); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*access.Actor, *access.Account)
		want   error
	}{
		{"nobody", func(a *access.Actor, b *access.Account) { *a, b.Owner = access.Actor{}, id.User{} }, fault.ErrNotFound},
		{"somebody else's account", func(_ *access.Actor, b *access.Account) { b.Owner = id.New[id.User]() }, fault.ErrNotFound},
		{"an unconfirmed address", func(a *access.Actor, _ *access.Account) { a.Confirmed = false }, fault.ErrNotFound},
		{"support", func(a *access.Actor, _ *access.Account) { a.ReadOnly = true }, fault.ErrNotFound},
		{"the account", func(_ *access.Actor, b *access.Account) { b.CanPay = false }, access.ErrUnpaying},
		{"a closed account", func(_ *access.Actor, b *access.Account) { b.Live = false }, access.ErrUnpaying},
	} {
		a, b := payer, account
		c.change(&a, &b)
		if err := access.MayMoveMoney(a, b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestGuardsAskForAFreshProof(t *testing.T) {
	for _, g := range access.Guards() {
		switch {
		case g.What == "" || g.Limit == "" || g.Limit == "none":
			t.Errorf("%+v is incomplete", g)
		case access.Decide(access.Actor{}, g.Needs) != access.SignInFirst:
			t.Errorf("%s is open to strangers, or shut to all", g.What)
		case access.Decide(staff(true), g.Needs) != access.Allow:
			t.Errorf("%s is for nobody", g.What)
		case !g.Assurance.Factor || g.Assurance.Within <= 0 || g.Assurance.Within > time.Hour:
			t.Errorf("%s takes an old proof: %+v", g.What, g.Assurance)
		case g.Needs.Staff() && !g.Assurance.Required:
			t.Errorf("%s: staff may do without a second factor", g.What)
		}
	}
}

func TestARequiredFactorCannotBeDoneWithout(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	must := access.StepUp{Within: time.Hour, Factor: true, Required: true}
	bare := access.Actor{Proofs: access.Proofs{PasswordAt: now, FactorAt: now}}
	if must.Met(bare, now) || !must.Lacking(bare) {
		t.Error("a factor that was removed still counts")
	}
	has := access.Actor{Factors: access.Factors{TOTP: true}, Proofs: access.Proofs{PasswordAt: now}}
	if must.Met(has, now) || must.Lacking(has) {
		t.Error("a password counts as the factor")
	}
	if has.Proofs.FactorAt = now; !must.Met(has, now) {
		t.Error("the factor doesn't count")
	}
}
