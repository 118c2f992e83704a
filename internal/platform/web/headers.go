package web

import "net/http"

// header is a field that is the same in every answer, in the shape in which
// http.Header holds it, so that setting it costs no memory.
type header struct {
	name  string
	value []string
}

// apiPolicy is the Content-Security-Policy of what isn't a page: opened as one,
// it may load nothing, run nothing and be framed by nobody.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// permissions switches off what browsers let pages do and ours don't. Passkeys
// are for us alone, not for what a provider shows in a frame.
const permissions = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), " +
	"encrypted-media=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), publickey-credentials-create=(self), publickey-credentials-get=(self), " +
	"screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"

// fixedHeaders are the headers that every answer carries, also errors,
// redirects and files. docs/security/front-door.md says why each is as it is,
// testdata/headers.golden what each kind of answer carries.
func fixedHeaders(https bool) []header {
	all := []header{
		{"Content-Security-Policy", []string{apiPolicy}}, // pages replace it with theirs
		{"X-Content-Type-Options", []string{"nosniff"}},
		{"X-Frame-Options", []string{"DENY"}}, // for what is too old for frame-ancestors
		{"X-Xss-Protection", []string{"0"}},   // the filters it steers made holes of their own
		{"Referrer-Policy", []string{"same-origin"}},
		{"Permissions-Policy", []string{permissions}},
		{"Cross-Origin-Opener-Policy", []string{"same-origin"}},
		{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
		{"Origin-Agent-Cluster", []string{"?1"}},
	}
	if https {
		all = append(all, header{"Strict-Transport-Security", []string{"max-age=63072000; includeSubDomains"}})
	}
	return all
}

// noStore is the Cache-Control of whatever is of the API.
var noStore = []string{"no-store"}

// secure sets the headers that every answer carries. The values are shared by
// all answers: whoever wants another one sets it, and never changes these.
func (s *Server) secure(h http.Header) {
	for _, f := range s.fixed {
		h[f.name] = f.value
	}
}
