package risk

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"flint/internal/device"
	"flint/internal/geo"
)

// Signal is a row of the table of what is unusual.
type Signal struct {
	Name   string
	Weight int    // on a device that isn't known
	Known  int    // on a device that the person has signed in on before
	Says   string // to the person
	Why    string // the numbers
}

// Signals is the table. A device's cookie is what somebody with a password alone
// doesn't have; so most signals weigh less beside it, those about the moment
// nothing.
func Signals() []Signal {
	return []Signal{
		{"new_device", 25, 0, "We hadn't seen you on this device before.",
			"alone it is only told by mail: people get new phones"},
		{"new_network", 15, 5, "You hadn't used this internet provider before.",
			"with a new device it is just what somebody elsewhere with the password looks like"},
		{"new_country", 30, 10, "You hadn't signed in from this country before.",
			"tables of countries err, so it decides nothing alone"},
		{"impossible_travel", 45, 15, "Nobody gets there that fast from where you last signed in.",
			"faster than 1,000 km/h between the nearest points that the table allows, and 500 km at least; a VPN does that too"},
		{"unusual_hour", 10, 5, "You never sign in at this time of day.",
			"fewer than one in fifty sign-ins within two hours of it, of twenty at least, by the person's clock"},
		{"new_system", 5, 0, "You hadn't used this kind of device before.",
			"a hint beside others"},
		{"device_changed", 40, 40, "The device calls itself something else than before.",
			"a cookie that moves from one system to another was copied"},
		{"hints_changed", 0, 25, "The device's language or kind differs from what it was.",
			"what it says with every request, hashed; with another country and network it is what a copied cookie looks like"},
		{"long_away", 20, 10, "You hadn't signed in for more than three months.",
			"what we knew of your ways is gone, so there is less to compare with"},
		{"account_guessed", 10, 0, "Somebody had tried wrong passwords for your account.",
			"five or more within an hour, whoever it was"},
		{"account_hammered", 20, 0, "Somebody had tried many wrong passwords for your account.",
			"twenty or more within a day, instead of account_guessed"},
		{"network_guessing", 15, 0, "Wrong passwords had come from the same part of the internet.",
			"ten or more within an hour; an office of honest people stays below or uses known devices"},
		{"network_spraying", 45, 0, "From the same part of the internet, passwords for many accounts were tried.",
			"five accounts or more within an hour"},
		{"attack_under_way", 15, 0, "Passwords for a great many accounts were being tried at that time.",
			"fifty accounts or more within ten minutes, from wherever"},
		{"breached_password", 20, 0, "Your password is known from a breach of another service.",
			"it is on the lists that stuffing works through"},
		{"listed_tor", 35, 20, "It came through the Tor network, where nobody can see who somebody is.",
			"of the operator's list"},
		{"listed_hosting", 20, 10, "It came from a computer centre, where people seldom sit.",
			"of the operator's list"},
		{"listed_vpn", 10, 5, "It came through a VPN.",
			"of the operator's list"},
		{"listed_other", 20, 10, "It came from a network that deserves a closer look.",
			"of the operator's list"},
		{"trusted_device", -30, -30, "You trust this device.",
			"it is known, is what it was, and was used within 90 days"},
	}
}

func signal(name string) (Signal, bool) {
	for _, s := range Signals() {
		if s.Name == name {
			return s, true
		}
	}
	return Signal{}, false
}

// Says explains the reason to the person.
func (r Reason) Says() string {
	s, ok := signal(r.Signal)
	if !ok {
		return "Something else was unusual."
	}
	return s.Says
}

// Past is an earlier sign-in that became a session.
type Past struct {
	At       time.Time
	Network  string
	Agent    string
	Country  string
	Latitude float64

	Longitude, Reach float64
}

func (p Past) place() geo.Place {
	return geo.Place{Country: p.Country, Latitude: p.Latitude, Longitude: p.Longitude, Reach: p.Reach}
}

// Failures are the wrong passwords of late.
type Failures struct {
	AccountHour, AccountDay int // for this account
	NetworkHour             int // from this network, for whichever account
	NetworkAccounts         int // accounts that they were for, within the hour
	EveryAccounts           int // accounts that passwords failed for within ten minutes, from wherever
}

// facts are what the signals are computed from.
type facts struct {
	Attempt
	network  string
	place    geo.Place
	placed   bool
	past     []Past // newest first
	failures Failures
	tag      string // of the operator's lists
}

const (
	fastest   = 1000.0 // km/h; airliners fly at 900
	leastTrip = 500.0  // km, below which tables of addresses are guessing
	enough    = 20     // sign-ins before there is such a thing as a usual hour
)

