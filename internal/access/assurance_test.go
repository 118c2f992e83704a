package access_test

import (
	"slices"
	"testing"
	"time"

	"flint/internal/access"
)

func TestAFreshProofIsDemandedAsDeclared(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	plain := access.StepUp{Within: 10 * time.Minute}
	strict := access.StepUp{Within: 10 * time.Minute, Factor: true}
	totp := access.Factors{TOTP: true}
	for _, c := range []struct {
		name    string
		demand  access.StepUp
		factors access.Factors
		proofs  access.Proofs
		want    bool
	}{
		{"nothing demanded, nothing proven", access.StepUp{}, totp, access.Proofs{}, true},
		{"never proven", plain, access.Factors{}, access.Proofs{}, false},
		{"a fresh password", plain, access.Factors{}, access.Proofs{PasswordAt: ago(time.Minute)}, true},
		{"a password of exactly that age", plain, access.Factors{}, access.Proofs{PasswordAt: ago(10 * time.Minute)}, false},
		{"an old password, a fresh factor", plain, totp, access.Proofs{PasswordAt: ago(time.Hour), FactorAt: ago(time.Minute)}, true},
		{"a password of another node's second", plain, access.Factors{}, access.Proofs{PasswordAt: ago(-time.Second)}, true},
		{"a password of tomorrow", plain, access.Factors{}, access.Proofs{PasswordAt: ago(-24 * time.Hour)}, false},
		{"no factor to prove, a fresh password", strict, access.Factors{}, access.Proofs{PasswordAt: ago(time.Minute)}, true},
		{"backup codes alone are no factor", strict, access.Factors{BackupCodes: true}, access.Proofs{PasswordAt: ago(time.Minute)}, true},
		{"a factor to prove, a fresh password", strict, totp, access.Proofs{PasswordAt: ago(time.Minute)}, false},
		{"a factor to prove, an old one", strict, totp, access.Proofs{PasswordAt: ago(time.Minute), FactorAt: ago(time.Hour)}, false},
		{"a factor to prove, proven", strict, totp, access.Proofs{FactorAt: ago(time.Minute)}, true},
		{"a zero age is never met", access.StepUp{Factor: true}, access.Factors{}, access.Proofs{PasswordAt: now}, false},
	} {
		if got := c.demand.Met(access.Actor{Factors: c.factors, Proofs: c.proofs}, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestThereIsAlwaysAWayToProveOneself(t *testing.T) {
	all := access.Factors{TOTP: true, Passkey: true, BackupCodes: true}
	for _, c := range []struct {
		demand  access.StepUp
		factors access.Factors
		want    []access.Method
	}{
		{access.StepUp{Within: 1}, access.Factors{}, []access.Method{access.Password}},
		{access.StepUp{Within: 1, Factor: true}, access.Factors{BackupCodes: true}, []access.Method{access.Password}},
		{access.StepUp{Within: 1}, all, []access.Method{access.Passkey, access.TOTP, access.BackupCode, access.Password}},
		{access.StepUp{Within: 1, Factor: true}, all, []access.Method{access.Passkey, access.TOTP, access.BackupCode}},
	} {
		if got := c.demand.Methods(access.Actor{Factors: c.factors}); !slices.Equal(got, c.want) {
			t.Errorf("%+v with %+v: %v, want %v", c.demand, c.factors, got, c.want)
		}
	}
}

func TestTheLevelFollowsTheProofs(t *testing.T) {
	if l := (access.Proofs{PasswordAt: time.Now()}).Level(); l != access.AAL1 {
		t.Errorf("a password makes %s", l)
	}
	if l := (access.Proofs{FactorAt: time.Now()}).Level(); l != access.AAL2 {
		t.Errorf("a factor makes %s", l)
	}
}
