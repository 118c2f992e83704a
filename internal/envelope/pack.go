package envelope

import (
	"context"
	"encoding/json"
	"fmt"
)

// Pack seals v, as JSON, for ref: what of a row is read together is one value.
func (k *Keys) Pack(ctx context.Context, ref Ref, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", ref.Place, err)
	}
	return k.Seal(ctx, ref, plain)
}

// Unpack opens what Pack sealed for ref into v. A row without a value leaves v as
// it is.
func (k *Keys) Unpack(ctx context.Context, ref Ref, sealed []byte, v any) error {
	if sealed == nil {
		return nil
	}
	plain, err := k.Open(ctx, ref, sealed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("unpack %s: %w", ref.Place, err)
	}
	return nil
}
