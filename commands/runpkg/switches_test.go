package runpkg

import (
	"os"
	"path/filepath"
	"testing"
)

// What was said last counts, of the package and of each node, until the next boot.
func TestSwitches(t *testing.T) {
	root := filepath.Join(t.TempDir(), "packages")
	look := func() Switches {
		t.Helper()
		w, err := PeekSwitches(root, "p")
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	say := func(on bool, nodes ...string) {
		t.Helper()
		if err := NoteSwitches(root, "p", on, nodes); err != nil {
			t.Fatal(err)
		}
	}
	if w := look(); w.AutoRun != nil || w.Nodes != nil {
		t.Errorf("at first: %+v", w)
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("a look made a directory: %v", err)
	}
	say(false)
	say(false, "a", "b")
	say(true, "b")
	if w := look(); w.AutoRun == nil || *w.AutoRun || w.Nodes["a"] || !w.Nodes["b"] || len(w.Nodes) != 2 {
		t.Errorf("after that: %+v", w)
	}
	say(true)
	if w := look(); w.AutoRun == nil || !*w.AutoRun || len(w.Nodes) != 2 {
		t.Errorf("enabled: %+v", w)
	}
	w := look()
	w.Boot = "another"
	if err := save(switchesPath(filepath.Join(root, "p")), w); err != nil {
		t.Fatal(err)
	}
	if w := look(); w.AutoRun != nil {
		t.Errorf("of another boot: %+v", w)
	}
	say(false, "a")
	if w := look(); w.AutoRun != nil || len(w.Nodes) != 1 {
		t.Errorf("kept of another boot: %+v", w)
	}
	if err := NoteSwitches(root, "../p", true, nil); err == nil {
		t.Error("a name that leads elsewhere was taken")
	}
}
