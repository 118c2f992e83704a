package redis_test

import (
	"crypto/tls"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flint/internal/config"
	"flint/internal/platform/redis"
	"flint/internal/platform/redis/redistest"
)

// set writes through c and fails the test if that fails.
func set(t *testing.T, c *redis.Client, value string) {
	t.Helper()
	conn, err := c.Conn()
	if err == nil {
		err = conn.Do(t.Context(), conn.B().Set().Key("k").Value(value).Build()).Error()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRedisIsSpokenToByTLSAndOnlyIfItIsTheRightOne(t *testing.T) {
	t.Parallel()
	s, address := redistest.Secure(t)
	set(t, redistest.Client(t, address), "sealed")
	if got := s.Do("GET", "k"); got != "sealed" {
		t.Errorf("the server has %q", got)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	_, other := redistest.Secure(t)
	o, err := url.Parse(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]string{
		"whom nobody vouches for": "rediss://" + u.Host,
		"another's certificate":   "rediss://" + u.Host + "?ca=" + o.Query().Get("ca"),
		"in clear":                "redis://" + u.Host,
		"another name":            "rediss://localhost:" + u.Port() + "?ca=" + u.Query().Get("ca"),
	} {
		if err := redistest.Client(t, address).Follow(redis.Config{URL: config.NewSecret(wrong)}); err == nil {
			t.Errorf("%s: it is believed", name)
		}
	}
	c, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func TestAClientFollowsAnotherAddressAndPassword(t *testing.T) {
	t.Parallel()
	const before, after = "pw-before-1", "pw-after-2"
	one, two := redistest.Start(t, "--requirepass", ""), redistest.Start(t)
	one.Do("ACL", "SETUSER", "flint", "on", "~*", "+@all", ">"+before)
	at := func(s *redistest.Server, password string) redis.Config {
		return redis.Config{URL: config.NewSecret("redis://flint:" + password + "@" + s.Addr)}
	}
	c := redistest.Client(t, at(one, before).URL.Reveal())
	set(t, c, "1")
	one.Do("ACL", "SETUSER", "flint", "resetpass", ">"+after)
	if err := c.Follow(at(one, "wrong-password")); err == nil || strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("a wrong password: %v", err)
	}
	set(t, c, "2") // who is in stays in
	if err := c.Follow(at(one, after)); err != nil {
		t.Fatal(err)
	}
	set(t, c, "3")
	cluster := redistest.Cluster(t, false)
	for _, to := range []string{two.URL(), cluster.URL, one.URL()} {
		if err := c.Follow(redis.Config{URL: config.NewSecret(to)}); err != nil {
			t.Fatal(err)
		}
		set(t, c, "of "+to)
		if c.Clustered() != (to == cluster.URL) {
			t.Errorf("%s: clustered %v", to, c.Clustered())
		}
	}
	if got := two.Do("GET", "k"); got != "of "+two.URL() {
		t.Errorf("the second server has %q", got)
	}
	two.Kill()
	if err := c.Follow(redis.Config{URL: config.NewSecret(two.URL())}); err == nil {
		t.Error("a server that is down is followed")
	}
	set(t, c, "still")

	// One that wasn't there yet is given up for the other.
	lazy := redistest.Lazy(t, "unix://"+filepath.Join(os.TempDir(), "no such socket"))
	if err := lazy.Follow(redis.Config{URL: config.NewSecret(one.URL())}); err != nil {
		t.Fatal(err)
	}
	set(t, lazy, "there")
}
