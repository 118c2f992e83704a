package audit

import (
	"slices"
	"strings"

	"flint/internal/device"
)

// Area is the part of a person's life with Flint that an event belongs to.
type Area string

// The areas of events.
const (
	SignIn      Area = "sign-in"
	Account     Area = "account"
	Connections Area = "connections"
	Data        Area = "data"
	internal    Area = "" // concerns nobody
)

// Name is how people read a verb. Words says what a value in the detail means;
// a value without words isn't shown, so nothing from a detail appears unless it
// was put here on purpose. Shows names the one detail that is shown as it is.
type Name struct {
	Verb  string
	Area  Area
	Title string
	Words map[string]map[string]string // detail, value: words
	Shows string
}

// Names is the table of all verbs. A new verb needs a line here; a test finds
// those that have none.
func Names() []Name {
	how := map[string]map[string]string{"how": {
		"password": "with your password", "link": "with a link from a mail", "passkey": "with a passkey",
		"totp": "with your password and an authenticator code", "backup_code": "with your password and a backup code",
	}}
	proof := map[string]map[string]string{"how": {
		"password": "with your password", "passkey": "with a passkey", "totp": "with an authenticator code", "backup_code": "with a backup code",
	}}
	factor := map[string]map[string]string{"how": {
		"totp": "An authenticator app.", "passkey": "A passkey.", "all": "All of them, by an operator.",
		"recovery": "All of them, since they were lost.",
		"undone":   "Those that were added about when the e-mail address was changed.",
	}}
	stopped := map[string]map[string]string{"how": {
		"link": "With the link of a mail.", "factor": "The second step was used.", "password": "The password changed.",
	}}
	refused := map[string]map[string]string{"reason": {
		"password": "The password was wrong.", "mail_code": "The code from the mail was wrong.", "factor": "The second step failed.", "code": "The code was wrong.",
	}}
	ended := map[string]map[string]string{"reason": {
		"signed_out": "You signed out.", "revoked": "Signed out from the list of devices.",
		"replaced": "Another sign-in in the same browser took its place.",
		"reuse":    "Its key was used twice, so it may have been copied.",
		"banned":   "The account was closed to sign-ins.", "operator": "Signed out by an operator.", "password": "The password changed.",
		"stopped": "A sign-in that looked like an attack came from the same network.",
		"factor":  "The second step changed.", "email": "The change of the e-mail address was undone.",
		"deletion": "The account is being deleted.",
	}}
	looked := map[string]map[string]string{"what": {
		"GET /api/accounts":              "Your accounts.",
		"GET /api/accounts/{id}":         "One of your accounts.",
		"GET /api/auth/user":             "Your name, address and plan.",
		"GET /api/connections":           "Your connections.",
		"GET /api/connections/{id}":      "One of your connections.",
		"GET /api/connections/{id}/runs": "A connection's latest syncs.",
		"GET /api/dashboard":             "Your dashboard.",
		"GET /api/imports":               "Your imports.",
		"GET /api/imports/{id}":          "One of your imports.",
		"GET /api/portfolio-holdings":    "Your holdings.",
		"GET /api/portfolio/history":     "Your net worth by day.",
		"GET /api/portfolio/summary":     "Your totals.",
		"GET /api/transactions":          "Your transactions.",
	}}
	return []Name{
		{"session.start", SignIn, "Signed in", how, ""},
		{"session.refuse", SignIn, "A sign-in was refused", refused, ""},
		{"session.end", SignIn, "A device was signed out", ended, ""},
		{"session.reuse", SignIn, "A copied sign-in was stopped", nil, ""},
		{"session.ask_factor", SignIn, "The first step of a sign-in was right; the second was asked for", nil, ""},
		{"session.ask_mailbox", SignIn, "An unusual sign-in has to wait for a code from your mailbox", nil, ""},
		{"session.block", SignIn, "A sign-in with your right password was stopped", nil, ""},
		{"risk.review", SignIn, "Our staff looked into a sign-in", map[string]map[string]string{"verdict": {
			"owner": "It was taken for yours.", "thief": "It was taken for a stranger's, and everybody was signed out.",
		}}, ""},
		{"session.step_up", SignIn, "You proved again that it's you", proof, ""},
		{"session.refuse_step_up", SignIn, "A proof that it's you was refused", refused, ""},
		{"device.trust", SignIn, "A device became trusted", nil, ""},
		{"device.distrust", SignIn, "A device stopped being trusted", nil, ""},
		{"device.name", SignIn, "A device got a name", nil, ""},
		{"device.forget", SignIn, "A device was forgotten", nil, ""},
		{"session.issue_link", SignIn, "A sign-in link was made for you", nil, ""},
		{"session.ask_link", SignIn, "A sign-in link was asked for", nil, ""},

		{"account.register", Account, "The account was opened", nil, ""},
		{"account.register_again", Account, "Somebody tried to open an account with your address", nil, ""},
		{"account.admit", Account, "The account was set up for you", nil, ""},
		{"account.import", Account, "Your account was brought here from another system", nil, ""},
		{"account.invite", Account, "You were invited to open an account", nil, ""},
		{"account.ban", Account, "The account was closed to sign-ins", nil, ""},
		{"account.unban", Account, "The account was opened to sign-ins again", nil, ""},
		{"account.ask_deletion", Account, "The deletion of the account was asked for", nil, ""},
		{"account.undo_deletion", Account, "The deletion of the account was undone", nil, ""},
		{"account.begin_deletion", Account, "The account was closed, and institutions are being told", nil, ""},
		{"account.erase", Account, "The account was erased", nil, ""},
		{"export.ask", Account, "A copy of your data was asked for", nil, ""},
		{"export.fetch", Account, "A copy of your data was downloaded", nil, ""},
		{"consent.accept", Account, "You accepted a text", map[string]map[string]string{"document": {
			"terms": "The terms of use.", "privacy": "The privacy notice.", "general": "What Flint is not.",
			"trading": "What was said about orders.", "connect": "What was said about connecting an institution.", "data": "What was said about the figures.",
		}}, ""},
		{"account.look", Account, "Our staff looked at how your account stands, not at what you own", nil, ""},
		{"account.sign_out", Account, "Our staff signed you out everywhere", nil, ""},
		{"account.set_tier", Account, "Your plan was changed", map[string]map[string]string{"after": {
			"free": "You are on Free now.", "basic": "You are on Standard now.", "pro": "You are on Pro now.", "premium": "You are on Premium now.",
		}}, ""},
		{"account.set_role", Account, "What you may do for others was changed", map[string]map[string]string{"after": {
			"none": "You no longer look after others.", "admin": "You are an administrator now.", "super": "You are a super administrator now.",
		}}, ""},
		{"password.ask_reset", Account, "A new password was asked for", nil, ""},
		{"password.rehash", internal, "The password's hash was made anew", nil, ""},
		{"password.breached", Account, "Your password was found among those that strangers have", nil, ""},
		{"password.refuse", Account, "A change of the password was refused", refused, ""},
		{"password.setup", Account, "A password was chosen", nil, ""},
		{"password.reset", Account, "The password was reset by mail", nil, ""},
		{"password.change", Account, "The password was changed", nil, ""},
		{"email.confirm", Account, "The e-mail address was confirmed", nil, ""},
		{"email.resend", Account, "Another confirmation mail was asked for", nil, ""},
		{"email.ask_change", Account, "A change of the e-mail address was asked for", nil, ""},
		{"email.change", Account, "The e-mail address was changed", nil, ""},
		{"email.undo_change", Account, "The change of the e-mail address was undone", nil, ""},

		{"factor.add", Account, "A second step was added to signing in", factor, ""},
		{"factor.remove", Account, "A second step was removed from signing in", factor, ""},
		{"factor.rename", Account, "A passkey got another name", nil, ""},
		{"factor.use_backup", Account, "A backup code was used", nil, ""},
		{"factor.renew_backup", Account, "New backup codes were made", nil, ""},
		{"factor.ask_recovery", Account, "The removal of a lost second step was asked for", nil, ""},
		{"log.export", Account, "The security log was downloaded", nil, ""},
		{"factor.stop_recovery", Account, "The removal of a lost second step was stopped", stopped, ""},

		{"support.permit", Account, "You let support look at your data for some hours", nil, ""},
		{"support.forbid", Account, "You stopped support from looking at your data", nil, ""},
		{"support.open", Account, "Support began to look at your data, with your code", nil, ""},
		{"support.read", Account, "Support looked at your data", looked, ""},
		{"support.close", Account, "Support stopped looking at your data", nil, ""},
		{"staff.search", internal, "Staff looked for somebody", nil, ""},

		{"api_key.create", Account, "An API key was made", nil, ""},
		{"api_key.revoke", Account, "An API key was removed", nil, ""},

		{"connection.link", Connections, "An institution was connected", nil, "institution"},
		{"connection.reconnect", Connections, "An institution was reconnected", nil, "institution"},
		{"connection.refresh", Connections, "A refresh was asked for", nil, ""},
		{"connection.remove", Connections, "An institution was disconnected", nil, "institution"},

		{"account.change", Data, "An account was renamed, shown or hidden", nil, ""},
		{"transaction.edit", Data, "A transaction was edited", nil, ""},
		{"transaction.delete", Data, "A transaction was deleted", nil, ""},
		{"import.bring", Data, "A statement was uploaded", nil, ""},
		{"import.map", Data, "A statement's columns were named", nil, ""},
		{"import.apply", Data, "A statement was imported", nil, ""},
		{"import.undo", Data, "An import was undone", nil, ""},

		{"screening.match", internal, "Somebody's name is like one on a list", nil, ""},
		{"screening.look", internal, "Staff looked at who may be on a list", nil, ""},
		{"screening.decide", internal, "Staff decided whether somebody is on a list", nil, ""},
		{"screening.renew", internal, "Everybody is compared with another list", nil, ""},
		{"hold.look", internal, "Staff looked at the legal holds on an account", nil, ""},
		{"hold.place", internal, "A legal hold was placed", nil, ""},
		{"hold.release", internal, "A legal hold was released", nil, ""},
		{"retention.run", internal, "Data whose time was over was removed", nil, ""},
		{"bot.refuse", internal, "Forms were refused as automated", nil, ""},
		{"secret.read", internal, "A secret of Flint's was read from where it is kept", nil, ""},
		{"key.rotate", internal, "Keys that seal secrets were exchanged", nil, ""},
		{"signing_key.create", internal, "A signing key was made", nil, ""},
		{"signing_key.rotate", internal, "A signing key was made to follow another", nil, ""},
		{"signing_key.retire", internal, "A signing key was retired", nil, ""},
	}
}

