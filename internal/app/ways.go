package app

import (
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// databases looks whether what is said to databases on other machines can be read
// or answered by somebody on the way.
func (s *Settings) databases(refuse, warn say) {
	for _, d := range []struct{ name, address string }{
		{"DATABASE_URL", s.Config.Database.URL.Reveal()}, {"DATABASE_MIGRATE_URL", s.Config.Database.MigrateURL.Reveal()},
	} {
		switch mode := weakestMode(d.address); mode {
		case "disable", "allow", "prefer":
			refuse(d.name, "its sslmode is %s (prefer if it says none), so people's data may travel in clear: sslmode=verify-full", mode)
		case "require":
			warn(d.name, "its sslmode is require: the connection is encrypted, to whoever answers; sslmode=verify-full")
		}
	}
	if u, err := url.Parse(s.Config.Redis.URL.Reveal()); err == nil && !here(u.Hostname()) && (u.Scheme == "redis" || strings.HasPrefix(u.Scheme, "redis-")) {
		warn("REDIS_URL", "its password and the counts travel in clear: rediss://")
	}
}

// weakestMode returns the sslmode by which a connection string reaches hosts that
// aren't this machine: empty if there is none of those, if the certificate is
// verified, or if the string can't be read (which says so itself).
func weakestMode(text string) string {
	if text == "" {
		return ""
	}
	cfg, err := pgconn.ParseConfig(text)
	if err != nil {
		return ""
	}
	clear, sealed, unverified := false, false, false
	first := "" // of the two ways that a string may allow
	look := func(f *pgconn.FallbackConfig) {
		if strings.HasPrefix(f.Host, "/") || here(f.Host) {
			return
		}
		way := "sealed"
		if f.TLSConfig == nil {
			way, clear = "clear", true
		} else {
			sealed = true
			unverified = unverified || f.TLSConfig.InsecureSkipVerify && f.TLSConfig.VerifyPeerCertificate == nil && f.TLSConfig.VerifyConnection == nil
		}
		if first == "" {
			first = way
		}
	}
	look(&pgconn.FallbackConfig{Host: cfg.Host, TLSConfig: cfg.TLSConfig})
	for _, f := range cfg.Fallbacks {
		look(f)
	}
	switch {
	case clear && !sealed:
		return "disable"
	case clear && first == "clear":
		return "allow"
	case clear:
		return "prefer"
	case unverified:
		return "require"
	}
	return ""
}
