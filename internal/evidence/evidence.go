// Package evidence says which security controls Flint has and how one can see
// that they hold: for the OWASP ASVS 5.0 and the SOC 2 trust services criteria.
// `flint compliance report` writes what it finds.
//
// The tables (asvs_*.go, soc2.go) bind each control to its proofs: a check of the
// configured system that runs now (live*.go), a test of the source, a section of
// the documents, a step of CI. A report looks at every proof anew (proof.go), so a
// control that was switched off or a test that was removed shows as failed. What
// has no proof is listed as not covered, and what doesn't apply says why. Nothing
// here claims that Flint is certified: nobody but an auditor says that.
//
// Ids are those of the standards; the words beside them are ours. ASVS is
// © OWASP Foundation, CC BY-SA 4.0.
package evidence

import (
	"context"
	"time"
)

// Control is one requirement of a standard and what shows that it is met.
type Control struct {
	ID    string
	Level int    // of ASVS, 1 to 3; 0 elsewhere
	What  string // in our words
	// By are the proofs: "live:NAME", "path/x_test.go:TestName", "web/…" (a test
	// in the browser or of the web app), "docs/page.md#Heading", "ci:COMMAND".
	By []string
	// Gap is what the proofs don't show. A control without proofs must have one.
	Gap string
	// Inapplicable says why the control can't apply to Flint.
	Inapplicable string
}

// Standard is a list of controls.
type Standard struct {
	Name, Note string
	Controls   []Control
}

// Standards returns the tables.
func Standards() []Standard {
	return []Standard{
		{
			Name:     "OWASP ASVS 5.0.0",
			Note:     "All 345 requirements. Ids and levels are OWASP's (CC BY-SA 4.0), the words are Flint's own and shorter: read the requirement itself before relying on a line.",
			Controls: asvs(),
		},
		{
			Name:     "SOC 2, common criteria",
			Note:     "Trust services criteria CC1 to CC9 (security). Most of CC1 to CC5 is about people and an organisation, which a program can't show; those lines say so.",
			Controls: soc2(),
		},
		{
			Name:     "PCI DSS, scope",
			Note:     "Why Flint is outside of it. The ids are Flint's own.",
			Controls: pci(),
		},
	}
}

// Status is what came of looking at a control's proofs.
type Status string

// The statuses, from best to worst.
const (
	Covered      Status = "covered"        // every proof holds
	Partly       Status = "partly covered" // every proof holds, and something is missing
	Failed       Status = "failed"         // a proof doesn't hold
	Unseen       Status = "not looked at"  // a proof couldn't be looked at in this run
	NotCovered   Status = "not covered"    // there is no proof
	Inapplicable Status = "not applicable"
)

// Statuses lists them all in the order of a report.
func Statuses() []Status {
	return []Status{Covered, Partly, Failed, Unseen, NotCovered, Inapplicable}
}

// Result is a control and what came of it.
type Result struct {
	ID     string  `json:"id"`
	Level  int     `json:"level,omitempty"`
	What   string  `json:"what"`
	Status Status  `json:"status"`
	Proofs []Proof `json:"proofs,omitempty"`
	// Note is the gap, or why the control doesn't apply.
	Note string `json:"note,omitempty"`
}

// Tally counts results.
type Tally struct {
	Total      int `json:"total"`
	Applicable int `json:"applicable"`
	Covered    int `json:"covered"`
	Partly     int `json:"partlyCovered"`
	Failed     int `json:"failed"`
	Unseen     int `json:"notLookedAt"`
	NotCovered int `json:"notCovered"`
	// Of the covered: shown best by a check that ran now or by a test, and those
	// for which there is a document or a step of CI and no more.
	ByCheck    int `json:"coveredByCheck"`
	ByTest     int `json:"coveredByTest"`
	ByDocument int `json:"coveredByDocument"`
}

// Section is a standard's results.
type Section struct {
	Standard string        `json:"standard"`
	Note     string        `json:"note"`
	Tally    Tally         `json:"counts"`
	Levels   map[int]Tally `json:"levels,omitempty"` // of ASVS: each level by itself
	Results  []Result      `json:"results"`
}

// Report is everything that was looked at.
type Report struct {
	Made     time.Time `json:"made"`
	Version  string    `json:"version"`
	Scope    []string  `json:"scope"`
	Excluded []string  `json:"excluded"`
	Source   string    `json:"source"` // what the tests were looked for in
	Tests    string    `json:"tests"`  // what is known of their results
	Checks   []Proof   `json:"checks"` // every check of the system that ran
	Sections []Section `json:"sections"`
	Modules  []Module  `json:"components"`
}

// Make looks at every proof of every control of standards. sys is the system to
// look at, src what the tests and documents are in.
func Make(ctx context.Context, sys System, src Source, standards []Standard) Report {
	look := looker{live: runChecks(ctx, sys), src: src}
	r := Report{
		Made: sys.Now().UTC(), Version: sys.Version, Scope: scope(sys), Excluded: excluded(), Source: src.String(), Tests: src.resultsNote(), Modules: sys.Modules,
	}
	for _, c := range checks() {
		r.Checks = append(r.Checks, look.live[c.name])
	}
	for _, s := range standards {
		sec := Section{Standard: s.Name, Note: s.Note, Levels: map[int]Tally{}}
		for _, c := range s.Controls {
			res := look.judge(c)
			sec.Results = append(sec.Results, res)
			sec.Tally.add(res)
			if c.Level > 0 {
				t := sec.Levels[c.Level]
				t.add(res)
				sec.Levels[c.Level] = t
			}
		}
		r.Sections = append(r.Sections, sec)
	}
	return r
}

// Failures lists what a report found broken: "V8.4.1: the reason".
func (r Report) Failures() []string {
	var list []string
	for _, s := range r.Sections {
		for _, res := range s.Results {
			if res.Status != Failed {
				continue
			}
			for _, p := range res.Proofs {
				if p.State == Fails {
					list = append(list, res.ID+": "+p.Ref+": "+p.Detail)
				}
			}
		}
	}
	return list
}

func (t *Tally) add(r Result) {
	t.Total++
	if r.Status != Inapplicable {
		t.Applicable++
	}
	switch r.Status {
	case Covered:
		t.Covered++
		switch best(r.Proofs) {
		case ACheck:
			t.ByCheck++
		case ATest:
			t.ByTest++
		default:
			t.ByDocument++
		}
	case Partly:
		t.Partly++
	case Failed:
		t.Failed++
	case Unseen:
		t.Unseen++
	case NotCovered:
		t.NotCovered++
	}
}

// judge says what came of one control. It never says more than the least of the
// proofs does.
func (l looker) judge(c Control) Result {
	r := Result{ID: c.ID, Level: c.Level, What: c.What, Note: c.Gap}
	if c.Inapplicable != "" {
		r.Status, r.Note = Inapplicable, c.Inapplicable
		return r
	}
	for _, ref := range c.By {
		r.Proofs = append(r.Proofs, l.look(ref))
	}
	r.Status = Covered
	switch {
	case len(r.Proofs) == 0:
		r.Status = NotCovered
	case has(r.Proofs, Fails):
		r.Status = Failed
	case has(r.Proofs, NotSeen):
		r.Status = Unseen
	case c.Gap != "":
		r.Status = Partly
	}
	return r
}