// score adds up what is unusual about f.
func score(f facts) (int, []Reason) {
	moved := f.Device.Known && Changed(f.Device.Agent, f.Agent)
	known := f.Device.Known && !moved
	var reasons []Reason
	total := 0
	see := func(name string, seen bool) {
		s, _ := signal(name)
		w := s.Weight
		if known {
			w = s.Known
		}
		if seen && w != 0 {
			reasons = append(reasons, Reason{name, w})
			total += w
		}
	}
	see("device_changed", moved)
	see("hints_changed", f.hintsChanged())
	see("trusted_device", known && f.Device.Trusted)
	if len(f.past) > 0 || f.Earlier {
		see("new_device", !f.Device.Known)
	}
	if len(f.past) > 0 {
		see("new_network", f.network != "" && f.none(func(p Past) bool { return p.Network == f.network }))
		system := device.Of(f.Agent).OS
		see("new_system", f.none(func(p Past) bool { return p.Agent == f.Agent || device.Of(p.Agent).OS == system }))
		see("new_country", f.newCountry())
		see("impossible_travel", f.impossible())
		see("unusual_hour", f.unusualHour())
	} else {
		see("long_away", f.Earlier)
	}
	see("account_hammered", f.failures.AccountDay >= 20)
	see("account_guessed", f.failures.AccountHour >= 5 && f.failures.AccountDay < 20)
	see("network_spraying", f.failures.NetworkAccounts >= 5)
	see("network_guessing", f.failures.NetworkHour >= 10 && f.failures.NetworkAccounts < 5)
	see("attack_under_way", f.failures.EveryAccounts >= 50)
	see("breached_password", f.Breached && f.Action == Password)
	if f.tag != "" {
		name := "listed_" + f.tag
		if _, ok := signal(name); !ok {
			name = "listed_other"
		}
		see(name, true)
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int { return b.Weight - a.Weight })
	return max(total, 0), reasons
}

// hintsChanged reports whether the device says something else about itself than
// it did at its last sign-in.
func (f facts) hintsChanged() bool {
	return f.Device.Known && len(f.Device.Hints) > 0 && len(f.Hints) > 0 && !bytes.Equal(f.Device.Hints, f.Hints)
}

// none reports whether no earlier sign-in is such.
func (f facts) none(such func(Past) bool) bool { return !slices.ContainsFunc(f.past, such) }

// newCountry holds only if it is known where the person was before.
func (f facts) newCountry() bool {
	return f.placed && !f.none(func(p Past) bool { return p.Country != "" }) &&
		f.none(func(p Past) bool { return p.Country == f.place.Country })
}

// impossible compares with the last sign-in whose place is known. Who moves
// between two countries that both are theirs has two homes, or a VPN.
func (f facts) impossible() bool {
	i := slices.IndexFunc(f.past, func(p Past) bool { return p.Country != "" })
	if !f.placed || i < 0 || f.past[i].Country == f.place.Country && f.place.City == "" {
		return false
	}
	usual := 0
	for _, p := range f.past {
		if p.Country == f.place.Country {
			usual++
		}
	}
	if usual >= 2 {
		return false
	}
	km := geo.Apart(f.past[i].place(), f.place)
	hours := f.At.Sub(f.past[i].At).Hours()
	return km >= leastTrip && km > fastest*max(hours, 0.1)
}

// unusualHour holds if hardly a sign-in of many was within two hours of this
// one's time of day, where the person lives.
func (f facts) unusualHour() bool {
	where, err := time.LoadLocation(f.TimeZone)
	if err != nil || len(f.past) < enough {
		return false
	}
	near := 0
	at := f.At.In(where).Hour()
	for _, p := range f.past {
		apart := (p.At.In(where).Hour() - at + 24) % 24
		if min(apart, 24-apart) <= 2 {
			near++
		}
	}
	return near*50 < len(f.past)
}

// Changed reports whether a device's User-Agent tells of another system. Browsers
// are updated, systems aren't exchanged.
func Changed(before, now string) bool {
	b, n := device.Of(before), device.Of(now)
	return b.OS != "" && b.OS != n.OS || b.Browser != "" && n.Browser != "" && b.Browser != n.Browser
}

// decide says what follows from a score.
func (c Config) decide(a Attempt, score int, trusted bool) Outcome {
	switch {
	case a.Action != Password && score >= c.BlockProvenAt, a.Action == Password && score >= c.BlockAt:
		return Block
	case a.Action != Password || score < c.HoldAt:
		return Allow // a passkey or the mailbox was proven already
	case a.Factor:
		return StepUp
	case trusted:
		return Allow
	}
	return VerifyEmail
}

// inputs is f as it is kept, to be explained later.
func (f facts) inputs() map[string]any {
	in := map[string]any{
		"deviceKnown": f.Device.Known, "deviceTrusted": f.Device.Trusted, "factor": f.Factor, "breached": f.Breached,
		"hintsChanged": f.hintsChanged(), "earlierSignIns": len(f.past), "failures": f.failures, "network": f.network,
	}
	if f.placed {
		in["country"] = f.place.Country
	}
	if f.tag != "" {
		in["list"] = f.tag
	}
	if len(f.past) > 0 {
		in["last"] = fmt.Sprintf("%s %s", f.past[0].At.UTC().Format(time.RFC3339), f.past[0].Country)
	}
	return in
}
