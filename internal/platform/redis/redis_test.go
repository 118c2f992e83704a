package redis_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/platform/redis"
	"flint/internal/platform/redis/redistest"
)

func TestTheAddressIsReadOrRefusedWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"redis://localhost", "redis://:pw@localhost:6380/3", "redis://user:p%40ss@[::1]:6379?db=2", "rediss://redis.example:6380",
		"unix:///run/redis.sock?db=1", "redis-cluster://a:7000,b:7001,c", "rediss-cluster://u:p@a,b", "redis-sentinel://a,b:26380/flint",
		"rediss-sentinel://u:p@a:1/flint/2?sentinel_password=x&sentinel_user=y",
	} {
		if err := (redis.Config{URL: config.NewSecret(good)}).Validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"hunter2", "http://hunter2", "redis://", "redis://hunter2:x:y@", "redis://a:hunter2", "redis://a,hunter2", "redis://a/hunter2", "redis://a/-1",
		"redis://hunter2%zz@a", "redis://a?hunter2=1", "redis://a?ca=hunter2", "redis://a:99999", "redis://a:0", "redis://::1", "redis-cluster://a/1",
		"redis-cluster://a,,hunter2", "redis-sentinel://hunter2", "redis-sentinel://hunter2/", "unix://hunter2", "unix://", "redis://a b", "redis://a?%zz=hunter2",
	} {
		err := (redis.Config{URL: config.NewSecret(bad)}).Validate()
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "REDIS_URL: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if c, err := redis.Open(redis.Config{}, nil); c != nil || err != nil {
		t.Errorf("without an address: %v, %v", c, err)
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"redis://u:p@h:1/2?db=3", "redis-cluster://a,b:2", "redis-sentinel://[::1]:5/m/1", "unix:///a", "://", "redis://@?#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const secret = "s3cr3tw0rd"
		if err := (redis.Config{URL: config.NewSecret(text + secret)}).Validate(); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q is repeated: %v", text, err)
		}
	})
}

func TestEveryShapeOfRedisIsReached(t *testing.T) {
	t.Parallel()
	one := redistest.Start(t, "--requirepass", "")
	for name, url := range map[string]string{"host": one.URL() + "/1", "socket": "unix://" + one.Socket(), "cluster": redistest.Cluster(t, false).URL, "sentinel": redistest.Watched(t).URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := redistest.Client(t, url)
			conn, err := c.Conn()
			if err != nil {
				t.Fatal(err)
			}
			for i := range 20 { // over all of a cluster
				key := fmt.Sprint("key", i)
				if err := conn.Do(t.Context(), conn.B().Set().Key(key).Value("v").Build()).Error(); err != nil {
					t.Fatal(err)
				}
			}
			if c.Clustered() != (name == "cluster") || len(conn.Nodes()) < 1 {
				t.Errorf("clustered: %v, %d nodes", c.Clustered(), len(conn.Nodes()))
			}
		})
	}
}

func TestAClientOutlivesTheAbsenceOfItsServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	for _, url := range []string{"redis://" + addr, "redis-cluster://" + addr, "redis-sentinel://" + addr + "/m"} {
		c := redistest.Lazy(t, url)
		begin := time.Now()
		if err := c.Ping(t.Context()); err == nil {
			t.Errorf("%s answers", url)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("it took %v to say so", d)
		}
	}
	s := redistest.Start(t)
	c := redistest.Client(t, s.URL())
	s.Kill()
	if c.Ping(t.Context()) == nil {
		t.Error("a killed server answers")
	}
	s.Restart()
	redistest.Client(t, s.URL())
	deadline := time.Now().Add(20 * time.Second)
	for c.Ping(t.Context()) != nil {
		if time.Now().After(deadline) {
			t.Fatal("the client stays away from a server that is back")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAClientFollowsASentinelsChoice(t *testing.T) {
	t.Parallel()
	g := redistest.Watched(t)
	c := redistest.Client(t, g.URL)
	g.Servers[0].Kill()
	deadline := time.Now().Add(30 * time.Second)
	for {
		conn, err := c.Conn()
		if err == nil {
			err = conn.Do(t.Context(), conn.B().Set().Key("k").Value("v").Build()).Error()
		}
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing can be written: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if role := g.Servers[1].Do("GET", "k"); role != "v" {
		t.Errorf("the replica has %q", role)
	}
}
