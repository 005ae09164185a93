package commands

import (
	"strings"
	"testing"
)

// Every applet's options have a long name first, which canonical relies on,
// and stand in its help.
func TestOptionsHaveHelp(t *testing.T) {
	for _, a := range append(applets().Applets, applets().Behind("sim")) {
		seen := map[string]bool{}
		for _, f := range a.Flags {
			names := f.Names()
			if len(names[0]) < 2 {
				t.Errorf("%s: option %q has no long name", a.Name, names)
			}
			documented := false
			for _, n := range names {
				dashed := "--" + n
				if len(n) == 1 {
					dashed = "-" + n
				}
				documented = documented || strings.Contains(a.Usage, dashed)
				if seen[n] {
					t.Errorf("%s: %q twice", a.Name, n)
				}
				seen[n] = true
			}
			if !documented {
				t.Errorf("%s: option %q is not in the help", a.Name, names)
			}
		}
		if !strings.Contains(a.Usage, "exit status") {
			t.Errorf("%s: no exit statuses in the help", a.Name)
		}
	}
}
