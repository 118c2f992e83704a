package mfa

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// Credential is what a browser's PublicKeyCredential.toJSON() gives; the
// WebAuthn library reads it.
type Credential map[string]any

// JSON returns c as the library reads it.
func (c Credential) JSON() []byte {
	b, _ := json.Marshal(c) // came from JSON
	return b
}

// The options are those of WebAuthn, as PublicKeyCredential.parse…FromJSON()
// takes them.
type creation struct {
	Challenge              string            `json:"challenge"`
	RP                     relyingPartyView  `json:"rp"`
	User                   userView          `json:"user"`
	PubKeyCredParams       []algorithmView   `json:"pubKeyCredParams"`
	Timeout                int64             `json:"timeout" doc:"Milliseconds"`
	ExcludeCredentials     []descriptor      `json:"excludeCredentials"`
	AuthenticatorSelection authenticatorView `json:"authenticatorSelection"`
	Attestation            string            `json:"attestation"`
}

type relyingPartyView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type userView struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

type algorithmView struct {
	Type string `json:"type"`
	Alg  int64  `json:"alg"`
}

type descriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports"`
}

type authenticatorView struct {
	ResidentKey        string `json:"residentKey"`
	RequireResidentKey bool   `json:"requireResidentKey"`
	UserVerification   string `json:"userVerification"`
}

type creationOut struct {
	Body struct {
		PublicKey creation `json:"publicKey"`
	}
}

type requestOut struct {
	Body struct {
		PublicKey struct {
			Challenge        string `json:"challenge"`
			RPID             string `json:"rpId"`
			Timeout          int64  `json:"timeout" doc:"Milliseconds"`
			UserVerification string `json:"userVerification"`
		} `json:"publicKey"`
	}
}

type passkeyIn struct {
	Body struct {
		Name       string     `json:"name" minLength:"1" maxLength:"200"`
		Credential Credential `json:"credential" doc:"As PublicKeyCredential.toJSON() gives it"`
	}
}

type passkeyOut struct {
	Body struct {
		Passkey     Passkey  `json:"passkey"`
		BackupCodes []string `json:"backupCodes" doc:"With the first factor: ten, shown once; else empty"`
	}
}

type onePasskey struct {
	ID id.Passkey `path:"id"`
}

type renameIn struct {
	ID   id.Passkey `path:"id"`
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200"`
	}
}

// passkeyOperations declares the operations about passkeys; signing in with one
// is session's.
func (s *Service) passkeyOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/passkeys/options", Summary: "Begin to add a passkey", Tag: "auth",
		Needs: access.ManageOwn, Limit: "write", Assurance: fresh(),
	}, s.creationOptions)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/passkeys", Summary: "Add a passkey", Tag: "auth", Status: 201,
		Description: "With the first factor the answer holds ten backup codes, shown this once.",
		Needs:       access.ManageOwn, Limit: "auth",
		Assurance: access.StepUp{Within: fresh().Within + ceremonyTTL, Factor: true}, // whoever may begin may end
	}, func(ctx context.Context, in *passkeyIn) (*passkeyOut, error) {
		p, codes, err := s.AddPasskey(ctx, access.From(ctx), in.Body.Name, in.Body.Credential.JSON())
		out := &passkeyOut{}
		out.Body.Passkey, out.Body.BackupCodes = p, append([]string{}, codes...)
		return out, err
	})
	web.Handle(api, web.Op{
		Method: "PATCH", Path: "/api/auth/passkeys/{id}", Summary: "Rename a passkey", Tag: "auth",
		Needs: access.ManageOwn, Limit: "write",
	}, func(ctx context.Context, in *renameIn) (*said, error) {
		out := &said{}
		out.Body.Success, out.Body.Message = true, "The passkey has another name."
		return out, s.RenamePasskey(ctx, access.From(ctx), in.ID, in.Body.Name)
	})
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/auth/passkeys/{id}", Summary: "Remove a passkey", Tag: "auth",
		Description: "With the last factor the backup codes go too. The owner is told by mail.",
		Needs:       access.ManageOwn, Limit: "write", Assurance: fresh(),
	}, func(ctx context.Context, in *onePasskey) (*said, error) {
		out := &said{}
		out.Body.Success, out.Body.Message = true, "The passkey is removed."
		return out, s.RemovePasskey(ctx, access.From(ctx), in.ID)
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/passkeys/sign-in/options", Summary: "Begin to use a passkey", Tag: "auth",
		Description: "For signing in, for its second step and for a step-up. It names no account and no passkey: the browser shows those that it has.",
		Needs:       access.Public, Limit: "public", MaxBody: 8 << 10,
	}, s.requestOptions)
}

func (s *Service) creationOptions(ctx context.Context, _ *struct{}) (*creationOut, error) {
	if s.rp == nil {
		return nil, ErrNoPasskeys
	}
	user := access.From(ctx).User
	p, err := s.cfg.People.Person(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	known, err := listPasskeys(ctx, s.cfg.Pool, user)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	o := creation{
		Challenge: s.pose(register, user), RP: relyingPartyView{s.rp.Config.RPID, issuer},
		User:               userView{base64.RawURLEncoding.EncodeToString(user[:]), p.Email, p.FirstName},
		ExcludeCredentials: []descriptor{}, Timeout: ceremonyTTL.Milliseconds(), Attestation: "none",
		AuthenticatorSelection: authenticatorView{"required", true, "required"},
	}
	for _, a := range algorithms() {
		o.PubKeyCredParams = append(o.PubKeyCredParams, algorithmView{string(a.Type), int64(a.Algorithm)})
	}
	for _, k := range known {
		o.ExcludeCredentials = append(o.ExcludeCredentials, descriptor{"public-key", base64.RawURLEncoding.EncodeToString(k.CredentialID), k.Transports})
	}
	out := &creationOut{}
	out.Body.PublicKey = o
	return out, nil
}

func (s *Service) requestOptions(context.Context, *struct{}) (*requestOut, error) {
	if s.rp == nil {
		return nil, ErrNoPasskeys
	}
	out := &requestOut{}
	o := &out.Body.PublicKey
	o.Challenge, o.RPID, o.Timeout, o.UserVerification = s.pose(assert, id.User{}), s.rp.Config.RPID, ceremonyTTL.Milliseconds(), "required"
	return out, nil
}
