package access

import "slices"

// Role is what somebody is to Flint: what they pay for, or that they look after
// others.
type Role string

// The roles, from most to least.
const (
	SuperAdmin Role = "SUPER_ADMIN"
	Admin      Role = "ADMIN"
	ProUser    Role = "PRO_USER"
	BasicUser  Role = "BASIC_USER"
	FreeUser   Role = "FREE_USER"
)

// Roles lists the roles, from most to least.
func Roles() []Role { return []Role{SuperAdmin, Admin, ProUser, BasicUser, FreeUser} }

// Permission is one thing that a role may do.
type Permission string

// The permissions.
const (
	ManageUsers  Permission = "MANAGE_USERS"
	ViewAllUsers Permission = "VIEW_ALL_USERS"

	ConnectUnlimitedAccounts Permission = "CONNECT_UNLIMITED_ACCOUNTS"
	ConnectMultipleAccounts  Permission = "CONNECT_MULTIPLE_ACCOUNTS"
	ConnectSingleAccount     Permission = "CONNECT_SINGLE_ACCOUNT"

	ExecuteTrades   Permission = "EXECUTE_TRADES"
	ViewTrades      Permission = "VIEW_TRADES"
	AdvancedTrading Permission = "ADVANCED_TRADING"

	ExportData   Permission = "EXPORT_DATA"
	APIAccess    Permission = "API_ACCESS"
	RealTimeData Permission = "REAL_TIME_DATA"

	AdvancedAnalytics Permission = "ADVANCED_ANALYTICS"
	BasicAnalytics    Permission = "BASIC_ANALYTICS"

	ViewSystemMetrics    Permission = "VIEW_SYSTEM_METRICS"
	ManageSystemSettings Permission = "MANAGE_SYSTEM_SETTINGS"
)

// grant is a permission and who has it beside SuperAdmin, who has them all.
type grant struct {
	permission Permission
	roles      []Role
}

// grants is the table of permissions (PRD 1.3). What the PRD names for a plan
// belongs to the plans above it too, but for the three that say how many
// institutions may be connected: a role has the one that is true of it.
func grants() []grant {
	return []grant{
		{ManageUsers, []Role{Admin}},
		{ViewAllUsers, []Role{Admin}},
		{ConnectUnlimitedAccounts, []Role{Admin, ProUser}},
		{ConnectMultipleAccounts, []Role{BasicUser}},
		{ConnectSingleAccount, []Role{FreeUser}},
		{ExecuteTrades, []Role{Admin, ProUser, BasicUser}},
		{ViewTrades, []Role{Admin, ProUser, BasicUser, FreeUser}},
		{AdvancedTrading, []Role{Admin, ProUser}},
		{ExportData, []Role{Admin, ProUser, BasicUser}},
		{APIAccess, []Role{Admin, ProUser}},
		{RealTimeData, []Role{Admin, ProUser}},
		{AdvancedAnalytics, []Role{Admin, ProUser}},
		{BasicAnalytics, []Role{Admin, ProUser, BasicUser, FreeUser}},
		{ViewSystemMetrics, []Role{Admin}},
		{ManageSystemSettings, nil},
	}
}

// Permissions lists every permission.
func Permissions() []Permission {
	list := []Permission{}
	for _, g := range grants() {
		list = append(list, g.permission)
	}
	return list
}

// Has reports whether r has p. A role or a permission that isn't known has
// nothing.
func (r Role) Has(p Permission) bool {
	for _, g := range grants() {
		if g.permission == p {
			return r == SuperAdmin || slices.Contains(g.roles, r)
		}
	}
	return false
}

// Staff reports whether r looks after others.
func (r Role) Staff() bool { return r == SuperAdmin || r == Admin }

// Connections returns how many institutions somebody of this role may link: 0,
// 1, 3 or Unlimited.
func (r Role) Connections() int {
	switch {
	case r.Has(ConnectUnlimitedAccounts):
		return Unlimited
	case r.Has(ConnectMultipleAccounts):
		return 3
	case r.Has(ConnectSingleAccount):
		return 1
	}
	return 0
}

// Role returns what a person of this tier is. An unknown tier counts as Free.
func (t Tier) Role() Role {
	switch t {
	case Pro, Premium:
		return ProUser
	case Basic:
		return BasicUser
	}
	return FreeUser
}

// RoleOf returns what actor is now; nobody has no role. To be staff takes three
// layers: a session of a person (never an API key or a job), a confirmed address
// that the operator's list names, and the flag in the database. Whoever lacks one
// is what they pay for, as everybody is, and so is whoever support acts for.
func RoleOf(a Actor) Role {
	switch {
	case a.User.IsZero():
		return ""
	case a.Session.IsZero() || !a.Key.IsZero() || a.System != "" || a.ReadOnly:
	case a.Confirmed && a.Listed && a.Super:
		return SuperAdmin
	case a.Confirmed && a.Listed && a.Admin:
		return Admin
	}
	return a.Tier.Role()
}
