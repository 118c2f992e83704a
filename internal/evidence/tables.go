package evidence

import "slices"

// asvs are all requirements of ASVS 5.0.0. Those that can't apply are the ones
// about what Flint doesn't have; what it merely doesn't do is not covered.
func asvs() []Control {
	return slices.Concat(asvsEncoding(), asvsWeb(), asvsPeople(), asvsCrypto(), asvsData())
}

// shown is a control that its proofs show wholly.
func shown(id string, level int, what string, by ...string) Control {
	return Control{ID: id, Level: level, What: what, By: by}
}

// partly is one of which the proofs don't show everything.
func partly(id string, level int, what, gap string, by ...string) Control {
	return Control{ID: id, Level: level, What: what, Gap: gap, By: by}
}

// missing is one that nothing shows.
func missing(id string, level int, what, gap string) Control {
	return Control{ID: id, Level: level, What: what, Gap: gap}
}

// never is one that can't apply.
func never(id string, level int, what, why string) Control {
	return Control{ID: id, Level: level, What: what, Inapplicable: why}
}

// scope says what a report is about.
func scope(sys System) []string {
	return []string{
		"The Flint that is configured where the report was made, people reach it at " + sys.Origin + ", version " + sys.Version + ": its API, web app, background work and command line.",
		"Its database, looked at through the role that the program works as.",
		"Its source, where tests, documents and the steps of CI are.",
	}
}

// excluded says what a report is not about.
func excluded() []string {
	return []string{
		"The hosts, networks, the edge before Flint and the backups: the operator's.",
		"The organisation: people, contracts, policies, training.",
		"The providers Flint talks to (Teller, SnapTrade, mail, key services).",
		"Whether a test that exists passes, unless the results of a run were given.",
		"Whether a check would find every way in which a control can fail: it finds the ones it looks for.",
		"This is no certificate and no audit. OWASP certifies nothing; a SOC 2 report is an auditor's.",
	}
}

// pci is the statement about card data.
func pci() []Control {
	return []Control{
		shown("PCI-1", 0, "Flint takes and stores no cardholder data: there is no field for a card's number, expiry or security code. There is no payment in Flint yet.",
			"live:card-data"),
		missing("PCI-2", 0, "No card's number comes in by another way", "people may write anything into a note, and a bank's file may hold a number in a description; nothing looks for that"),
		missing("PCI-3", 0, "Payments are taken on the payment provider's own pages (SAQ A)", "there are no payments yet; when they come, the scope is to be looked at anew"),
	}
}
