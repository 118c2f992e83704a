package activity

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"flint/internal/envelope"
	"flint/internal/id"
)

// Words are what transactions.sealed holds: where the money went, and what the
// person wrote about it.
type Words struct {
	Description string `json:"description"`
	Merchant    string `json:"merchant"`
	Note        string `json:"note"`
}

// importWords are what imports.sealed holds.
type importWords struct {
	Filename string        `json:"filename"`
	Mapping  Columns       `json:"mapping"`
	Summary  ImportSummary `json:"summary"`
}

// lineWords are what import_rows.sealed holds.
type lineWords struct {
	ExternalID  string    `json:"externalId"`
	Description string    `json:"description"`
	Detail      rowDetail `json:"detail"`
}

// Places are where activity keeps sealed values. Those of provider_transactions
// are Details.
func Places() []envelope.Place {
	return []envelope.Place{
		{Table: "provider_transactions", Column: "sealed", Row: "account_id/provider_id", Owner: "user_id"},
		{Table: "transactions", Column: "sealed", Row: "id", Owner: "user_id"},
		{Table: "imports", Column: "sealed", Row: "id", Owner: "user_id"},
		{Table: "import_rows", Column: "sealed", Row: "import_id/ordinal", Owner: "user_id"},
	}
}

func wordsRef(owner id.User, t id.Transaction) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "transactions.sealed", Row: t.String()}
}

func mirrorRef(owner id.User, a id.Account, key string) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "provider_transactions.sealed", Row: a.String() + "/" + key}
}

func importRef(owner id.User, i id.Import) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "imports.sealed", Row: i.String()}
}

func lineRef(owner id.User, i id.Import, ordinal int) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "import_rows.sealed", Row: fmt.Sprintf("%s/%d", i, ordinal)}
}

// Inherited are the columns that older versions left in clear.
func Inherited() []envelope.Inherited {
	places := Places()
	return []envelope.Inherited{
		{Place: places[0], Clear: []string{"clear_description", "clear_fields"}, Pack: packRecord},
		{
			Place: places[1], Clear: []string{"clear_description", "clear_merchant", "clear_note", "clear_import_key"},
			Pack: func(clear []*string) ([]byte, error) {
				return json.Marshal(Words{envelope.Text(clear[0]), envelope.Text(clear[1]), envelope.Text(clear[2])})
			},
			Marks: []envelope.Mark{{Column: "import_key", Text: true, Own: func(k *envelope.Keys, owner id.User, clear []*string) []byte {
				return inheritedKey(keyingFor(k, owner), envelope.Text(clear[3]))
			}}},
		},
		{
			Place: places[2], Clear: []string{"clear_filename", "clear_mapping", "clear_summary"},
			Pack: func(clear []*string) ([]byte, error) {
				return json.Marshal(map[string]any{"filename": clear[0], "mapping": raw(clear[1]), "summary": raw(clear[2])})
			},
		},
		{
			Place: places[3], Clear: []string{"clear_external_id", "clear_description", "clear_detail"},
			Pack: func(clear []*string) ([]byte, error) {
				return json.Marshal(map[string]any{"externalId": clear[0], "description": clear[1], "detail": raw(clear[2])})
			},
		},
	}
}

// packRecord puts a record's description, which had a column of its own, to the
// other details.
func packRecord(clear []*string) ([]byte, error) {
	var d Details
	if clear[1] != nil {
		if err := json.Unmarshal([]byte(*clear[1]), &d); err != nil {
			return nil, fmt.Errorf("read fields: %w", err)
		}
	}
	d.Description = envelope.Text(clear[0])
	return json.Marshal(d)
}

// inheritedKey is the key of an imported row that was stored as it is.
func inheritedKey(key keying, clear string) []byte {
	for before, now := range map[string]string{"id:": bankKey, "hash:": contentKey} {
		if text, ok := strings.CutPrefix(clear, before); ok {
			return []byte(key(now, text))
		}
	}
	return nil
}

// raw is JSON as it was stored.
func raw(clear *string) json.RawMessage {
	if clear == nil {
		return json.RawMessage("{}")
	}
	return json.RawMessage(*clear)
}

// OpenWords opens what transactions.sealed holds of one transaction.
func OpenWords(ctx context.Context, keys *envelope.Keys, owner id.User, t id.Transaction, sealed []byte) (Words, error) {
	var w Words
	err := keys.Unpack(ctx, wordsRef(owner, t), sealed, &w)
	return w, err
}