// NameOf returns how people read verb. One that isn't in the table is shown as
// something that happened, without its detail: rather that than not at all.
func NameOf(verb string) Name {
	for _, n := range Names() {
		if n.Verb == verb {
			return n
		}
	}
	return Name{Verb: verb, Area: Account, Title: "Something was changed"}
}

// verbsOf returns the verbs of an area; nil, which is all of them, if area is
// empty.
func verbsOf(area Area) []string {
	if area == "" {
		return nil
	}
	verbs := []string{}
	for _, n := range Names() {
		if n.Area == area {
			verbs = append(verbs, n.Verb)
		}
	}
	return verbs
}

// Says returns in words what l's detail adds to its title, perhaps nothing.
func (l Line) Says() string {
	name := NameOf(l.Verb)
	var said []string
	if text, _ := l.Detail[name.Shows].(string); text != "" {
		said = append(said, text)
	}
	for detail, meaning := range name.Words {
		value, _ := l.Detail[detail].(string)
		if w := meaning[value]; w != "" {
			said = append(said, w)
		}
	}
	slices.Sort(said)
	return strings.Join(said, " ")
}

// Device names the device that l tells of: "Firefox on Linux". It is empty if l
// tells of none.
func (l Line) Device() string {
	agent, ok := l.Detail["device"].(string)
	if !ok {
		return ""
	}
	return device.Of(agent).String()
}

// By says who did it, as seen by the person concerned: you, flint, support or
// unknown (somebody who wasn't signed in).
func (l Line) By() string {
	switch {
	case l.ActorKind == "system":
		return "flint"
	case l.ActorKind != "person":
		return "unknown"
	case l.ActorID == l.SubjectID:
		return "you"
	}
	return "support"
}
