package queue_test

import (
	"testing"

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
