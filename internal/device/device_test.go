package device_test

import (
	"strings"
	"testing"

	"flint/internal/device"
)

func TestDevicesAreNamedAsPeopleCallThem(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                    "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":                           "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0":             "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15":                     "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1":   "Safari on iPhone",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0 Mobile/15E148 Safari/604.1":    "Chrome on iPhone",
		"Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
		"Flint/1.0 iPhone": "Flint app on iPhone",
		"curl/8.5.0":       "curl",
		"Mozilla/5.0 (Windows NT 10.0) Something/1": "a browser on Windows",
		"":  "an unknown device",
		"?": "an unknown device",
	} {
		if got := device.Of(agent).String(); got != want {
			t.Errorf("%q is %q, not %q", agent, got, want)
		}
	}
}

// FuzzOf holds that a name never holds anything of what was sent.
func FuzzOf(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
	f.Add("<b>Firefox/</b> https://evil.example Windows")
	f.Add("\x00\xff\r\nSubject: x")
	f.Fuzz(func(t *testing.T, agent string) {
		if name := device.Of(agent).String(); len(name) > 40 || strings.ContainsAny(name, "<>&/:\r\n\x00") {
			t.Errorf("%q is named %q", agent, name)
		}
	})
}
