package envelope

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
)

// Ahead looks up the data keys of values that are opened next, in one round trip
// for all that this node doesn't hold open. For lists of many people's rows; what
// it can't find, Open says.
func (k *Keys) Ahead(ctx context.Context, sealed ...[]byte) error {
	var missing []id.DataKey
	for _, v := range sealed {
		if len(v) < header || v[0] != format {
			continue
		}
		if key := id.DataKey(v[1:header]); !k.byID.Contains(key) {
			missing = append(missing, key)
		}
	}
	if len(missing) < 2 {
		return nil
	}
	ctx = system(ctx)
	rows, err := findDataKeys(ctx, k.pool, missing)
	if err != nil {
		return fmt.Errorf("find data keys: %w", err)
	}
	for _, row := range rows {
		if _, err := k.unwrap(ctx, row); err != nil && !errors.Is(err, errUnknownKEK) && !errors.Is(err, ErrSealed) {
			return err
		}
	}
	return nil
}

// Discard destroys the data key that owner's values share, in tx. It is for a key
// that was made for somebody who isn't stored after all; Shred is for the others.
func (k *Keys) Discard(ctx context.Context, tx pgx.Tx, owner id.User) error {
	if _, err := shredScope(ctx, tx, owner, ""); err != nil {
		return fmt.Errorf("discard a data key: %w", err)
	}
	if key, ok := k.byOwner.Peek(slot{owner: owner}); ok {
		k.byOwner.Remove(slot{owner: owner})
		k.byID.Remove(key.id)
	}
	return nil
}
