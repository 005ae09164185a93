package runpkg

import (
	"errors"
	"io/fs"
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
	// Halting says that a halt was begun since.
	Halting bool `json:"halting,omitempty"`
}

// startedPath is the file of one node: a command may act as another one.
func startedPath(dir, node string) (string, error) { return child(dir, "started."+node) }

// NoteStarted writes down, below the folder root, that a node has taken a package's
// LUNs, and by which command. Errors: as from OpenState, without *BusyError.
func NoteStarted(root, pkg, node, by string) error {
	return note(root, pkg, node, func(Started, string) (Started, bool) { return Started{By: by, Time: time.Now().UTC()}, true })
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
	return remove(path)
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
