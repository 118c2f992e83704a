// Package aws asks Amazon Web Services, through the official client: KMS wraps
// keys, and Secrets Manager keeps secrets.
//
// Who asks is found the way the official client does: the environment, the
// shared files, or the machine's own role.
package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"flint/internal/config"
)

// Config says which region is asked.
type Config struct {
	// Region is such as eu-central-1. Empty: as the official client finds it.
	Region string `env:"AWS_REGION"`
	// Endpoint is asked instead of Amazon: a private endpoint, or a test.
	Endpoint string `env:"AWS_ENDPOINT_URL"`
	// Timeout bounds one question, its repetitions included.
	Timeout time.Duration `env:"FLINT_AWS_TIMEOUT,default=5s"`
}

// Client asks. It is safe for use by many goroutines.
type Client struct {
	timeout time.Duration
	kms     *kms.Client
	secrets *secretsmanager.Client
}

// Open finds out who asks. It asks nothing of Amazon yet.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	var options []func(*awsconfig.LoadOptions) error
	if cfg.Region != "" {
		options = append(options, awsconfig.WithRegion(cfg.Region))
	}
	if cfg.Endpoint != "" {
		options = append(options, awsconfig.WithBaseEndpoint(cfg.Endpoint))
	}
	c, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("set up AWS: %w", err)
	}
	if c.Region == "" {
		return nil, errors.New("set up AWS: AWS_REGION: must be set")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	return &Client{timeout: cfg.Timeout, kms: kms.NewFromConfig(c), secrets: secretsmanager.NewFromConfig(c)}, nil
}

// Fetch returns the current version of the secret of this name or ARN, whose text
// is a JSON object. It returns ErrNoSecret if there is none.
func (c *Client) Fetch(ctx context.Context, name string) (config.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	got, err := c.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(name)})
	if _, none := errors.AsType[*types.ResourceNotFoundException](err); none {
		return config.Kept{}, fmt.Errorf("%s: %w", name, ErrNoSecret)
	}
	if err != nil {
		return config.Kept{}, fmt.Errorf("read %s from Secrets Manager: %w", name, err)
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(aws.ToString(got.SecretString)), &values); err != nil {
		return config.Kept{}, fmt.Errorf("read %s from Secrets Manager: it isn't a JSON object", name)
	}
	kept := config.Kept{Fields: make(map[string]config.Secret, len(values)), Version: aws.ToString(got.VersionId), Made: aws.ToTime(got.CreatedDate)}
	for field, v := range values {
		if text, ok := v.(string); ok { // what isn't text can't be asked for
			kept.Fields[field] = config.NewSecret(text)
		}
	}
	return kept, nil
}

// ErrNoSecret says that Secrets Manager has no such secret.
var ErrNoSecret = errors.New("there is no such secret in Secrets Manager")

// Key is a key of KMS: a master key that never leaves Amazon. It is an
// envelope.KMS.
type Key struct {
	client *Client
	id     string
}

// Key returns the key of this id, ARN or alias. Nothing is asked yet.
func (c *Client) Key(id string) *Key { return &Key{c, id} }

// Name says which key it is.
func (k *Key) Name() string { return "aws:" + k.id }

// boundTo carries what a key is bound to; KMS takes texts.
func boundTo(bound []byte) map[string]string {
	return map[string]string{"flint": fmt.Sprintf("%x", bound)}
}

// Wrap seals a key, with bound as encryption context.
func (k *Key) Wrap(ctx context.Context, key, bound []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, k.client.timeout)
	defer cancel()
	got, err := k.client.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String(k.id), Plaintext: key, EncryptionContext: boundTo(bound)})
	if err != nil {
		return nil, fmt.Errorf("encrypt by %s: %w", k.Name(), err)
	}
	return got.CiphertextBlob, nil
}

// Unwrap opens what Wrap sealed.
func (k *Key) Unwrap(ctx context.Context, wrapped, bound []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, k.client.timeout)
	defer cancel()
	got, err := k.client.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: aws.String(k.id), CiphertextBlob: wrapped, EncryptionContext: boundTo(bound)})
	if err != nil {
		return nil, fmt.Errorf("decrypt by %s: %w", k.Name(), err)
	}
	return got.Plaintext, nil
}

// Rotate makes new material for the key. Amazon allows 25 such rotations in the
// life of a key, beside the yearly ones that it makes by itself.
func (k *Key) Rotate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.client.timeout)
	defer cancel()
	if _, err := k.client.kms.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: aws.String(k.id)}); err != nil {
		return fmt.Errorf("rotate %s: %w", k.Name(), err)
	}
	return nil
}
