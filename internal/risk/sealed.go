package risk

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Where somebody signs in from says where they live and what they own, so that is
// sealed under their key. Nothing in the database compares it: an attempt is
// compared here with the few sign-ins before it.

const decisionPlace = "risk_decisions.sealed"

// circumstances is what risk_decisions.sealed holds.
type circumstances struct {
	Address   string  `json:"address"` // empty: not known
	Network   string  `json:"network"` // its neighbourhood; see block
	Agent     string  `json:"agent"`   // shortened User-Agent
	Country   string  `json:"country"` // ISO 3166-1; empty: not known
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Reach     float64 `json:"reach"` // km around it
	// Inputs is what the score was counted from.
	Inputs json.RawMessage `json:"inputs"`
}

// Places are where risk keeps sealed values.
func Places() []envelope.Place {
	return []envelope.Place{{Table: "risk_decisions", Column: "sealed", Row: "id", Owner: "user_id"}}
}

// Inherited are the columns that older versions left in clear.
func Inherited() []envelope.Inherited {
	return []envelope.Inherited{{
		Place: Places()[0],
		Clear: []string{"clear_address", "clear_network", "clear_agent", "clear_country", "clear_latitude", "clear_longitude", "clear_reach", "clear_inputs"},
		Pack: func(clear []*string) ([]byte, error) {
			var at [3]float64
			for i := range at {
				var err error
				if at[i], err = strconv.ParseFloat(envelope.Text(clear[4+i]), 64); err != nil {
					return nil, fmt.Errorf("read a place: %w", err)
				}
			}
			return json.Marshal(circumstances{
				envelope.Text(clear[0]), envelope.Text(clear[1]), envelope.Text(clear[2]), envelope.Text(clear[3]), at[0], at[1], at[2],
				json.RawMessage(envelope.Text(clear[7])),
			})
		},
	}}
}

func decisionRef(user id.User, decision id.Decision) envelope.Ref {
	return envelope.Ref{Owner: user, Place: decisionPlace, Row: decision.String()}
}

func (c circumstances) seal(ctx context.Context, db postgres.DB, user id.User, decision id.Decision) ([]byte, error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	return keys.Pack(ctx, decisionRef(user, decision), c)
}

func openCircumstances(ctx context.Context, db postgres.DB, user id.User, decision id.Decision, sealed []byte) (c circumstances, err error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return c, err
	}
	if err := keys.Unpack(ctx, decisionRef(user, decision), sealed, &c); err != nil {
		return c, fmt.Errorf("decision %s: %w", decision, err)
	}
	return c, nil
}
