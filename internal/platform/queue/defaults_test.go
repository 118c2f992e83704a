package queue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/platform/queue"
)

type mailed struct{}

func (mailed) Kind() string                 { return "test.mailed" }
func (mailed) InsertOpts() river.InsertOpts { return queue.Options(queue.Mail) }

type anywhere struct{}

func (anywhere) Kind() string { return "test.anywhere" }

func TestAnAttemptMayTakeAsLongAsItsQueueSays(t *testing.T) {
	t.Parallel()
	if got, want := (queue.Defaults[mailed]{}).Timeout(nil), queue.PolicyOf(queue.Mail).Timeout; got != want || want == queue.PolicyOf(queue.Default).Timeout {
		t.Errorf("a mail may take %s, its queue says %s", got, want)
	}
	if got, want := (queue.Defaults[anywhere]{}).Timeout(nil), queue.PolicyOf(queue.Default).Timeout; got != want {
		t.Errorf("a job that names no queue may take %s, not %s", got, want)
	}
}

func TestAJobThatGoesOnCostsNoAttempt(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	var snooze *river.JobSnoozeError
	if err := queue.Again(time.Minute, nil); !errors.As(err, &snooze) || snooze.Duration != time.Minute {
		t.Errorf("to go on in a minute is %v", err)
	}
	if err := queue.Again(time.Minute, broken); !errors.Is(err, broken) || errors.As(err, &snooze) {
		t.Errorf("a failure is %v", err)
	}
	if err := queue.Again(0, nil); err != nil {
		t.Errorf("done is %v", err)
	}
}
