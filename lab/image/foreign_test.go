package image

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMoveInto shows that what a link points at arrives under the link's name.
func TestMoveInto(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	lib := filepath.Join(from, "usr/lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lib, "a.so.2.0.0"), []byte("library"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.so.2.0.0", filepath.Join(lib, "a.so.2")); err != nil {
		t.Fatal(err)
	}
	if err := moveInto(filepath.Join(lib, "a.so.2"), from, to); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(to, "usr/lib/a.so.2")
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		t.Fatalf("%s: %v, %v", name, info, err)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "library" {
		t.Errorf("%s has %q, %v", name, data, err)
	}
}
