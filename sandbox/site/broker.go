package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/shopspring/decimal"
)

// broker is the far end whose connections the pages show beside the banks.
const broker = "snaptrade"

// brokerTruth is what the pages need of a broker's own account of itself.
type brokerTruth struct {
	Users []struct {
		Connections []brokerConnection `json:"connections"`
	} `json:"users"`
}

type brokerConnection struct {
	ID         string `json:"id"`
	BrokerName string `json:"brokerName"`
	Disabled   bool   `json:"disabled"`
	Accounts   []struct {
		ID        string          `json:"id"`
		Name      string          `json:"name"`
		Currency  string          `json:"currency"`
		Total     decimal.Decimal `json:"total"`
		Positions []struct {
			Symbol string `json:"symbol"`
		} `json:"positions"`
		Activities int `json:"activities"`
	} `json:"accounts"`
}

// brokers lists the connections at brokers; none when there is no such far end.
func (s *Site) brokers() []brokerConnection {
	data, err := s.through(http.MethodGet, "truth", nil)
	if err != nil {
		return nil
	}
	var truth brokerTruth
	if err := json.Unmarshal(data, &truth); err != nil {
		s.cfg.Log.Error("read the brokers' truth", "err", err)
		return nil
	}
	var out []brokerConnection
	for _, u := range truth.Users {
		out = append(out, u.Connections...)
	}
	return out
}

// through gives an order to the broker by the door that tests use, without a
// network.
func (s *Site) through(method, path string, body any) ([]byte, error) {
	door := s.cfg.Others[broker].Control
	if door == nil {
		return nil, fmt.Errorf("there are no brokers here")
	}
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequest(method, "/control/"+broker+"/"+path, &in)
	if err != nil {
		return nil, err
	}
	out := answer{header: http.Header{}, status: http.StatusOK}
	door.ServeHTTP(&out, r)
	if out.status != http.StatusOK {
		var failure struct {
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal(out.body.Bytes(), &failure) // without one, the status has to do
		return nil, fmt.Errorf("the broker refused (%d) %s", out.status, failure.Detail)
	}
	return out.body.Bytes(), nil
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
