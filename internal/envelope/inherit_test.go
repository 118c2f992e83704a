package envelope_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// shelf is a table whose key has two columns, and whose texts were in clear once.
var shelf = envelope.Inherited{
	Place: envelope.Place{Table: "shelf", Column: "sealed", Row: "board/slot", Owner: "owner_id"},
	Clear: []string{"clear_title", "clear_pages"},
	Pack: func(clear []*string) ([]byte, error) {
		return json.Marshal(clear)
	},
	Marks: []envelope.Mark{{Column: "title_mac", Make: func(k *envelope.Keys, clear []*string) []byte {
		if clear[0] == nil {
			return nil
		}
		return k.Mac("shelf.title", []byte(*clear[0]))
	}}},
}

const books = 2500

func makeShelf(t *testing.T) (*pgxpool.Pool, id.User) {
	t.Helper()
	pool, owner := pgtest.Owned(t)
	alice := id.New[id.User]()
	exec(t, owner, `create table shelf (board uuid, slot int, owner_id uuid, clear_title text, clear_pages int,
		sealed bytea, title_mac bytea unique, primary key (board, slot))`, nil)
	exec(t, owner, `grant all on shelf to flint_app`, nil)
	exec(t, owner, `insert into shelf select gen_random_uuid(), n, @owner, case when n % 7 > 0 then 'canary ' || n end, n
		from generate_series(1, @books) n`, postgres.Args{"owner": alice, "books": books})
	return pool, alice
}

// readable counts the rows that open and say what they said in clear.
func readable(t *testing.T, pool *pgxpool.Pool, k *envelope.Keys, owner id.User) (n int) {
	t.Helper()
	rows, _ := pool.Query(t.Context(), `select board::text || '/' || slot, slot, sealed, title_mac from shelf
		where clear_title is null and clear_pages is null`)
	var (
		row         string
		slot        int
		sealed, mac []byte
	)
	_, err := pgx.ForEachRow(rows, []any{&row, &slot, &sealed, &mac}, func() error {
		plain, err := k.Open(t.Context(), envelope.Ref{Owner: owner, Place: "shelf.sealed", Row: row}, sealed)
		if err != nil {
			return err
		}
		title := fmt.Sprintf("canary %d", slot)
		want := fmt.Sprintf(`["%s","%d"]`, title, slot)
		if slot%7 == 0 {
			want = fmt.Sprintf(`[null,"%d"]`, slot)
		}
		if string(plain) != want || (slot%7 > 0) != (string(mac) == string(k.Mac("shelf.title", []byte(title)))) {
			return fmt.Errorf("row %d has %s", slot, plain)
		}
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatWasClearIsSealedByManyNodesAtOnce(t *testing.T) {
	t.Parallel()
	pool, alice := makeShelf(t)
	k := envelopetest.New(t, pool)

	// One is killed in the middle.
	ctx, kill := context.WithCancel(t.Context())
	if _, err := k.Inherit(ctx, []envelope.Inherited{shelf}, func(int, int) { kill() }); err == nil {
		t.Fatal("it went on without a context")
	}
	if n := readable(t, pool, k, alice); n == 0 || n == books {
		t.Fatalf("%d rows were sealed when it was killed", n)
	}

	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := k.Inherit(t.Context(), []envelope.Inherited{shelf}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := readable(t, pool, k, alice); n != books {
		t.Errorf("%d of %d rows are sealed and readable", n, books)
	}
	if n, err := k.Inherit(t.Context(), []envelope.Inherited{shelf}, nil); n != 0 || err != nil {
		t.Errorf("the second time sealed %d, %v", n, err)
	}

	// A key of several columns rotates like any other.
	if _, err := k.RetireDataKeys(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Reseal(t.Context(), []envelope.Place{shelf.Place}, 0, nil); err != nil {
		t.Fatal(err)
	}
	found, err := k.Verify(t.Context(), []envelope.Place{shelf.Place})
	if err != nil || found[0].Values != books || found[0].Failed != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestAPlaceThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	pool, _ := makeShelf(t)
	wrong := shelf
	wrong.Row = "board/nowhere"
	if _, err := envelopetest.New(t, pool).Inherit(t.Context(), []envelope.Inherited{wrong}, nil); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("answered %v", err)
	}
}
