package queue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/platform/telemetry"
)

type testArgs struct {
	Do string `json:"do"`
}

func (testArgs) Kind() string                 { return "queue.test" }
func (testArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Webhooks) }

type testWorker struct {
	river.WorkerDefaults[testArgs]
	work func(ctx context.Context, job *river.Job[testArgs]) error
}

func (w *testWorker) Work(ctx context.Context, job *river.Job[testArgs]) error {
	return w.work(ctx, job)
}

// lockedBuffer is a log that the client and the test may use at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// setup returns a client whose only worker runs work, not started yet.
func setup(t *testing.T, pool *pgxpool.Pool, work func(context.Context, *river.Job[testArgs]) error) (*river.Client[pgx.Tx], *lockedBuffer) {
	t.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, &testWorker{work: work})
	log := &lockedBuffer{}
	client, err := queue.New(pool, queue.Config{PollInterval: 50 * time.Millisecond, StopTimeout: time.Second}, workers, nil,
		telemetry.NewLogger(log, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	return client, log
}

func run(t *testing.T, client *river.Client[pgx.Tx]) {
	t.Helper()
	if err := client.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.StopAndCancel(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

func insert(t *testing.T, pool *pgxpool.Pool, client queue.Inserter, do string) *rivertype.JobRow {
	t.Helper()
	var row *rivertype.JobRow
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		res, err := client.InsertTx(t.Context(), tx, testArgs{do}, nil)
		if err == nil {
			row = res.Job
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func wait[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("waited too long")
		panic("unreachable")
	}
}

func TestAJobRunsOnlyIfItsTransactionCommits(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ran := make(chan string, 10)
	client, _ := setup(t, pool, func(_ context.Context, job *river.Job[testArgs]) error {
		ran <- job.Args.Do
		return nil
	})
	inserter, err := queue.NewInserter(pool)
	if err != nil {
		t.Fatal(err)
	}
	run(t, client)
	stop := errors.New("stop")
	_ = postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := inserter.InsertTx(t.Context(), tx, testArgs{"rolled back"}, nil)
		return errors.Join(err, stop)
	})
	row := insert(t, pool, inserter, "committed")
	if row.Queue != queue.Webhooks || row.MaxAttempts != 4 {
		t.Errorf("the job went to %s with %d attempts", row.Queue, row.MaxAttempts)
	}
	if got := wait(t, ran); got != "committed" {
		t.Errorf("ran %q", got)
	}
	n, err := postgres.Scalar[int](t.Context(), pool, `select count(*) from river_job`, nil)
	if err != nil || n != 1 {
		t.Errorf("%d jobs in the table (%v)", n, err)
	}
}

func TestAFailedJobIsTriedAgainAndLoggedOnceWithoutSecrets(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	done := make(chan int, 10)
	client, log := setup(t, pool, func(_ context.Context, job *river.Job[testArgs]) error {
		if job.Attempt == 1 {
			return errors.New("call bank: Bearer hunter2hunter2 refused for ana@example.com")
		}
		done <- job.Attempt
		return nil
	})
	run(t, client)
	insert(t, pool, client, "x")
	if got := wait(t, done); got != 2 {
		t.Errorf("done at attempt %d", got)
	}
	got := log.String()
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, `"kind":"queue.test"`) || !strings.Contains(got, `"attempt":1`) {
		t.Errorf("the log is %s", got)
	}
	if strings.Contains(got, "hunter2") || strings.Contains(got, "ana@") {
		t.Errorf("the log tells a secret: %s", got)
	}
}

func TestAPanicIsLoggedAndTriedAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	done := make(chan int, 10)
	client, log := setup(t, pool, func(_ context.Context, job *river.Job[testArgs]) error {
		if job.Attempt == 1 {
			panic("boom")
		}
		done <- job.Attempt
		return nil
	})
	run(t, client)
	insert(t, pool, client, "x")
	wait(t, done)
	if got := log.String(); !strings.Contains(got, "job panicked") || !strings.Contains(got, "boom") {
		t.Errorf("the log is %s", got)
	}
}

func TestJobsOfAKilledProcessAreReclaimed(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ran := make(chan int64, 10)
	client, _ := setup(t, pool, func(_ context.Context, job *river.Job[testArgs]) error {
		ran <- job.ID
		return nil
	})
	row := insert(t, pool, client, "x")
	// What a process looks like that died at its last attempt.
	err := postgres.Exec(t.Context(), pool, `
		update river_job set state = 'running', attempt = max_attempts, attempted_at = now(), attempted_by = '{dead}'
		where id = @id`, postgres.Args{"id": row.ID})
	if err != nil {
		t.Fatal(err)
	}
	n, err := queue.Reclaim(t.Context(), pool, time.Now())
	if err != nil || n != 1 {
		t.Fatalf("reclaimed %d (%v)", n, err)
	}
	run(t, client)
	if got := wait(t, ran); got != row.ID {
		t.Errorf("job %d ran, not %d", got, row.ID)
	}
}

func TestAStopWaitsForARunningJob(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	started, release, finished := make(chan bool, 1), make(chan bool), make(chan bool, 1)
	client, _ := setup(t, pool, func(context.Context, *river.Job[testArgs]) error {
		started <- true
		<-release
		finished <- true
		return nil
	})
	run(t, client)
	insert(t, pool, client, "x")
	wait(t, started)
	stopped := make(chan error, 1)
	go func() { stopped <- client.Stop(context.WithoutCancel(t.Context())) }()
	release <- true
	if err := wait(t, stopped); err != nil {
		t.Error(err)
	}
	wait(t, finished)
}
