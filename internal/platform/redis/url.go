package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// shape is how the servers behind an address hang together.
type shape string

const (
	single   shape = "single"
	cluster  shape = "cluster"
	sentinel shape = "sentinel"
)

// address is REDIS_URL, taken apart.
type address struct {
	shape          shape
	tls            bool
	socket         string   // path of a unix socket, instead of hosts
	hosts          []string // host:port, of which the client finds the others
	user, password string
	db             int
	master         string // the name that sentinels know it by
	sentinelUser   string
	sentinelPass   string
	ca             string // file with certificates to trust, instead of the system's
}

// schemes are the forms of REDIS_URL.
var schemes = map[string]address{
	"redis":           {shape: single},
	"rediss":          {shape: single, tls: true},
	"unix":            {shape: single},
	"redis-cluster":   {shape: cluster},
	"rediss-cluster":  {shape: cluster, tls: true},
	"redis-sentinel":  {shape: sentinel},
	"rediss-sentinel": {shape: sentinel, tls: true},
}

// parse reads REDIS_URL. It's taken apart by hand, since net/url knows one host
// only. Its errors say what is wrong and never repeat it: there may be a
// password in it.
func parse(text string) (address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	a, known := schemes[strings.ToLower(scheme)]
	if !ok || !known {
		return address{}, errors.New("must begin with redis://, rediss://, unix://, redis-cluster://, rediss-cluster://, redis-sentinel:// or rediss-sentinel://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	hosts := authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		hosts = authority[at+1:]
		if err := a.credentials(authority[:at]); err != nil {
			return address{}, err
		}
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return address{}, errors.New("what stands after the hosts isn't valid")
	}
	if err := a.options(query); err != nil {
		return address{}, err
	}
	if strings.EqualFold(scheme, "unix") {
		if hosts != "" || path == "" {
			return address{}, errors.New("a unix socket is written unix:///path/to/redis.sock")
		}
		a.socket = "/" + path
		return a, nil
	}
	if a.hosts, err = hostPorts(hosts, a.shape); err != nil {
		return address{}, err
	}
	return a, a.place(path)
}

func (a *address) credentials(text string) error {
	user, password, _ := strings.Cut(text, ":")
	var err1, err2 error
	a.user, err1 = url.PathUnescape(user)
	a.password, err2 = url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return errors.New("the user or password isn't valid: percent-encode it")
	}
	return nil
}

// options reads what stands after the question mark.
func (a *address) options(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the options after ? aren't valid")
	}
	for name, vs := range values {
		v := vs[len(vs)-1]
		switch {
		case name == "db":
			if err := a.number(v); err != nil {
				return err
			}
		case name == "ca" && a.tls:
			a.ca = v
		case name == "sentinel_user" && a.shape == sentinel:
			a.sentinelUser = v
		case name == "sentinel_password" && a.shape == sentinel:
			a.sentinelPass = v
		default:
			return errors.New("the options are db, with TLS ca, and of sentinels sentinel_user and sentinel_password")
		}
	}
	return nil
}

// place reads the path: /db, or /master and /master/db behind sentinels.
func (a *address) place(path string) error {
	path = strings.TrimSuffix(path, "/")
	if a.shape == sentinel {
		a.master, path, _ = strings.Cut(path, "/")
		if a.master == "" {
			return errors.New("sentinels must be asked for a master by name: redis-sentinel://host:26379/name")
		}
	}
	if path != "" {
		return a.number(path)
	}
	return nil
}

func (a *address) number(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1<<16 {
		return errors.New("the database is a number")
	}
	if n != 0 && a.shape == cluster {
		return errors.New("a cluster has database 0 only")
	}
	a.db = n
	return nil
}

func hostPorts(text string, s shape) ([]string, error) {
	port := "6379"
	if s == sentinel {
		port = "26379"
	}
	var list []string
	for h := range strings.SplitSeq(text, ",") {
		host, p, err := net.SplitHostPort(h)
		if err != nil { // no port, perhaps
			host, p = strings.TrimSuffix(strings.TrimPrefix(h, "["), "]"), port
			if strings.ContainsRune(host, ':') && h[0] != '[' {
				return nil, errors.New("an IPv6 address stands in brackets")
			}
		}
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, "@/[]% \t") {
			return nil, errors.New("each host reads name:port")
		}
		list = append(list, net.JoinHostPort(host, p))
	}
	if s == single && len(list) > 1 {
		return nil, errors.New("several hosts are a cluster (redis-cluster://) or sentinels (redis-sentinel://)")
	}
	return list, nil
}

// trust returns the settings of TLS, or nil without it.
func (a address) trust() (*tls.Config, error) {
	if !a.tls {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.shape == single {
		c.ServerName, _, _ = net.SplitHostPort(a.hosts[0])
	}
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, fmt.Errorf("read the certificates to trust: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("the file of certificates to trust holds none")
		}
	}
	return c, nil
}
