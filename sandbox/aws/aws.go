// Package aws is the corner of the sandbox that plays two services of Amazon's:
// KMS and Secrets Manager, in their JSON 1.1 protocol, with signatures checked
// (Signature Version 4). Operations, error types and fields are those of the
// services' API references. It seals in memory, and forgets everything when it
// ends.
package aws

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"flint/sandbox/seal"
)

// Config is whom an API knows.
type Config struct {
	AccessKey, SecretKey, Region string
	Now                          func() time.Time // default: time.Now
}

// API is both services on one address. It is safe for several goroutines.
type API struct {
	cfg Config

	mu      sync.Mutex
	keys    map[string][]cipher.AEAD
	secrets map[string][]string
	down    bool
}

// New returns an API that has the given keys of KMS.
func New(cfg Config, keys ...string) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &API{cfg: cfg, keys: map[string][]cipher.AEAD{}, secrets: map[string][]string{}}
	for _, key := range keys {
		a.keys[key] = []cipher.AEAD{seal.NewKey()}
	}
	return a
}

// Put writes a new version of a secret.
func (a *API) Put(name, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.secrets[name] = append(a.secrets[name], text)
}

// Down makes every call fail, or ends that.
func (a *API) Down(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

// fault is an answer that refuses.
type fault struct {
	status     int
	kind, text string
}

// call is what the operations take.
type call struct {
	KeyID             string            `json:"KeyId"`
	Plaintext         []byte            `json:"Plaintext"`
	CiphertextBlob    []byte            `json:"CiphertextBlob"`
	EncryptionContext map[string]string `json:"EncryptionContext"`
	SecretID          string            `json:"SecretId"`
}

// Handler serves the API.
func (a *API) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		out, refused := a.answer(r, b)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Requestid", rand.Text())
		if refused != nil {
			w.Header().Set("X-Amzn-Errortype", refused.kind)
			w.WriteHeader(refused.status)
			out = map[string]any{"__type": refused.kind, "message": refused.text}
		}
		_ = json.NewEncoder(w).Encode(out)
	})
}

func (a *API) answer(r *http.Request, b []byte) (map[string]any, *fault) {
	if a.down {
		return nil, &fault{http.StatusInternalServerError, "KMSInternalException", "try again"}
	}
	if refused := a.signed(r, b); refused != nil {
		return nil, refused
	}
	var in call
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, &fault{http.StatusBadRequest, "SerializationException", "not JSON"}
	}
	switch r.Header.Get("X-Amz-Target") {
	case "TrentService.Encrypt":
		return a.encrypt(in)
	case "TrentService.Decrypt":
		return a.decrypt(in)
	case "TrentService.RotateKeyOnDemand":
		if a.keys[in.KeyID] == nil {
			return nil, noKey(in.KeyID)
		}
		a.keys[in.KeyID] = append(a.keys[in.KeyID], seal.NewKey())
		return map[string]any{"KeyId": in.KeyID}, nil
	case "secretsmanager.GetSecretValue":
		return a.secret(in)
	}
	return nil, &fault{http.StatusBadRequest, "UnknownOperationException", ""}
}

func noKey(id string) *fault {
	return &fault{http.StatusBadRequest, "NotFoundException", "Key '" + id + "' does not exist"}
}

// A ciphertext names its key and the version, as Amazon's do in their own way.
func (a *API) encrypt(in call) (map[string]any, *fault) {
	versions := a.keys[in.KeyID]
	if versions == nil {
		return nil, noKey(in.KeyID)
	}
	blob := binary.BigEndian.AppendUint16(nil, uint16(len(versions)))
	blob = append(blob, versions[len(versions)-1].Seal(nil, nil, in.Plaintext, contextOf(in))...)
	return map[string]any{"KeyId": in.KeyID, "CiphertextBlob": blob, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}, nil
}

func (a *API) decrypt(in call) (map[string]any, *fault) {
	versions := a.keys[in.KeyID]
	if versions == nil {
		return nil, noKey(in.KeyID)
	}
	invalid := &fault{http.StatusBadRequest, "InvalidCiphertextException", ""}
	if len(in.CiphertextBlob) < 2 {
		return nil, invalid
	}
	n := int(binary.BigEndian.Uint16(in.CiphertextBlob))
	if n < 1 || n > len(versions) {
		return nil, invalid
	}
	plain, err := versions[n-1].Open(nil, nil, in.CiphertextBlob[2:], contextOf(in))
	if err != nil {
		return nil, invalid
	}
	return map[string]any{"KeyId": in.KeyID, "Plaintext": plain, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}, nil
}

func (a *API) secret(in call) (map[string]any, *fault) {
	versions := a.secrets[in.SecretID]
	if len(versions) == 0 {
		return nil, &fault{http.StatusBadRequest, "ResourceNotFoundException", "Secrets Manager can't find the specified secret."}
	}
	return map[string]any{
		"Name": in.SecretID, "ARN": "arn:aws:secretsmanager:" + a.cfg.Region + ":000000000000:secret:" + in.SecretID,
		"SecretString": versions[len(versions)-1], "VersionId": strings.Repeat("0", 31) + string(rune('0'+len(versions))),
		"VersionStages": []string{"AWSCURRENT"}, "CreatedDate": a.cfg.Now().Unix(),
	}, nil
}

// contextOf encodes the encryption context; its order doesn't matter.
func contextOf(in call) []byte {
	var b bytes.Buffer
	for _, k := range slices.Sorted(maps.Keys(in.EncryptionContext)) {
		_ = json.NewEncoder(&b).Encode([]string{k, in.EncryptionContext[k]})
	}
	return b.Bytes()
}
