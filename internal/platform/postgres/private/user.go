package private

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// user is who the server runs as: ourselves, or for root somebody humbler.
type user struct {
	name     string
	uid, gid int
	other    bool // not ourselves: files must be handed over
}

func serverUser() (user, error) {
	if os.Geteuid() != 0 {
		return user{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid > 0 {
			return user{name, uid, gid, true}, nil
		}
	}
	return user{}, errors.New("PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody: run Flint as an ordinary user")
}

// credential drops root for a child process; nil if there is nothing to drop.
func (u user) credential() *syscall.Credential {
	if !u.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
}

// give hands a file or folder to u.
func (u user) give(path string) error {
	if !u.other {
		return nil
	}
	return os.Lchown(path, u.uid, u.gid)
}

// prepareDir makes the cluster's folder and sees to it that u can reach it.
func (u user) prepareDir(dir string) error {
	mode := fs.FileMode(0o700)
	if u.other {
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("make the database's folder %s: %w", dir, err)
	}
	if !u.other {
		if info, err := os.Stat(dir); err == nil && !ownedBy(info, u.uid) {
			return fmt.Errorf("the database in %s belongs to another user: run Flint as that user, or choose another state folder", dir)
		}
		return nil
	}
	for _, own := range ours(dir) {
		info, err := os.Stat(own)
		if err != nil || u.passes(info) || !ownedBy(info, 0) {
			continue
		}
		if err := os.Chmod(own, info.Mode().Perm()|0o011); err != nil {
			return fmt.Errorf("open the way to the database's folder: %w", err)
		}
	}
	if wall := u.wall(dir); wall != "" {
		return fmt.Errorf("PostgreSQL doesn't run as root, and its user (%s) can't enter %s: choose another state folder, such as /var/lib/flint, or run Flint as an ordinary user", u.name, wall)
	}
	return nil
}

// ours lists the folders on the way to dir that are there for Flint's sake: dir,
// the state folder above it, and what lies between them and a folder for
// temporary files. Others may be allowed to pass through these; looking into
// them stays forbidden.
func ours(dir string) []string {
	list := []string{dir}
	if up := filepath.Dir(dir); up != "/root" && up != "/" {
		list = append(list, up)
	}
	for _, tmp := range []string{os.TempDir(), "/tmp", "/var/tmp", "/dev/shm"} {
		rest, err := filepath.Rel(tmp, dir)
		if err != nil || rest == "." || !filepath.IsLocal(rest) {
			continue
		}
		for up := filepath.Dir(dir); up != filepath.Clean(tmp); up = filepath.Dir(up) {
			list = append(list, up)
		}
	}
	return list
}

// wall returns the topmost folder on the way to path that u can't pass, or "".
func (u user) wall(path string) string {
	wall := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && !u.passes(info) {
			wall = dir
		}
		if dir == filepath.Dir(dir) {
			return wall
		}
	}
}

func (u user) passes(info fs.FileInfo) bool {
	perm := info.Mode().Perm()
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && int(st.Uid) == u.uid:
		return perm&0o100 != 0
	case ok && int(st.Gid) == u.gid:
		return perm&0o010 != 0
	}
	return perm&0o001 != 0
}

func ownedBy(info fs.FileInfo, uid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// reachable returns b, or a copy of it below dir when u can't get at b: a
// checkout in /root holds the set-up's private copy where only root can go.
func (u user) reachable(b Binaries, dir string) (Binaries, error) {
	if !u.other || u.wall(b.Dir) == "" {
		return b, nil
	}
	home := filepath.Dir(b.Dir)
	if _, err := os.Stat(filepath.Join(home, "lib")); err != nil {
		return b, fmt.Errorf("PostgreSQL's user (%s) can't enter %s, where its programs are: install PostgreSQL for all users, or run Flint as an ordinary user", u.name, u.wall(b.Dir))
	}
	copied := filepath.Join(dir, "pgsql-"+strconv.Itoa(b.Major))
	if info, err := os.Stat(filepath.Join(copied, "bin", "postgres")); err == nil {
		if was, err := os.Stat(filepath.Join(b.Dir, "postgres")); err == nil && was.Size() == info.Size() {
			return Binaries{filepath.Join(copied, "bin"), b.Major}, nil
		}
	}
	if err := copyTree(home, copied); err != nil {
		return b, fmt.Errorf("copy PostgreSQL to where its user can reach it: %w", err)
	}
	return Binaries{filepath.Join(copied, "bin"), b.Major}, nil
}

// copyTree copies a folder with its links, through a neighbour, so that half a
// copy is never taken for a whole one.
func copyTree(from, to string) error {
	half := to + ".new"
	if err := os.RemoveAll(half); err != nil {
		return err
	}
	if err := os.CopyFS(half, os.DirFS(from)); err != nil {
		return err
	}
	err := filepath.WalkDir(half, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		open := fs.FileMode(0o444)
		if d.IsDir() || info.Mode().Perm()&0o100 != 0 {
			open = 0o555
		}
		return os.Chmod(path, info.Mode().Perm()|open) //nolint:gosec // our own copy, which nobody else can write to
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(half, to)
}

// socketDir makes the folder of the socket: in dir, or, since a socket's path
// may have only some hundred bytes, in /tmp under a name made from dir.
func (u user) socketDir(dir string) (string, error) {
	const longest = 103 - len("/.s.PGSQL.5432.lock") // macOS allows 103, Linux 107
	run := filepath.Join(dir, "run")
	if len(run) > longest {
		h := fnv.New64a()
		_, _ = h.Write([]byte(dir)) // never fails
		run = filepath.Join("/tmp", fmt.Sprintf("flint-%d-%x", os.Geteuid(), h.Sum64()))
	}
	err := os.Mkdir(run, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = nil
		// Somebody else's folder of that name in /tmp would let them listen in.
		info, statErr := os.Lstat(run)
		if statErr != nil || !info.IsDir() || (!ownedBy(info, u.uid) && !ownedBy(info, os.Geteuid())) {
			return "", fmt.Errorf("the database's socket can't be in %s, which belongs to somebody else: choose another state folder", run)
		}
	}
	if err == nil {
		err = u.give(run)
	}
	if err == nil {
		err = os.Chmod(run, 0o700) //nolint:gosec // a folder needs its x bit
	}
	if err != nil {
		return "", fmt.Errorf("make the folder of the database's socket: %w", err)
	}
	return run, nil
}
