package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/platform/postgres/private"
	"flint/internal/platform/telemetry"
	"flint/sandbox"
)

type demoCmd struct {
	State    string `help:"Folder that keeps the demo. Default: demo in Flint's state folder." type:"path"`
	Port     int    `help:"Port of the page; 0 picks a free one." default:"8080"`
	Reset    bool   `help:"Forget the old demo and begin anew."`
	Headless bool   `help:"Don't open a browser."`
	JSON     bool   `name:"json" help:"Print one line of JSON when ready, for scripts."`
	Seed     uint64 `help:"Another seed is another household." default:"42"`
	Limits   string `help:"Other rate limits, as FLINT_LIMITS says them: for robots that click faster than people."`
	Bots     string `help:"When forms want a proof: off, suspicion or always." enum:"off,suspicion,always" default:"suspicion" env:"FLINT_BOTS"`
	Captcha  string `help:"What the proof is: pow, or turnstile or recaptcha as the sandbox plays them." enum:"pow,turnstile,recaptcha" default:"pow" env:"FLINT_CAPTCHA"`
}

// notes is what a demo remembers between runs, in a file that only its user can
// read.
type notes struct {
	Password  string `json:"password"`
	Furnished bool   `json:"furnished"`
}

// ready is what a script is told.
type ready struct {
	URL      string `json:"url"`
	LoginURL string `json:"loginUrl"`
	Email    string `json:"email"`
	Password string `json:"password"`
	Database string `json:"database"`
	Sandbox  string `json:"sandbox"`
}

// Run plays the world, serves Flint in it, and tells where the dashboard is.
func (c demoCmd) Run(ctx context.Context) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(dir, "flint.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer logFile.Close()
	log := telemetry.NewLogger(logFile, slog.LevelInfo)
	slog.SetDefault(log)

	ln, err := c.listen(ctx)
	if err != nil {
		return err
	}
	origin := "http://localhost:" + strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	world, err := sandbox.New(sandbox.Config{
		Seed: c.Seed, Dir: filepath.Join(dir, "sandbox"), Log: log,
		TellerWebhookURL: origin + tellerWebhook, SnapTradeWebhookURL: origin + snaptradeWebhook,
	})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
		defer cancel()
		_ = world.Stop(stop) // the demo ends either way
	}()
	if err := world.Start(ctx); err != nil {
		return err
	}
	cfg, err := c.config(ctx, dir, origin, world)
	if err != nil {
		return err
	}
	cfg.Identity.HashCommand = hashCommand()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = app.Serve(ctx, cfg, ln, log, func(a *app.App, db *app.Database) {
		if err := c.open(ctx, a, db, dir, origin, world); err != nil {
			cancel(err)
		}
	})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}

// dir returns the demo's folder, new if it is to begin anew.
func (c demoCmd) dir() (string, error) {
	dir := c.State
	if dir == "" {
		base, err := private.DefaultDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(base, "demo")
	}
	if err := atRest(dir); err != nil {
		return "", err
	}
	if c.Reset || halfMade(dir) {
		if err := forget(dir); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the database's user must be able to enter it; what is secret inside is 0600
		return "", fmt.Errorf("make the demo's folder: %w", err)
	}
	return dir, nil
}

// halfMade reports whether the demo in dir was stopped before it was furnished.
func halfMade(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, notesFile)); err != nil {
		return false
	}
	n, err := readNotes(dir)
	return err == nil && !n.Furnished
}

// forget removes a demo, and nothing that isn't one.
func forget(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, notesFile)); err != nil {
		return fmt.Errorf("%s holds no demo, so nothing in it is removed: name the demo's folder with --state", dir)
	}
	// The server of a demo that was killed a moment ago may still be writing.
	var err error
	for range 50 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("forget the old demo: %w", err)
}

// atRest returns an error if the demo in dir is running. It is asked before
// anything in dir is touched.
func atRest(dir string) error {
	held, err := private.Locked(filepath.Join(dir, "postgres"))
	if err == nil && held {
		err = fmt.Errorf("the demo in %s is running: stop it first, or choose another folder with --state", dir)
	}
	return err
}

// listen takes the port, or a free one if another program has it.
func (c demoCmd) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(c.Port))
	if err != nil && c.Port != 0 {
		ln, err = lc.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}

