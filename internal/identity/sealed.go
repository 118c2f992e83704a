package identity

import (
	"context"
	"encoding/json"
	"fmt"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// What says who somebody is stands in the database sealed under their own data
// key, and an address is looked up by its keyed hash: whoever steals the database
// reads no address and no name, and can't ask it for one. Every row is read
// through this file.
const (
	personPlace = "users.sealed"
	changePlace = "email_changes.sealed"
	// addressMac is what keyed hashes of addresses are for.
	addressMac = "users.email"
)

// personal is what users.sealed holds. Its names are those that people's copies of
// their data have.
type personal struct {
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name,omitempty"`
}

// addresses is what email_changes.sealed holds.
type addresses struct {
	Old string `json:"old_email"`
	New string `json:"new_email"`
}

// Places are where identity keeps sealed values.
func Places() []envelope.Place {
	return []envelope.Place{
		{Table: "users", Column: "sealed", Row: "id", Owner: "id"},
		{Table: "email_changes", Column: "sealed", Row: "id", Owner: "user_id"},
	}
}

// Inherited are the columns that older versions left in clear.
func Inherited() []envelope.Inherited {
	mark := func(column string) envelope.Mark {
		return envelope.Mark{Column: column, Make: func(k *envelope.Keys, clear []*string) []byte { return macOf(k, envelope.Text(clear[0])) }}
	}
	places := Places()
	return []envelope.Inherited{
		{
			Place: places[0], Clear: []string{"clear_email", "clear_first_name"}, Marks: []envelope.Mark{mark("email_mac")},
			Pack: func(clear []*string) ([]byte, error) {
				return json.Marshal(personal{Email: envelope.Text(clear[0]), FirstName: envelope.Text(clear[1])})
			},
		},
		{
			Place: places[1], Clear: []string{"clear_old_email", "clear_new_email"}, Marks: []envelope.Mark{mark("old_mac")},
			Pack: func(clear []*string) ([]byte, error) {
				return json.Marshal(addresses{envelope.Text(clear[0]), envelope.Text(clear[1])})
			},
		},
	}
}

// personRow is somebody as they are stored; accountRow, with how they prove it.
type personRow struct {
	Person
	Sealed []byte
}

type accountRow struct {
	account
	Sealed []byte
}

type changeRow struct {
	emailChange
	Sealed []byte
}

func personRef(user id.User) envelope.Ref {
	return envelope.Ref{Owner: user, Place: personPlace, Row: user.String()}
}

func changeRef(c emailChange) envelope.Ref {
	return envelope.Ref{Owner: c.UserID, Place: changePlace, Row: c.ID.String()}
}

// macOf is the keyed hash by which a canonical address is looked up.
func macOf(keys *envelope.Keys, email string) []byte { return keys.Mac(addressMac, []byte(email)) }

// mac is macOf under the keys of db's database.
func mac(ctx context.Context, db postgres.DB, email string) ([]byte, error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	return macOf(keys, email), nil
}

// seal returns what is stored of p's address and name: sealed, and the keyed hash.
func (p Person) seal(ctx context.Context, db postgres.DB) (sealed, mac []byte, err error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	sealed, err = keys.Pack(ctx, personRef(p.ID), personal{p.Email, p.FirstName, p.LastName})
	return sealed, macOf(keys, p.Email), err
}

// open fills in who p is. It asks the database for nothing but a data key that
// this node hasn't seen for a minute.
func (p *Person) open(ctx context.Context, db postgres.DB, sealed []byte) error {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return err
	}
	var who personal
	if err := keys.Unpack(ctx, personRef(p.ID), sealed, &who); err != nil {
		return fmt.Errorf("person %s: %w", p.ID, err)
	}
	p.Email, p.FirstName, p.LastName = who.Email, who.FirstName, who.LastName
	return nil
}

// openPerson, openAccount and openChange finish what a query has read.
func openPerson(ctx context.Context, db postgres.DB, row personRow, err error) (Person, error) {
	if err != nil {
		return Person{}, err
	}
	err = row.open(ctx, db, row.Sealed)
	return row.Person, err
}

func openAccount(ctx context.Context, db postgres.DB, row accountRow, err error) (account, error) {
	if err != nil {
		return account{}, err
	}
	err = row.open(ctx, db, row.Sealed)
	return row.account, err
}

func openChange(ctx context.Context, db postgres.DB, row changeRow, err error) (emailChange, error) {
	if err != nil {
		return emailChange{}, err
	}
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return emailChange{}, err
	}
	var both addresses
	if err := keys.Unpack(ctx, changeRef(row.emailChange), row.Sealed, &both); err != nil {
		return emailChange{}, fmt.Errorf("change of address %s: %w", row.ID, err)
	}
	row.OldEmail, row.NewEmail = both.Old, both.New
	return row.emailChange, nil
}

// FirstName opens the first name in somebody's users.sealed, for those who have
// read it with what they show.
func FirstName(ctx context.Context, db postgres.DB, user id.User, sealed []byte) (string, error) {
	p := Person{ID: user}
	err := p.open(ctx, db, sealed)
	return p.FirstName, err
}
