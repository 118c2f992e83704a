// Package redis connects to Redis, for what several nodes share and may lose:
// counts of limits. Nothing that must last is kept there.
//
// One setting says where it is: a single server (redis://, rediss:// with TLS,
// unix:// on a socket), a cluster (redis-cluster://) or one that sentinels watch
// (redis-sentinel://). Without it there is no Client, and Flint counts by itself.
//
// A Client exists whether Redis answers or not: it's connected in the
// background, so that a node starts without it, too. Until then, and whenever
// it fails, its callers get an error at once and must have something else to
// do. Nothing is ever sent twice.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"flint/internal/config"
)

// Config says where Redis is.
type Config struct {
	// URL is where; see the package's comment. Empty: there is none.
	URL config.Secret `env:"REDIS_URL"`
}

// Validate says what is wrong with the address.
func (c Config) Validate() error {
	if c.URL.IsZero() {
		return nil
	}
	if _, err := parse(c.URL.Reveal()); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	return nil
}

const (
	dialing = time.Second     // to reach a server and be let in
	silence = time.Second     // after which a server that owes an answer is given up
	pause   = time.Second     // between attempts to connect at all
	rounds  = 5 * time.Second // between looks at which server is which
)

// ErrNotConnected says that Redis hasn't been reached yet.
var ErrNotConnected = errors.New("redis: not connected yet")

// Client is a connection to Redis, however many servers that is. Methods may be
// called from many goroutines.
type Client struct {
	first shape // of the address that it was opened with
	link  atomic.Pointer[link]
	log   *slog.Logger
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// link is a connection to one address.
type link struct {
	conn  rueidis.Client
	shape shape
}

// Open returns a Client that connects in the background, or nil if cfg names no
// Redis. It fails only for a setting that can't be right. Call Close.
func Open(cfg Config, log *slog.Logger) (*Client, error) {
	if cfg.URL.IsZero() {
		return nil, nil
	}
	option, shape, err := cfg.option()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{first: shape, log: log, stop: stop}
	c.done.Go(func() { c.connect(ctx, option) })
	return c, nil
}

// Follow connects to where cfg says instead, as whom it says. After an error
// everything is as it was. What is under way on the old connection may end, for a
// minute.
func (c *Client) Follow(cfg Config) error {
	option, shape, err := cfg.option()
	if err != nil {
		return err
	}
	conn, err := rueidis.NewClient(option)
	if err != nil {
		if conn != nil {
			conn.Close()
		}
		return errors.New("REDIS_URL: the new one can't be reached, or doesn't let Flint in") // the library's text may name who
	}
	if old := c.link.Swap(&link{conn, shape}); old != nil {
		time.AfterFunc(time.Minute, old.conn.Close)
	}
	return nil
}

// option is the address as the library wants it, and its shape.
func (c Config) option() (rueidis.ClientOption, shape, error) {
	a, err := parse(c.URL.Reveal())
	if err != nil {
		return rueidis.ClientOption{}, "", fmt.Errorf("REDIS_URL: %w", err)
	}
	option, err := a.option()
	if err != nil {
		return rueidis.ClientOption{}, "", fmt.Errorf("REDIS_URL: %w", err)
	}
	return option, a.shape, nil
}

// option is a as the library wants it.
func (a address) option() (rueidis.ClientOption, error) {
	trust, err := a.trust()
	if err != nil {
		return rueidis.ClientOption{}, err
	}
	o := rueidis.ClientOption{
		InitAddress: a.hosts, Username: a.user, Password: a.password, SelectDB: a.db, TLSConfig: trust,
		ClientName: "flint", Dialer: net.Dialer{Timeout: dialing}, ConnWriteTimeout: silence,
		ForceSingleClient: a.shape == single,
		DisableCache:      true, // nothing is read often enough
		DisableRetry:      true, // what was counted must not be counted again
		AlwaysPipelining:  true, // one call that waits in vain must not cut the others off
		PipelineMultiplex: -1,   // one connection to each server carries all calls
	}
	switch {
	case a.socket != "":
		o.InitAddress = []string{a.socket}
		o.DialCtxFn = func(ctx context.Context, path string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		}
	case a.shape == cluster:
		o.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: rounds, MaxMovedRedirections: 3}
	case a.shape == sentinel:
		o.Sentinel = rueidis.SentinelOption{
			MasterSet: a.master, Username: a.sentinelUser, Password: a.sentinelPass, TLSConfig: trust,
			Dialer: o.Dialer, ClientName: o.ClientName, TopologyRefreshInterval: rounds,
		}
	}
	return o, nil
}

// connect tries until it succeeds, the client is closed, or it follows another
// address.
func (c *Client) connect(ctx context.Context, option rueidis.ClientOption) {
	for told := false; ; told = true {
		conn, err := rueidis.NewClient(option)
		if err == nil {
			if !c.link.CompareAndSwap(nil, &link{conn, c.first}) {
				conn.Close()
				return
			}
			c.log.Info("connected to redis", slog.String("shape", string(c.first)))
			return
		}
		if conn != nil {
			conn.Close()
		}
		if c.link.Load() != nil {
			return
		}
		if !told { // once; whoever needs it says what its absence means
			c.log.Warn("redis can't be reached; it's tried again every second", slog.String("error", err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Clustered reports whether keys are spread over several servers, so that one
// call sees only keys of one slot.
func (c *Client) Clustered() bool {
	if l := c.link.Load(); l != nil {
		return l.shape == cluster
	}
	return c.first == cluster
}

// Conn returns the library's client, or ErrNotConnected.
func (c *Client) Conn() (rueidis.Client, error) {
	l := c.link.Load()
	if l == nil {
		return nil, ErrNotConnected
	}
	return l.conn, nil
}

// Ping asks every server for an answer, and connects again where that was lost.
func (c *Client) Ping(ctx context.Context) error {
	conn, err := c.Conn()
	if err != nil {
		return err
	}
	var faults []error
	for _, node := range conn.Nodes() {
		faults = append(faults, node.Do(ctx, node.B().Ping().Build()).Error())
	}
	return errors.Join(faults...)
}

// Close ends every connection.
func (c *Client) Close() {
	c.stop()
	c.done.Wait()
	if l := c.link.Load(); l != nil {
		l.conn.Close()
	}
}
