package access

import "time"

// Level is how surely a session is the person's: the assurance levels of NIST
// SP 800-63B that Flint reaches.
type Level string

// The levels.
const (
	AAL1 Level = "aal1" // something known: the password, or a link in the mailbox
	AAL2 Level = "aal2" // a second factor as well, or a passkey that verified the user
)

// Proofs is when the person behind a session last proved who they are. A zero
// time is a proof that was never given, or that has been taken back.
type Proofs struct {
	PasswordAt time.Time
	FactorAt   time.Time // a second factor, or a passkey
}

// Level returns what these proofs amount to.
func (p Proofs) Level() Level {
	if p.FactorAt.IsZero() {
		return AAL1
	}
	return AAL2
}

// Method is a way to prove who one is.
type Method string

// The methods.
const (
	Password   Method = "password"
	TOTP       Method = "totp"        // a code of an authenticator app
	Passkey    Method = "passkey"     // WebAuthn, with user verification
	BackupCode Method = "backup_code" // one of the ten on paper
)

// Factors is which second factors somebody has.
type Factors struct {
	TOTP        bool
	Passkey     bool
	BackupCodes bool // unused ones are left; no factor by themselves
}

// Any reports whether there is one.
func (f Factors) Any() bool { return f.TOTP || f.Passkey }

// Methods lists how they can be proven, the strongest first.
func (f Factors) Methods() []Method {
	list := []Method{}
	if f.Passkey {
		list = append(list, Passkey)
	}
	if f.TOTP {
		list = append(list, TOTP)
	}
	if f.BackupCodes && f.Any() {
		list = append(list, BackupCode)
	}
	return list
}

// StepUp is the fresh proof that an operation demands. The zero StepUp demands
// none.
type StepUp struct {
	// Within is how old the proof may be.
	Within time.Duration
	// Factor demands a second factor of people who have one, and the password of
	// those who have none. Otherwise any proof will do.
	Factor bool
	// Required demands that they have one, with Factor.
	Required bool
}

// skew is how far another node's clock may be ahead. A proof from further in
// the future is none: the clock was moved.
const skew = 30 * time.Second

// Demanded reports whether anything is.
func (s StepUp) Demanded() bool { return s != StepUp{} }

// Met reports whether actor's proofs suffice at now.
func (s StepUp) Met(actor Actor, now time.Time) bool {
	if !s.Demanded() {
		return true
	}
	fresh := func(at time.Time) bool {
		age := now.Sub(at)
		return !at.IsZero() && age >= -skew && age < s.Within
	}
	if s.Factor && (s.Required || actor.Factors.Any()) {
		return !s.Lacking(actor) && fresh(actor.Proofs.FactorAt)
	}
	return fresh(actor.Proofs.PasswordAt) || fresh(actor.Proofs.FactorAt)
}

// Lacking reports whether actor can't meet s before they add a second factor.
func (s StepUp) Lacking(actor Actor) bool { return s.Required && !actor.Factors.Any() }

// Methods lists what actor may prove themselves with to meet s, the strongest
// first. It is never empty.
func (s StepUp) Methods(actor Actor) []Method {
	list := actor.Factors.Methods()
	if s.Factor && actor.Factors.Any() {
		return list
	}
	return append(list, Password)
}
