package session

import (
	"context"
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
	"lunguard/vg"
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
	if started != nil {
		m.LUNs = started.LUNs
	}
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

// Unlisted fails for packages that this node has taken and not given up, by what it has
// written down, and that the config does not have any more: *unlistedError.
func Unlisted(s *Session) error {
	root, err := PackagesFolder(s.Call)
	errs := []error{err}
	entries, _ := os.ReadDir(root) // without it nothing is remembered
	for _, e := range entries {
		if _, err := s.Conf.Package(e.Name()); err == nil {
			continue
		}
		started, err := runpkg.PeekStarted(root, e.Name(), s.Node.Name)
		if started != nil || err != nil {
			errs = append(errs, &unlistedError{e.Name()})
		}
	}
	return errors.Join(errs...)
}

// unlistedError says that a package which was started here is not in the config.
type unlistedError struct{ pkg string }

func (e *unlistedError) Error() string {
	return "package " + e.pkg + " was started here and not halted, and is not in the config"
}

// Message says it to people.
func (e *unlistedError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "put it back, halt it here, and only then take it out: this node's keys are on its LUNs", Status: words.ExitFailed}
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
	// Nodes are the keys of all nodes then, by their names.
	Nodes map[string]string `json:"nodes,omitempty"`
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

// Joined is what this node remembers; of an earlier boot, nothing. Errors: *joinedError,
// that it cannot be read or understood: then it is not known; *ShiftedError, that keys have
// changed since: then it is not known whose the registrations are.
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
	if was.Boot != now.Boot || len(was.LUNs) == 0 {
		return now, path, nil
	}
	if err := was.shifted(d.s.Node, d.s.Conf); err != nil {
		return now, path, err
	}
	now.LUNs = was.LUNs
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
	if err != nil && (now.Boot == "" || errors.As(err, new(*ShiftedError))) {
		return err
	}
	now.Nodes = nodeKeys(d.s.Conf)
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

func (s *Session) noteEnd(run *PackageRun, t Task) {
	switch d := t.Deed; {
	case run.Package == nil || run.Package.Name == "":
	case d == front.DeedStart:
		s.remember(run.Package, func(root string) error {
			return runpkg.NoteStarted(root, run.Package.Name, run.Node.Name, runpkg.Started{By: s.Prog(), LUNs: run.names()})
		})
	case d == front.DeedRepair, d == front.DeedCopy && t.Group == "":
		DiaryOf(s).noteGrown(run.Package, run)
	case d == front.DeedCopy && s.Conf != nil:
		for i := range s.Conf.Packages {
			if pkg := &s.Conf.Packages[i]; slices.Contains(pkg.Groups, t.Group) {
				DiaryOf(s).noteGrown(pkg, run)
			}
		}
	case d == front.DeedHalt:
		s.remember(run.Package, func(root string) error { return runpkg.NoteHalted(root, run.Package.Name, run.Node.Name) })
	}
}

// sayOpened tells whom a halt has let in that gave up what this node kept since a fence, be it
// the last step of a halt of more, or in part.
func (d Diary) sayOpened(run *PackageRun, o *Opened) {
	if run.Package == nil || !slices.ContainsFunc(run.LUNs, func(l *protocol.LUN) bool { return o.left[l.Name] }) {
		return
	}
	if m, err := d.s.Memory(run.Package); err == nil && m.Kept != "" && run.Package.Type == cluster.Failover {
		d.s.Warn("%s", openedWords(run.Package.Name, m.Kept))
	}
}

// openedWords says whom that lets in.
func openedWords(pkg, victim string) string {
	return "package " + pkg + " was kept here since " + victim + " was fenced: now every node can write, " + victim + ", too"
}

// noteGrown writes down that a package which was started here has the LUNs of a run, too.
func (d Diary) noteGrown(pkg *cluster.Package, run *PackageRun) {
	d.s.remember(pkg, func(root string) error { return runpkg.NoteGrown(root, pkg.Name, run.Node.Name, run.names()) })
}

// Recall tells the LUNs of a run on which of them this node was let in, or has started the
// package, since it was booted, and has not left. What one node has at a time may be taken
// back by who has lost it and does not use it, unless a fence agent lets nodes in here.
// Errors: *memoryError and *joinedError: then it is not known whether it was fenced.
func (d Diary) Recall(run *PackageRun) error {
	if run.Package == nil || run.Package.Name == "" {
		return nil
	}
	joined, err := d.Joined()
	if err != nil {
		return err
	}
	var started []string
	if run.Mode == protocol.Shared || len(joined.LUNs) > 0 {
		if started, err = StartedOn(d.s, run.Package); err != nil {
			return err
		}
	}
	for _, l := range run.LUNs {
		l.Joined = slices.Contains(joined.LUNs, l.WWID) || slices.Contains(started, l.WWID)
	}
	return nil
}

// LetIn reports whether a fence agent has let this node in to one of the LUNs. Errors:
// *joinedError.
func (d Diary) LetIn(luns []*protocol.LUN) (bool, error) {
	was, err := d.Joined()
	return slices.ContainsFunc(luns, func(l *protocol.LUN) bool { return slices.Contains(was.LUNs, l.WWID) }), err
}

// Repair mends what a check of the LUNs has found, unless this node was fenced.
func (d Diary) Repair(ctx context.Context, run *PackageRun) error {
	if err := d.Recall(run); err != nil {
		return err
	}
	return run.Repair(ctx)
}

// Halt gives up the LUNs of a package, and with them those on which it was started here
// and that have left it since. That this node is not listed on one does not do for those.
// Errors: those of [protocol.Run.Halt]; *awayError and *memoryError, after all others were
// given up.
func (d Diary) Halt(ctx context.Context, run *PackageRun) error {
	was, err := d.startedWith(run)
	errs := []error{err}
	joined, unread := d.Joined()
	for _, l := range run.LUNs {
		l.Joined = err != nil || slices.Contains(was, l.WWID) || run.Mode == protocol.Shared && (unread != nil || slices.Contains(joined.LUNs, l.WWID))
		was = slices.DeleteFunc(was, func(wwid string) bool { return wwid == l.WWID })
	}
	for _, wwid := range was {
		lun, err := d.openLeft(ctx, run, wwid)
		if err != nil {
			errs = append(errs, &awayError{pkg: run.Package.Name, wwid: wwid, err: err})
			continue
		}
		lun.Joined = true
		run.LUNs = append(run.LUNs, lun)
	}
	return errors.Join(append(errs, run.Halt(ctx))...)
}

// startedWith are the LUNs of a start here that was begun, or of a halt that has not ended.
func (d Diary) startedWith(run *PackageRun) ([]string, error) {
	root, err := PackagesFolder(d.s.Call)
	if err != nil {
		return nil, &memoryError{run.Package.Name, err}
	}
	started, err := runpkg.PeekStarted(root, run.Package.Name, d.s.Node.Name)
	switch {
	case err != nil:
		return nil, &memoryError{run.Package.Name, err}
	case started == nil:
		return nil, nil
	}
	return started.LUNs, nil
}

// openLeft opens a LUN of this host that no volume of the package is on any more. It must
// be in no other package.
func (d Diary) openLeft(ctx context.Context, run *PackageRun, wwid string) (*protocol.LUN, error) {
	all, err := d.s.Host.LUNs()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(l vg.Listed) bool { return wwid != "" && l.WWID == wwid })
	if at < 0 {
		return nil, vg.ErrGone
	}
	if err := d.s.Owners().TwoPackages(run.Package, all[at].Disk); err != nil {
		return nil, err
	}
	return run.opened.OpenDisk(ctx, d.s.Host, all[at].Disk, d.s.WarnErr)
}

// awayError says that a LUN on which a package was started here cannot be given up.
type awayError struct {
	pkg, wwid string
	err       error
}

func (e *awayError) Error() string { return e.Message().Text() }

// Unwrap gives the reason.
func (e *awayError) Unwrap() error { return e.err }

// Message says it to people.
func (e *awayError) Message() words.Message {
	return words.Message{Subject: "LUN " + e.wwid, What: "package " + e.pkg + " was started on it, and has it no more; it could not be given up: " + words.Reason(e.wwid, e.err),
		Hint: "let this host see it again and halt the package once more; or clear it by pr_cleanup on another node, and restart this one", Status: words.ExitNode}
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
