package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// Origin is where people find Flint: scheme, host and port, nothing more. Every
// link that Flint mails or hands out starts with it and never with what a
// request says its host is, since a request can say anything.
type Origin struct{ scheme, host string }

// ParseOrigin reads an origin such as "https://flint.example". Plain http is
// accepted only for addresses that stay on the machine or a private network:
// anywhere else cookies would travel in the clear.
func ParseOrigin(text string) (Origin, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return Origin{}, badValue(`an origin reads "https://flint.example" or "http://localhost:8080"`)
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return Origin{}, badValue("an origin is scheme, host and port, with nothing after it")
	}
	o := Origin{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Host)}
	switch {
	case o.scheme == "https":
	case o.scheme == "http" && private(strings.ToLower(u.Hostname())):
	case o.scheme == "http":
		return Origin{}, badValue("plain http is for localhost and private addresses; use https")
	default:
		return Origin{}, badValue("an origin starts with https:// or http://")
	}
	return o, nil
}

func private(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || a.IsPrivate())
}

// EnvDecode reads the origin from the environment.
func (o *Origin) EnvDecode(text string) error {
	p, err := ParseOrigin(text)
	if err != nil {
		return err
	}
	*o = p
	return nil
}

// IsZero reports whether no origin is set.
func (o Origin) IsZero() bool { return o.host == "" }

// Secure reports whether people reach Flint over https, so that cookies may
// demand it.
func (o Origin) Secure() bool { return o.scheme == "https" }

// Hostname returns the host without the port.
func (o Origin) Hostname() string {
	u := url.URL{Host: o.host}
	return u.Hostname()
}

// Host returns host and port.
func (o Origin) Host() string { return o.host }

// String returns the origin without a slash at its end.
func (o Origin) String() string {
	if o.IsZero() {
		return ""
	}
	return o.scheme + "://" + o.host
}

// Link returns the address of path ("/verify") at this origin. A secret, if
// there is one, becomes the fragment: browsers keep that to themselves, so it
// reaches no log, no proxy and no Referer header.
func (o Origin) Link(path string, secret Secret) string {
	link := url.URL{Scheme: o.scheme, Host: o.host, Path: path, Fragment: secret.Reveal()}
	return link.String()
}
