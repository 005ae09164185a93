package session

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// Memory is what this node has written down about a package, by pr_start and by
// cmrunpkg. Errors: *memoryError.
func (s *Session) Memory(pkg *cluster.Package) (cluster.Memory, error) {
	root, err := PackagesFolder(s.Call)
	if err != nil {
		return cluster.Memory{}, &memoryError{pkg.Name, err}
	}
	started, err := runpkg.PeekStarted(root, pkg.Name, s.Node.Name)
	if err != nil {
		return cluster.Memory{}, &memoryError{pkg.Name, err}
	}
	phase, err := runpkg.Peek(root, pkg.Name)
	if err != nil {
		return cluster.Memory{}, &memoryError{pkg.Name, err}
	}
	m := cluster.Memory{Unfinished: started != nil && started.Starting || phase == runpkg.Starting || phase == runpkg.Halting, Halting: phase == runpkg.Halting, Failed: phase == runpkg.Failed}
	if started != nil && !started.Halting && !started.Starting {
		m.By = started.By
	}
	if m.Kept, err = runpkg.PeekKept(root, pkg.Name, s.Node.Name); err != nil {
		return cluster.Memory{}, &memoryError{pkg.Name, err}
	}
	return m, nil
}

// StartedOn are the worldwide names of the LUNs on which this node has started a package
// in this life of the host, and has not halted it.
func StartedOn(s *Session, pkg *cluster.Package) ([]string, error) {
	root, err := PackagesFolder(s.Call)
	if err != nil {
		return nil, &memoryError{pkg.Name, err}
	}
	started, err := runpkg.PeekStarted(root, pkg.Name, s.Node.Name)
	switch {
	case err != nil:
		return nil, &memoryError{pkg.Name, err}
	case started == nil || started.Halting || started.Starting:
		return nil, nil
	}
	return started.LUNs, nil
}

// PackagesFolder is where packages are remembered.
func PackagesFolder(c *front.Call) (string, error) {
	run, _, err := RunFolders(c)
	return filepath.Join(run, "packages"), err
}

// remember writes down that the LUNs of a package are being given up, or that they were
// taken or given up. A protection that cannot be remembered is one all the same.
func (s *Session) remember(pkg *cluster.Package, note func(root string) error) {
	root, err := PackagesFolder(s.Call)
	if err == nil {
		err = note(root)
	}
	if err != nil {
		s.Warn("%s", notRemembered(pkg.Name, err))
	}
}

// notRemembered says what that means.
func notRemembered(pkg string, err error) string {
	return "what was done with package " + pkg + " is not remembered: " + err.Error() + "; pr_check will not see that its keys have gone"
}

// Joined is what a node remembers of having been let in by a fence agent: it is gone
// after a boot, and says nothing of who is protected. A node that was let in to a LUN, did
// not leave it by itself, and whose key has gone there, was fenced.
type Joined struct {
	// Boot is the kernel's boot id.
	Boot string `json:"boot"`
	Key  string `json:"key"`
	// LUNs are the worldwide names of those to which it was let in.
	LUNs []string `json:"luns"`
}

// joinedFile is its name in the folder of what a host remembers, maxJoined how large it
// may be.
const (
	joinedFile = "joined"
	maxJoined  = 1 << 20
)

// Diary is where this node remembers that.
type Diary struct{ s *Session }

// DiaryOf is the one of a session's node.
func DiaryOf(s *Session) Diary { return Diary{s} }

// Joined is what this node remembers; of an earlier boot, or by another key, nothing.
// Errors: *joinedError, that it cannot be read or understood: then it is not known.
func (d Diary) Joined() (Joined, error) {
	j, _, err := d.read()
	return j, err
}

func (d Diary) read() (now Joined, path string, err error) {
	folder, _, err := RunFolders(d.s.Call)
	path = filepath.Join(folder, joinedFile)
	var boot []byte
	if err == nil {
		boot, err = os.ReadFile("/proc/sys/kernel/random/boot_id")
	}
	now = Joined{Boot: strings.TrimSpace(string(boot)), Key: d.s.Node.Key.String()}
	var was Joined
	if err == nil {
		var text []byte
		text, err = ownfile.Read(d.s.Ctx, path, maxJoined)
		if errors.Is(err, fs.ErrNotExist) {
			return now, path, nil
		}
		if err == nil {
			err = json.Unmarshal(text, &was)
		}
	}
	if err != nil {
		return now, path, &joinedError{path, err}
	}
	if was.Boot == now.Boot && was.Key == now.Key {
		now.LUNs = was.LUNs
	}
	return now, path, nil
}

