package runpkg

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"lunguard/cluster/ownfile"
)

// Phase is how far a package is on this host, by what was written down.
type Phase string

// Phases. Those that are neither Down nor Up are what a command leaves that
// was killed, or could not finish.
const (
	Down     Phase = "down"
	Starting Phase = "starting"
	Up       Phase = "up"
	Halting  Phase = "halting"
	// Failed: something of the package is still there, and nothing is under
	// way.
	Failed Phase = "failed"
)

// phaseFile is the form in which a phase is kept.
type phaseFile struct {
	Phase Phase `json:"phase"`
	// Boot is the boot that it is true for.
	Boot string `json:"boot"`
}

// State is what this host remembers of a package while a command works on it.
// Others that want to are refused meanwhile.
type State struct {
	dir  string
	boot string
	lock *os.File
}

// BusyError says that another process starts or halts the package.
type BusyError struct{ Package string }

func (e *BusyError) Error() string {
	return "another command is starting or halting package " + e.Package
}

// nameError says that a name cannot be that of a file.
type nameError struct{ name string }

func (e *nameError) Error() string { return fmt.Sprintf("%q cannot be the name of a file", e.name) }

// child is a path in a folder, made of a name of the config.
func child(dir, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00") {
		return "", &nameError{name}
	}
	return filepath.Join(dir, name), nil
}

// OpenState opens, below the folder root, what is remembered of a package.
// Errors: *BusyError, *os.PathError with ownfile.ErrNotTrusted, ownfile.ErrSymlink and the
// like.
func OpenState(root, pkg string) (*State, error) {
	s, err := openState(root, pkg)
	if err != nil {
		return nil, err
	}
	s.lock, err = os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	// It ends with the process, however that ends, and no child inherits it.
	if err := unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		s.lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, &BusyError{pkg}
		}
		return nil, &os.PathError{Op: "lock", Path: s.lock.Name(), Err: err}
	}
	return s, nil
}

// Join opens what is remembered of a package for a command that its scripts call:
// who runs them has the state, and keeps it. Nobody may have it, too. Errors: as
// from OpenState, without *BusyError.
func Join(root, pkg string) (*State, error) { return openState(root, pkg) }

// Close lets others work on the package, at once: what was forked a moment ago has the lock
// until it runs its own program.
func (s *State) Close() error {
	return errors.Join(unix.Flock(int(s.lock.Fd()), unix.LOCK_UN), s.lock.Close())
}

// openState makes the folders.
func openState(root, pkg string) (*State, error) {
	dir, err := child(root, pkg)
	if err != nil {
		return nil, err
	}
	if err := ownfile.MakeFolder(root, 0o755); err != nil {
		return nil, err
	}
	if err := ownfile.MakeFolder(dir, 0o700); err != nil {
		return nil, err
	}
	s := &State{dir: dir}
	s.boot, err = bootID()
	return s, err
}

// Phase is how far the package is.
func (s *State) Phase() (Phase, error) { return readPhase(s.dir, s.boot) }

// Peek is the phase of a package for who only wants to look: it takes no lock
// and makes no folder.
func Peek(root, pkg string) (Phase, error) {
	dir, err := child(root, pkg)
	if err != nil {
		return "", err
	}
	for _, d := range []string{root, dir} {
		if err := ownfile.CheckFolder(d); errors.Is(err, fs.ErrNotExist) {
			return Down, nil
		} else if err != nil {
			return "", err
		}
	}
	boot, err := bootID()
	if err != nil {
		return "", err
	}
	return readPhase(dir, boot)
}

// readPhase reads a phase. What an earlier boot left means nothing: it ended
// all processes and mounts.
func readPhase(dir, boot string) (Phase, error) {
	var f phaseFile
	err := load(phasePath(dir), &f)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Down, nil
	case err != nil:
		return "", err
	case f.Boot != boot:
		return Down, nil
	}
	return f.Phase, nil
}

func phasePath(dir string) string { return filepath.Join(dir, "phase") }

// commandPath is where a command that is running is recorded.
func (s *State) commandPath(token string) string { return filepath.Join(s.dir, "command."+token) }

// set writes a phase down.
func (s *State) set(p Phase) error {
	if p == Down {
		return remove(phasePath(s.dir))
	}
	return save(phasePath(s.dir), phaseFile{p, s.boot})
}

// servicePath is where a service of the package is recorded. Its folder is of
// its own: no service can have the name of another file.
func (s *State) servicePath(service string) (string, error) {
	dir := s.serviceDir()
	if err := ownfile.MakeFolder(dir, 0o700); err != nil {
		return "", err
	}
	return child(dir, service)
}

func (s *State) serviceDir() string { return filepath.Join(s.dir, "services") }

// maxState bounds what is read of a file of ours.
const maxState = 1 << 20

// load reads a file that save has written.
func load(path string, v any) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return &os.PathError{Op: "read", Path: path, Err: err}
	}
	return nil
}

// save writes a file: all of it or nothing.
func save(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	// No package or service has a name that begins with a dot.
	draft := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := remove(draft); err != nil {
		return err
	}
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// remove removes a file that may be missing.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
