package sdktest

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// chromium finds a browser as scripts/setup does, or skips the test.
func chromium(t *testing.T) string {
	t.Helper()
	noted, _ := os.ReadFile("../../.cache/chromium-path") // made by make test; may not be there
	for _, path := range []string{os.Getenv("CHROMIUM"), strings.TrimSpace(string(noted)), "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "" {
		t.Skip("no Chromium was found: install one, or set CHROMIUM to its path")
	}
	t.Fatal("no Chromium was found: install one, or set CHROMIUM to its path")
	return ""
}

// Teller's own React component opens our Connect, and hears what Teller's page
// says; a page that frames our portal hears what SnapTrade's portal says.
func TestTheOfficialWidgetsWorkInABrowser(t *testing.T) {
	t.Parallel()
	s := start(t)
	urls, credentials := s.URLs(), s.Credentials()
	out := node(t, "page.mjs", "CHROMIUM="+chromium(t), "CONNECT_SCRIPT="+urls.ConnectScript, "CONTROL_URL="+urls.Site,
		"TELLER_APPLICATION="+credentials.TellerApplication, "SNAPTRADE_BASE_URL="+urls.SnapTrade,
		"SNAPTRADE_CLIENT_ID="+credentials.SnapTradeClient, "SNAPTRADE_CONSUMER_KEY="+credentials.SnapTradeKey)
	var got struct {
		Teller []struct {
			Name string
			Data struct {
				AccessToken string
				User        struct{ ID string }
				Enrollment  struct {
					ID          string
					Institution struct{ Name string }
				}
				Signatures []string
			}
		}
		Portal struct {
			Visits      [][]any
			Connections []string
		}
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	var names []string
	for _, h := range got.Teller {
		names = append(names, h.Name)
	}
	if heard := strings.Join(names, " "); heard != "init exit init success" {
		t.Errorf("the component heard %s", heard)
	}
	if won := got.Teller[len(got.Teller)-1].Data; won.AccessToken == "" || won.User.ID == "" || won.Enrollment.ID == "" || won.Enrollment.Institution.Name == "" || len(won.Signatures) == 0 {
		t.Errorf("success brought %+v", won)
	}
	if len(got.Portal.Visits) != 2 || len(got.Portal.Connections) != 1 {
		t.Fatalf("the portal: %s", out)
	}
	left, done := got.Portal.Visits[0], got.Portal.Visits[1]
	if left[0] != "ABANDONED" || left[1] != "CLOSE_MODAL" {
		t.Errorf("leaving says %v", left)
	}
	if m, ok := done[0].(map[string]any); !ok || m["status"] != "SUCCESS" || m["authorizationId"] != got.Portal.Connections[0] || done[1] != "CLOSED" {
		t.Errorf("connecting says %v", done)
	}
}