// Note writes down that this node was let in to all LUNs of a run. Errors:
// *joinedError.
func (d Diary) Note(run *PackageRun) error {
	return d.change(func(luns []string) []string {
		for _, name := range run.names() {
			if !slices.Contains(luns, name) {
				luns = append(luns, name)
			}
		}
		return luns
	})
}

// NoteKept writes down that this node keeps a package that it has taken from a node which
// it fenced: nobody has started it since.
func (d Diary) NoteKept(pkg *cluster.Package, victim cluster.Node) {
	d.s.remember(pkg, func(root string) error { return runpkg.NoteKept(root, pkg.Name, d.s.Node.Name, victim.Name) })
}

// left writes down which LUNs a run has left: those on which the last thing that it
// did was to take its own registration off. Where that was refused, or there was none,
// another node may have fenced this one.
func (d Diary) left(run *PackageRun, o *Opened) {
	now, err := d.Joined()
	left := func(wwid string) bool {
		return slices.ContainsFunc(run.LUNs, func(l *protocol.LUN) bool { return l.WWID == wwid && o.left[l.Name] })
	}
	if err == nil && slices.ContainsFunc(now.LUNs, left) {
		err = d.change(func(luns []string) []string { return slices.DeleteFunc(luns, left) })
	}
	if err != nil {
		d.s.WarnErr(err)
	}
}

// change replaces what is remembered, while nobody else does.
func (d Diary) change(change func([]string) []string) error {
	folder, _, err := RunFolders(d.s.Call)
	if err == nil {
		err = ownfile.MakeFolder(folder, 0o755)
	}
	path := filepath.Join(folder, joinedFile)
	if err != nil {
		return &joinedError{path, err}
	}
	held, err := ownfile.Hold(d.s.Ctx, path, func() {})
	if err != nil {
		return &joinedError{path, err}
	}
	defer held.Release()
	now, _, err := d.read()
	if err != nil && now.Boot == "" {
		return err
	}
	// Who lets a node in by force does so in spite of what cannot be understood.
	now.LUNs = change(now.LUNs)
	text, err := json.Marshal(now)
	if err == nil {
		err = ownfile.Publish(path, append(text, '\n'))
	}
	if err != nil {
		return &joinedError{path, err}
	}
	return nil
}

// joinedError says that what this node remembers of having been let in cannot be read or
// written.
type joinedError struct {
	path string
	err  error
}

func (e *joinedError) Error() string { return e.path + ": " + e.err.Error() }

// Unwrap gives the reason.
func (e *joinedError) Unwrap() error { return e.err }

// Message says it to people.
func (e *joinedError) Message() words.Message {
	return words.Message{Subject: e.path, What: "whether this node was fenced since its boot is not known: " + e.err.Error(), Hint: "restart this node", Status: words.ExitFailed}
}

// noteBegin and noteEnd keep the record of what was started here.
func (s *Session) noteBegin(run *PackageRun, d front.Deed) {
	if run.Package != nil && run.Package.Name != "" && d == front.DeedHalt {
		s.remember(run.Package, func(root string) error { return runpkg.NoteHalting(root, run.Package.Name, run.Node.Name) })
	}
}

func (s *Session) noteEnd(run *PackageRun, d front.Deed) {
	switch {
	case run.Package == nil || run.Package.Name == "":
	case d == front.DeedStart:
		s.remember(run.Package, func(root string) error {
			return runpkg.NoteStarted(root, run.Package.Name, run.Node.Name, runpkg.Started{By: s.Prog(), LUNs: run.names()})
		})
	case d == front.DeedHalt:
		s.remember(run.Package, func(root string) error { return runpkg.NoteHalted(root, run.Package.Name, run.Node.Name) })
	}
}

// memoryError says that it is not known whether a package was started here.
type memoryError struct {
	pkg string
	err error
}

func (e *memoryError) Error() string {
	return "it is unknown whether package " + e.pkg + " was started here: " + e.err.Error()
}

// Unwrap gives the reason.
func (e *memoryError) Unwrap() error { return e.err }

// Message says it to people.
func (e *memoryError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "only its owner, root, may be able to change what stands there, and to read it; " + RunVariable + " names another directory", Status: words.ExitNode}
}
