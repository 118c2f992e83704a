package statement

import (
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Table is a CSV file cut into cells: what stands above the header is dropped,
// what stands below the data (totals, notes) is still there.
type Table struct {
	Columns []string   // the header's cells, or "Column 1" … if there is no header
	Rows    [][]string // as many cells as columns
	Header  bool       // the file has a header
	Skipped int        // lines above the header
}

const separators = ",;\t|"

// readCSV finds out the encoding, the separator and the header line.
func readCSV(data []byte) (Table, error) {
	text, err := decode(data, "")
	if err != nil {
		return Table{}, err
	}
	if !strings.Contains(text, "\n") { // an old Mac's lines
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	text, separator := told(text)
	if separator == 0 {
		if separator, err = sniffSeparator(text); err != nil {
			return Table{}, err
		}
	}
	lines, err := cells(text, separator, MaxRows+100)
	if err != nil {
		return Table{}, err
	}
	return tabulate(lines)
}

// told reads Excel's own first line, "sep=;".
func told(text string) (rest string, separator rune) {
	first, rest, _ := strings.Cut(text, "\n")
	value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(first)), "sep=")
	if ok && len(value) == 1 && strings.Contains(separators, value) {
		return rest, rune(value[0])
	}
	if ok && value == "" { // a tab, trimmed
		return rest, '\t'
	}
	return text, 0
}

// sniffSeparator tries all and takes the one under which most lines have the
// same number of cells, more cells being better.
func sniffSeparator(text string) (rune, error) {
	const sample = 64 << 10
	head := text
	if len(head) > sample {
		head = head[:sample]
		head = head[:strings.LastIndexByte(head, '\n')+1]
	}
	best, bestScore := rune(0), 0.0
	var refusal error
	for _, separator := range separators {
		lines, err := cells(head, separator, 200)
		if err != nil {
			if refusal == nil {
				refusal = err
			}
			continue
		}
		width, same := mode(lines)
		if width < 2 {
			continue
		}
		score := float64(same)/float64(len(lines))*10 + min(float64(width), 8)
		if score > bestScore {
			best, bestScore = separator, score
		}
	}
	switch {
	case best != 0:
		return best, nil
	case refusal != nil:
		return 0, refusal
	}
	return 0, ErrFormat
}

// cells splits text, at most lines long, and drops lines with nothing in them.
func cells(text string, separator rune, most int) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = separator
	r.FieldsPerRecord = -1
	r.LazyQuotes = true // banks don't escape what people write
	var lines [][]string
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, refuse("Line %d of the CSV file can't be read.", line)
		}
		if len(record) > maxColumns {
			line, _ := r.FieldPos(0)
			return nil, refuse("Line %d has %d columns; at most %d can be read.", line, len(record), maxColumns)
		}
		blank := true
		for i, cell := range record {
			if len(cell) > maxText {
				line, _ := r.FieldPos(i)
				return nil, refuse("A cell on line %d has more than 4,096 characters. Is a quotation mark missing?", line)
			}
			record[i] = strings.TrimSpace(strings.TrimFunc(cell, invisible))
			blank = blank && record[i] == ""
		}
		if blank {
			continue
		}
		if len(lines) >= most {
			if most > MaxRows {
				return nil, ErrTooMany
			}
			return lines, nil
		}
		lines = append(lines, record)
	}
}

// invisible are letters that can't be seen, such as a byte order mark that was
// pasted into the middle.
func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) || unicode.IsControl(r) }

// mode returns the most frequent number of cells, and how many lines have it.
func mode(lines [][]string) (width, same int) {
	counts := map[int]int{}
	for _, l := range lines {
		counts[len(l)]++
	}
	for w, n := range counts {
		if n > same || n == same && w > width {
			width, same = w, n
		}
	}
	return width, same
}

// tabulate finds the header: the first line that is as wide as the table and
// whose cells are names rather than values.
func tabulate(lines [][]string) (Table, error) {
	if len(lines) == 0 {
		return Table{}, ErrFormat
	}
	width, _ := mode(lines)
	if width < 2 {
		return Table{}, ErrFormat
	}
	start, header := 0, false
	for i, l := range lines {
		if i >= 50 {
			break
		}
		if filled(l) < (width+1)/2 || len(l) < width-1 {
			continue
		}
		start, header = i, !hasValue(l)
		break
	}
	t := Table{Header: header, Skipped: start}
	first := start
	if header {
		t.Columns, first = padded(lines[start], width), start+1
	}
	for i := range width {
		if i >= len(t.Columns) {
			t.Columns = append(t.Columns, "")
		}
	}
	seen := map[string]bool{}
	for i, c := range t.Columns {
		if c == "" || seen[c] { // a mapping names columns, so each needs its own name
			t.Columns[i] = strings.TrimSpace(c + " Column " + strconv.Itoa(i+1))
		}
		seen[t.Columns[i]] = true
	}
	for _, l := range lines[first:] {
		t.Rows = append(t.Rows, padded(l, width))
	}
	switch {
	case len(t.Rows) > MaxRows:
		return Table{}, ErrTooMany
	case len(t.Rows) == 0:
		return Table{}, refuse("The CSV file has a header and no rows.")
	}
	return t, nil
}

// filled counts the cells that hold something.
func filled(line []string) int {
	n := 0
	for _, c := range line {
		if c != "" {
			n++
		}
	}
	return n
}

// hasValue reports whether a cell is a date or an amount: then the line is data.
func hasValue(line []string) bool {
	for _, c := range line {
		if c == "" {
			continue
		}
		if len(datesOf(c)) > 0 {
			return true
		}
		if _, ok := parseAmount(c, false); ok {
			return true
		}
		if _, ok := parseAmount(c, true); ok {
			return true
		}
	}
	return false
}

// padded returns line with exactly width cells. What is too much is joined to
// the last cell, so that nothing is lost from sight.
func padded(line []string, width int) []string {
	for len(line) < width {
		line = append(line, "")
	}
	if len(line) > width {
		last := strings.TrimSpace(strings.Join(line[width-1:], " "))
		line = append(line[:width-1:width-1], last)
	}
	return line
}