// config points Flint at the sandbox. Of the environment nothing counts but what
// the flags take from it, none of which reaches out: a demo can't touch a real
// provider or database by accident.
func (c demoCmd) config(ctx context.Context, dir, origin string, world *sandbox.Server) (app.Config, error) {
	env := world.Environment()
	env["FLINT_ORIGIN"] = origin
	env["FLINT_STATE"] = dir
	env["FLINT_NEW_USER_TIER"] = "pro"          // there is no till in the demo yet
	env["FLINT_ADMINS"] = "staff@flint.example" // flint user role makes them one, if they register
	env["FLINT_DEMO_SANDBOX"] = world.URLs().Site
	env["FLINT_LIMITS"] = c.Limits
	env["FLINT_BOTS"] = c.Bots
	if env["FLINT_CAPTCHA"] = c.Captcha; c.Captcha != "pow" {
		env["CAPTCHA_BASE_URL"], env["CAPTCHA_SITE_KEY"], env["CAPTCHA_SECRET"] = world.URLs().Captcha, "sandbox", "sandbox"
	}
	env["MAIL_FROM"] = "Flint <hello@flint.example>"
	var cfg app.Config
	if err := config.Load(ctx, config.Map(env), &cfg); err != nil {
		return cfg, fmt.Errorf("configure the demo: %w", err)
	}
	return cfg, nil
}

// open furnishes a new demo and tells where it is.
func (c demoCmd) open(ctx context.Context, a *app.App, db *app.Database, dir, origin string, world *sandbox.Server) error {
	n, err := readNotes(dir)
	if err != nil {
		return err
	}
	if !n.Furnished {
		c.say("Furnishing the household: three banks, two brokerages, a crypto exchange, 36 months ...")
		// Without rates the brokers' euros would be worth nothing known, at first.
		if _, err := a.Rates.Update(ctx); err != nil {
			return err
		}
		h := &household{flint: newCaller(origin), world: newCaller(world.URLs().Site)}
		if err := h.furnish(ctx, n.Password); err != nil {
			return fmt.Errorf("furnish the demo (flint demo --reset begins anew): %w", err)
		}
		n.Furnished = true
		if err := n.write(dir); err != nil {
			return err
		}
	}
	login, err := a.LoginLink(ctx, ownerEmail, time.Hour)
	if err != nil {
		return err
	}
	r := ready{URL: origin, LoginURL: login.Reveal(), Email: ownerEmail, Password: n.Password, Database: db.URL(), Sandbox: world.URLs().Site}
	return c.tell(ctx, r, dir)
}

// say prints a line for people.
func (c demoCmd) say(text string) {
	if !c.JSON {
		fmt.Println(text)
	}
}

func (c demoCmd) tell(ctx context.Context, r ready, dir string) error {
	if c.JSON {
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return fmt.Errorf("print where the demo is: %w", err)
		}
		return nil
	}
	fmt.Printf("\nFlint is running. Open\n\n  %s\n\n", r.LoginURL)
	fmt.Printf("(works once; afterwards %s with %s and the password %s)\n", r.URL, r.Email, r.Password)
	fmt.Printf("Make things happen, read the mails:  %s\n", r.Sandbox)
	fmt.Printf("Everything is simulated and kept in  %s\nCtrl-C stops it.\n", dir)
	if !c.Headless {
		browse(ctx, r.LoginURL)
	}
	return nil
}

// browse opens address in the user's browser, where there is a desktop.
func browse(ctx context.Context, address string) {
	opener := ""
	switch {
	case runtime.GOOS == "darwin":
		opener = "open"
	case os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "":
		opener = "xdg-open"
	}
	if opener == "" {
		return
	}
	_ = exec.CommandContext(ctx, opener, address).Start() //nolint:gosec // one of two names; the address is ours and has been printed
}

const notesFile = "demo.json"

// readNotes returns what the demo in dir remembers; a new demo gets a password.
func readNotes(dir string) (notes, error) {
	var n notes
	text, err := os.ReadFile(filepath.Join(dir, notesFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		n.Password = rand.Text()
		return n, n.write(dir)
	case err != nil:
		return n, fmt.Errorf("read the demo's notes: %w", err)
	}
	if err := json.Unmarshal(text, &n); err != nil {
		return n, fmt.Errorf("read the demo's notes (flint demo --reset begins anew): %w", err)
	}
	return n, nil
}

// write replaces the notes, whole or not at all.
func (n notes) write(dir string) error {
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("keep the demo's notes: %w", err)
	}
	next := filepath.Join(dir, notesFile+".new")
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("keep the demo's notes: %w", err)
	}
	if err := os.Rename(next, filepath.Join(dir, notesFile)); err != nil {
		return fmt.Errorf("keep the demo's notes: %w", err)
	}
	return nil
}
