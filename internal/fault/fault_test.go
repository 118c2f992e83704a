package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"flint/internal/fault"
)

var errTaken = fault.New(fault.Conflict, "name_taken", "That name is taken.")

func TestAFaultStaysItselfThroughEveryCopy(t *testing.T) {
	cause := errors.New("duplicate key: users_pkey at 10.0.0.5")
	for name, err := range map[string]error{
		"because": fault.Because(errTaken, cause),
		"about":   fault.About(errTaken, "body.name", "is taken"),
		"after":   fault.After(errTaken, time.Second),
		"saying":  fault.Saying(errTaken, "Someone has it."),
		"wrapped": fmt.Errorf("rename account: %w", fault.Because(errTaken, cause)),
	} {
		if !errors.Is(err, errTaken) {
			t.Errorf("%s: no longer name_taken: %v", name, err)
		}
		if fault.KindOf(err) != fault.Conflict {
			t.Errorf("%s: kind is %v", name, fault.KindOf(err))
		}
	}
	if !errors.Is(fault.Because(errTaken, cause), cause) {
		t.Error("the cause is lost to the log")
	}
}

func TestWhatIsNoFaultIsInternal(t *testing.T) {
	if k := fault.KindOf(errors.New("boom")); k != fault.Internal {
		t.Errorf("kind is %v, want Internal", k)
	}
	if f := fault.Of(errors.New("boom")); f != nil {
		t.Errorf("found fault %v in a plain error", f)
	}
}

func TestCopiesDoNotShareFields(t *testing.T) {
	one := fault.About(errTaken, "a", "1")
	two := fault.About(one, "b", "2")
	three := fault.About(one, "c", "3")
	if len(errTaken.Fields) != 0 || len(one.Fields) != 1 || two.Fields[1].Where != "b" || three.Fields[1].Where != "c" {
		t.Errorf("fields leak between copies: %v %v %v", one.Fields, two.Fields, three.Fields)
	}
}
