package runpkg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lunguard/cluster/ownfile"
)

// Started is what a host has written down when it had taken a package's LUNs: since
// then the node is to be registered on them.
type Started struct {
	// By is the command that did it.
	By string `json:"by"`
	// Boot is the boot that it is true for, Time when it was.
	Boot string    `json:"boot"`
	Time time.Time `json:"time"`
	// LUNs are the worldwide names of those that were taken.
	LUNs []string `json:"luns,omitempty"`
	// Starting says that a start was begun and has not ended, Halting that a halt was
	// begun since.
	Starting bool `json:"starting,omitempty"`
	Halting  bool `json:"halting,omitempty"`
	// Guest says that the node was registered already, by whoever lets nodes in: a halt
	// leaves that as it is.
	Guest bool `json:"guest,omitempty"`
}

// startedPath is the file of one node: a command may act as another one.
func startedPath(dir, node string) (string, error) { return child(dir, startedPrefix+node) }

const startedPrefix = "started."

// NoteStarted writes down, below the folder root, that a node has taken a package's
// LUNs, or is about to; boot and time are put in. LUNs that it had taken before and has not
// given up stay among them. Errors: as from OpenState, without *BusyError.
func NoteStarted(root, pkg, node string, now Started) error {
	now.Time = time.Now().UTC()
	err := note(root, pkg, node, func(was Started, boot string) (Started, bool) {
		if was.Boot == boot {
			now.add(was.LUNs)
		}
		return now, true
	})
	if now.Starting {
		// Until it has ended the package is as it was: kept, if it was kept.
		return err
	}
	return errors.Join(err, forgetKept(root, pkg, node))
}

// NoteGrown writes down that it has taken these LUNs, too, if it is written that it has taken
// the package's.
func NoteGrown(root, pkg, node string, luns []string) error {
	if now, err := PeekStarted(root, pkg, node); err != nil || now == nil || now.Halting {
		return err
	}
	return note(root, pkg, node, func(now Started, boot string) (Started, bool) {
		return now, now.add(luns) && now.Boot == boot
	})
}

// add adds LUNs, and reports whether there were any to be added.
func (s *Started) add(luns []string) (grown bool) {
	for _, name := range luns {
		if !slices.Contains(s.LUNs, name) {
			s.LUNs, grown = append(s.LUNs, name), true
		}
	}
	return grown
}

// NoteHalting writes down that they are being given up, if it is written that they were
// taken. A halt that fails leaves that.
func NoteHalting(root, pkg, node string) error {
	return note(root, pkg, node, func(now Started, boot string) (Started, bool) {
		now.Halting = true
		return now, now.Boot == boot
	})
}

// note writes a record anew, if the function wants that.
func note(root, pkg, node string, anew func(now Started, boot string) (Started, bool)) error {
	s, err := openState(root, pkg)
	if err != nil {
		return err
	}
	path, err := startedPath(s.dir, node)
	if err != nil {
		return err
	}
	var now Started
	if err := load(path, &now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next, wanted := anew(now, s.boot)
	if !wanted {
		return nil
	}
	next.Boot = s.boot
	return save(path, next)
}

// NoteHalted forgets that a node had taken a package's LUNs.
func NoteHalted(root, pkg, node string) error {
	dir, err := child(root, pkg)
	if err != nil {
		return err
	}
	path, err := startedPath(dir, node)
	if err != nil {
		return err
	}
	return errors.Join(remove(path), forgetKept(root, pkg, node))
}

// Kept is what a host has written down when it had taken a package from a node that it
// fenced, and has not started it.
type Kept struct {
	// Boot is the boot that it is true for, Victim the node that had it.
	Boot   string `json:"boot"`
	Victim string `json:"victim"`
}

// keptPath is the file of one node.
func keptPath(dir, node string) (string, error) { return child(dir, "kept."+node) }

// NoteKept writes that down.
func NoteKept(root, pkg, node, victim string) error {
	s, err := openState(root, pkg)
	if err != nil {
		return err
	}
	path, err := keptPath(s.dir, node)
	if err != nil {
		return err
	}
	return save(path, Kept{Boot: s.boot, Victim: victim})
}

// PeekKept is the node from which a package was taken that a node keeps, empty if none was
// since the boot. What the LUNs say counts before it. It makes no folder.
func PeekKept(root, pkg, node string) (victim string, err error) {
	dir, err := child(root, pkg)
	if err != nil {
		return "", err
	}
	path, err := keptPath(dir, node)
	if err != nil {
		return "", err
	}
	boot, err := bootID()
	if err != nil {
		return "", err
	}
	var k Kept
	if err := load(path, &k); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if k.Boot != boot {
		return "", nil
	}
	return k.Victim, nil
}

// forgetKept ends that: who starts or halts a package does not keep it any more.
func forgetKept(root, pkg, node string) error {
	dir, err := child(root, pkg)
	if err != nil {
		return err
	}
	path, err := keptPath(dir, node)
	if err != nil {
		return err
	}
	return remove(path)
}

// askedFile has which devices of a package were asked what they can do. No service has a
// name that begins with a dot.
const askedFile = ".asked"

// asked is what is in it: the worldwide names of the LUNs.
type asked struct {
	LUNs []string `json:"luns"`
}

// NoteAsked writes down that LUNs of a package were asked what they can do, beside those
// that were before.
func NoteAsked(root, pkg string, luns []string) error {
	s, err := openState(root, pkg)
	if err != nil {
		return err
	}
	all := append(Asked(root, pkg), luns...)
	slices.Sort(all)
	return save(filepath.Join(s.dir, askedFile), asked{slices.Compact(all)})
}

// Asked are those that were, on this host since the boot, as far as it is known.
func Asked(root, pkg string) []string {
	dir, err := child(root, pkg)
	if err != nil {
		return nil
	}
	var a asked
	if err := load(filepath.Join(dir, askedFile), &a); err != nil {
		return nil
	}
	return a.LUNs
}

// AllStarted is what was written down of a package since the boot, by the node that this
// host was then. It makes no folder.
func AllStarted(root, pkg string) (map[string]Started, error) {
	dir, err := child(root, pkg)
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	all := map[string]Started{}
	for _, f := range files {
		node, is := strings.CutPrefix(f.Name(), startedPrefix)
		if !is || err != nil {
			continue
		}
		var now *Started
		if now, err = PeekStarted(root, pkg, node); now != nil {
			all[node] = *now
		}
	}
	return all, err
}

// PeekStarted is what was written down, nil if nothing was since the boot. It makes no
// folder.
func PeekStarted(root, pkg, node string) (*Started, error) {
	dir, err := child(root, pkg)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{root, dir} {
		if err := ownfile.CheckFolder(d); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	path, err := startedPath(dir, node)
	if err != nil {
		return nil, err
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	var s Started
	switch err := load(path, &s); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if s.Boot != boot {
		return nil, nil
	}
	return &s, nil
}
