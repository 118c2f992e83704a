package audit

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Clear returns what of a stored detail may leave Flint: counts and codes of our
// own, by the rule that keeps them in clear (split). Entries from before anything
// was sealed hold more than that.
func Clear(verb string, stored []byte) (map[string]any, error) {
	var all map[string]any
	if err := json.Unmarshal(stored, &all); err != nil {
		return nil, fmt.Errorf("read the detail of an entry: %w", err)
	}
	words := NameOf(verb).Words
	for name, v := range all {
		clear := false
		switch v := v.(type) {
		case string:
			_, said := words[name][v]
			clear = said || slices.Contains(inClear, name) && code.MatchString(v)
		case nil, bool, float64:
			clear = slices.Contains(inClear, name) || verb == "bot.refuse"
		}
		if !clear {
			delete(all, name)
		}
	}
	return all, nil
}
