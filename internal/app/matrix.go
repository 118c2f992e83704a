package app

import (
	"fmt"
	"strings"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// Caller is somebody that the matrix has a column for.
type Caller struct {
	Name  string
	Actor access.Actor // with fresh proofs of all that they have
}

// Callers lists the columns of the matrix.
func Callers(now time.Time) []Caller {
	signedIn := func(tier access.Tier, more func(*access.Actor)) access.Actor {
		a := access.Actor{
			User: id.New[id.User](), Session: id.New[id.Session](), Tier: tier, Confirmed: true, Level: access.AAL1, Proofs: access.Proofs{PasswordAt: now},
		}
		if more != nil {
			more(&a)
		}
		return a
	}
	staff := func(super bool) access.Actor {
		return signedIn(access.Free, func(a *access.Actor) {
			a.Admin, a.Super, a.Listed, a.Factors.TOTP, a.Proofs.FactorAt, a.Level = true, super, true, true, now, access.AAL2
		})
	}
	return []Caller{
		{"anyone", access.Actor{}},
		{"unconfirmed", signedIn(access.Premium, func(a *access.Actor) { a.Confirmed = false })},
		{string(access.FreeUser), signedIn(access.Free, nil)},
		{string(access.BasicUser), signedIn(access.Basic, nil)},
		{string(access.ProUser), signedIn(access.Pro, nil)},
		{string(access.Admin), staff(false)},
		{string(access.SuperAdmin), staff(true)},
		{"API key", signedIn(access.Pro, func(a *access.Actor) {
			a.Session, a.Proofs, a.Key = id.Session{}, access.Proofs{}, id.New[id.APIKey]()
		})},
		{"support", signedIn(access.Pro, func(a *access.Actor) { a.Behind, a.ReadOnly = id.New[id.User](), true })},
	}
}

// The cells of the matrix.
const (
	May     = "yes"
	MayNot  = "–"
	MayOnce = "proof" // after proving again that it's them, as the column step-up says
)

// Cell says whether a caller may go through a door.
func Cell(r web.Route, c Caller) string {
	switch {
	case r.Needs == access.Public:
		return May // as nobody, if as nothing else
	case !c.Actor.Key.IsZero() && !r.Keys, c.Actor.ReadOnly && !r.Support:
		return MayNot
	case access.Decide(c.Actor, r.Needs) != access.Allow, r.Assurance.Lacking(c.Actor):
		return MayNot
	case r.Assurance.Demanded():
		return MayOnce
	}
	return May
}

// Matrix returns who may go through which door, as a table in Markdown.
func Matrix(routes []web.Route) string {
	callers := Callers(time.Unix(0, 0))
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	head := []string{"operation"}
	for _, c := range callers {
		head = append(head, c.Name)
	}
	line(append(head, "step-up", "limit"))
	b.WriteString(strings.Repeat("|---", len(callers)+3) + "|\n")
	for _, r := range routes {
		cells := []string{r.Method + " " + r.Path}
		for _, c := range callers {
			cells = append(cells, Cell(r, c))
		}
		line(append(cells, stepUp(r.Assurance), r.Limit))
	}
	return b.String()
}

// Permissions returns what each role may do, as a table in Markdown.
func Permissions() string {
	var b strings.Builder
	b.WriteString("| permission |")
	for _, r := range access.Roles() {
		fmt.Fprintf(&b, " %s |", r)
	}
	b.WriteString("\n" + strings.Repeat("|---", len(access.Roles())+1) + "|\n")
	for _, p := range access.Permissions() {
		fmt.Fprintf(&b, "| %s |", p)
		for _, r := range access.Roles() {
			cell := MayNot
			if r.Has(p) {
				cell = May
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Guards returns the locks of kinds of operations, as a table in Markdown.
func Guards() string {
	var b strings.Builder
	b.WriteString("| kind of operation | needs | step-up | limit |\n|---|---|---|---|\n")
	for _, g := range access.Guards() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", g.What, g.Needs, stepUp(g.Assurance), g.Limit)
	}
	return b.String()
}

// stepUp says what fresh proof a door demands.
func stepUp(s access.StepUp) string {
	age := strings.TrimSuffix(s.Within.String(), "0s")
	if hours, whole := strings.CutSuffix(age, "h0m"); whole {
		age = hours + "h"
	}
	switch {
	case !s.Demanded():
		return "-"
	case s.Required:
		return "second factor, " + age
	case s.Factor:
		return "factor " + age
	}
	return "any " + age
}
