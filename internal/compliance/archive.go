package compliance

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

var errTooLarge = errors.New("the archive is too large")

const readme = `This is a copy of what Flint knows about you, as of %s.

Each table is here twice: .json is exact, .csv opens in a spreadsheet (a text that
could be taken for a formula has a ' before it). Amounts are positive towards your
net worth, times are UTC.

Not in it: passwords and secrets, which are stored so that nobody can read them,
and the log of what happened to your account, which you can download by itself.
`

// archive returns the zip of owner's tables; nil: there is no such person.
func (s *Service) archive(ctx context.Context, owner id.User, now time.Time) ([]byte, error) {
	var out bytes.Buffer
	var z *zip.Writer
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		out.Reset() // of an attempt before
		z = zip.NewWriter(&out)
		if err := put(z, "README.txt", now, []byte(fmt.Sprintf(readme, now.Format(time.RFC3339)))); err != nil {
			return err
		}
		for _, t := range tables() {
			rows, err := t.read(ctx, tx, owner)
			if err != nil {
				return fmt.Errorf("read %s: %w", t.name, err)
			}
			if t.name == "profile" && len(rows) == 0 {
				z = nil
				return nil
			}
			table, err := toCSV(rows)
			if err != nil {
				return fmt.Errorf("write %s: %w", t.name, err)
			}
			if err := put(z, t.name+".json", now, []byte("[\n"+strings.Join(rows, ",\n")+"\n]\n")); err != nil {
				return err
			}
			if err := put(z, t.name+".csv", now, table); err != nil {
				return err
			}
			if err := z.Flush(); err != nil {
				return fmt.Errorf("flush the archive: %w", err)
			}
			if out.Len() > exportSize {
				return errTooLarge
			}
		}
		return nil
	})
	if err != nil || z == nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("close the archive: %w", err)
	}
	return out.Bytes(), nil
}

func put(z *zip.Writer, name string, now time.Time, content []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: "flint/" + name, Method: zip.Deflate, Modified: now})
	if err != nil {
		return fmt.Errorf("add %s: %w", name, err)
	}
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// toCSV turns JSON objects with the same members into a table. Numbers stay as
// they are; a text that a spreadsheet could take for a formula is made inert.
func toCSV(rows []string) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	for i, row := range rows {
		names, cells, err := members(row)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			_ = w.Write(names) // to memory
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// members returns the names and values of a JSON object, in its order.
func members(object string) (names, cells []string, err error) {
	d := json.NewDecoder(strings.NewReader(object))
	d.UseNumber()
	if _, err := d.Token(); err != nil { // the brace
		return nil, nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		names = append(names, fmt.Sprint(name))
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, nil, err
		}
		cells = append(cells, cell(v))
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	return names, cells, nil
}

func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case json.Number:
		return v.String()
	case string:
		if v != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(v[0])) {
			return "'" + v
		}
		return v
	case map[string]any:
		object, _ := json.Marshal(v) // it was read from JSON
		return string(object)
	}
	return fmt.Sprint(v)
}
