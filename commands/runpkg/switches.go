package runpkg

import (
	"errors"
	"io/fs"
	"path/filepath"

	"lunguard/cluster/ownfile"
)

// Switches are what an administrator has said of the moves of a package, since the boot:
// nobody here moves packages, but who asks is told. Nil maps say nothing.
type Switches struct {
	// Boot is the boot that it is true for.
	Boot string `json:"boot"`
	// AutoRun is nil if nothing was said of it.
	AutoRun *bool `json:"auto_run,omitempty"`
	// Nodes tells of nodes whether the package may be moved there.
	Nodes map[string]bool `json:"nodes,omitempty"`
}

// NoteSwitches writes down, below the folder root, what was said of nodes, or without
// nodes of the package as a whole. Errors: as from OpenState, without *BusyError.
func NoteSwitches(root, pkg string, on bool, nodes []string) error {
	s, err := openState(root, pkg)
	if err != nil {
		return err
	}
	var w Switches
	if err := load(switchesPath(s.dir), &w); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if w.Boot != s.boot {
		w = Switches{Boot: s.boot}
	}
	if len(nodes) == 0 {
		w.AutoRun = &on
	}
	for _, n := range nodes {
		if w.Nodes == nil {
			w.Nodes = map[string]bool{}
		}
		w.Nodes[n] = on
	}
	return save(switchesPath(s.dir), w)
}

// PeekSwitches is what was said since the boot. It makes no folder.
func PeekSwitches(root, pkg string) (Switches, error) {
	dir, err := child(root, pkg)
	if err != nil {
		return Switches{}, err
	}
	for _, d := range []string{root, dir} {
		if err := ownfile.CheckFolder(d); errors.Is(err, fs.ErrNotExist) {
			return Switches{}, nil
		} else if err != nil {
			return Switches{}, err
		}
	}
	boot, err := bootID()
	if err != nil {
		return Switches{}, err
	}
	var w Switches
	if err := load(switchesPath(dir), &w); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Switches{}, err
	}
	if w.Boot != boot {
		return Switches{}, nil
	}
	return w, nil
}

func switchesPath(dir string) string { return filepath.Join(dir, "switches") }
