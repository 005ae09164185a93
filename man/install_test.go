package man

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every page is installed where man looks for it, and the vendor's are found in
// section 8, too.
func TestInstall(t *testing.T) {
	dest := filepath.Join(t.TempDir(), "a folder")
	if out, err := exec.Command("sh", "install.sh", dest, "/usr").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	share := filepath.Join(dest, "usr/share/man")
	want := 0
	for _, page := range sources(t) {
		ext := filepath.Ext(page)
		name, section := strings.TrimSuffix(page, ext), ext[1:]
		folder := "man" + strings.TrimSuffix(section, "m")
		if got := read(t, filepath.Join(share, folder, page)); got != read(t, page) {
			t.Errorf("%s is not installed in %s", page, folder)
		}
		want++
		if section != "1m" {
			continue
		}
		want++
		if got := read(t, filepath.Join(share, "man8", name+".8")); got != ".so man1/"+page+"\n" {
			t.Errorf("%s.8 is %q", name, got)
		}
	}
	files, err := filepath.Glob(filepath.Join(share, "man*/*"))
	if err != nil || len(files) != want {
		t.Errorf("%d files, %d expected (%v)", len(files), want, err)
	}
	for _, f := range files {
		if st, err := os.Stat(f); err != nil || st.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", f, st.Mode(), err)
		}
	}
	if out, err := exec.Command("sh", "install.sh", dest).CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "usage: ") {
		t.Errorf("one argument: %v: %s", err, out)
	}
}
