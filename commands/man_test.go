package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every option of every applet stands in its manual page.
func TestManualPages(t *testing.T) {
	for _, a := range applets() {
		if a.name == self {
			continue
		}
		pages, err := filepath.Glob(filepath.Join("..", "man", a.name+".*"))
		if err != nil || len(pages) != 1 {
			t.Errorf("%s: pages %v, one expected", a.name, pages)
			continue
		}
		text, err := os.ReadFile(pages[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.flags {
			// mdoc writes the dashes of --json as .Fl -json, and those of
			// -g, --get as .Fl g , -get.
			name := f.Names()[0]
			if !strings.Contains(string(text), " -"+name+"\n") && !strings.Contains(string(text), " -"+name+" ") {
				t.Errorf("%s: --%s is not described", pages[0], name)
			}
		}
	}
}

// pending are pages that are not complete yet. A page that has become complete
// must be taken out.
func pending() map[string]bool {
	return map[string]bool{
		"cmapplyconf.1m": true, "cmcheckconf.1m": true, "cmgetpkgenv.1m": true, "cmhaltpkg.1m": true, "cmrunpkg.1m": true,
		"cmviewcl.1m": true, "pr_cleanup.1m": true, "vg_pr_key.1m": true, "lunguard.8": true,
	}
}
