package identity

// letter is what a mail about one verb says. Nothing in it comes from outside.
type letter struct {
	verb, subject, says string
	label, path         string // of the button
	otherwise           string // if it wasn't them
}

// letters is the table of what people are told by mail.
func letters() []letter {
	const (
		look, security = "Look at your devices", "/settings/security"
		wasnt, forgot  = "It wasn't me", "/forgot"
		stop           = "If it was you, there is nothing to do. If it wasn't, choose another password at once: that signs everybody out."
	)
	return []letter{
		{"session.start", "New sign-in to Flint",
			"Your Flint account was just signed in to on a device that we hadn't seen with it before.", look, security,
			"If it was you, there is nothing to do. If it wasn't, sign that device out and choose another password."},
		{"session.block", "A sign-in to Flint was stopped",
			"Somebody signed in to your Flint account with the right password, but in so unusual a way that we didn't let them in. Nothing of yours was shown to them, and your own devices stay signed in.", wasnt, forgot,
			"If it was you, sign in on a device that you have used before, or with a link from the sign-in page. If it wasn't, choose another password at once: they have the present one."},
		{"device.trust", "A device is trusted now",
			"A device that you are signed in on was just made a trusted one: unusual sign-ins on it don't wait for a code from your mailbox.", look, security, stop},
		{"session.reuse", "A copied sign-in was stopped",
			"Two devices used the same sign-in to your Flint account, so it may have been copied. We have ended it. Sign in again where you need it.", look, security,
			"If you don't know why that could be, choose another password, and make sure that your devices have no unwanted software on them."},
		{"password.change", "Your password was changed", "The password of your Flint account was just changed, and all other devices were signed out.", wasnt, forgot, stop},
		{"password.reset", "Your password was changed", "The password of your Flint account was just reset by mail, and all devices were signed out.", wasnt, forgot, stop},
		{"password.breached", "Choose another password",
			"The password of your Flint account is known from a breach of another service: people who try to get into accounts have it. Nobody got into yours by that, as far as we can tell.", "Choose another password", "/forgot",
			"Where you use the same password elsewhere, change it there too. We compare by the first five digits of a checksum: your password never left Flint."},
		{"api_key.create", "An API key was made", "A new API key was made for your Flint account. Whoever has it can read your balances and transactions.", "Look at your keys", security, stop},
		{"account.set_tier", "Your Flint plan was changed", "The plan of your Flint account was just changed by our staff. What you have connected and imported stays.", "See your account", "/settings/security",
			"If you don't know why, write to us."},
		{"account.set_role", "Your part at Flint was changed", "What your Flint account may do for other people was just changed by an operator.", look, security,
			"If you don't know why, tell your colleagues at once."},
		{"account.unban", "You can sign in again", "Your Flint account is open to sign-ins again.", look, security,
			"If you don't know why it was closed, write to us."},
		{"account.sign_out", "You were signed out everywhere", "Our staff just signed all of your devices out of Flint.", look, security,
			"If you don't know why, choose another password and write to us."},
		{"support.permit", "Support may look at your data", "Somebody who is signed in to your Flint account just let our support look at its data for some hours. They can read and change nothing.", "Look at your account's log", security,
			"If it wasn't you, end it in the security settings and choose another password at once."},
		{"support.open", "Support looks at your data", "Our support just began to look at the data of your Flint account, with the code that you gave them. They can read and change nothing, for an hour at most. Each look is in your account's log.", "Look at your account's log", security,
			"If you gave nobody a code, end it in the security settings and write to us at once."},
		{"factor.add", "A second step was added", "Signing in to your Flint account now takes a second step, or another way to do it was added.", look, security, stop},
		{"factor.remove", "A second step was removed", "A way to take the second step when signing in to your Flint account was removed.", look, security, stop},
		{"factor.use_backup", "A backup code was used", "A backup code was just used to sign in to your Flint account. It doesn't work again.", look, security, stop},
		{"factor.renew_backup", "New backup codes were made", "New backup codes were made for your Flint account. The earlier ones don't work any more.", look, security, stop},
	}
}

// letterFor returns the letter about verb.
func letterFor(verb string) (letter, bool) {
	for _, l := range letters() {
		if l.verb == verb {
			return l, true
		}
	}
	return letter{}, false
}
