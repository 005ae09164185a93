package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The file is written as a whole, where it belongs, and only over what was
// read.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "cluster.conf")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("cluster.conf", "old\n")
	if err := Replace(conf, []byte("new\n"), []byte("older\n")); !errors.Is(err, ErrChanged) {
		t.Errorf("changed meanwhile: %v", err)
	}
	held, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := Replace(conf, []byte("new\n"), []byte("old\n")); !errors.Is(err, ErrBeingWritten) {
		t.Errorf("locked: %v", err)
	}
	// Closing it is not enough while another test forks.
	if err := errors.Join(unix.Flock(int(held.Fd()), unix.LOCK_UN), held.Close()); err != nil {
		t.Fatal(err)
	}

	// Links that somebody laid are not followed.
	victim := write("victim", "precious")
	for _, name := range []string{"cluster.conf.new", "cluster.conf.bak"} {
		if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Replace(conf, []byte("new\n"), []byte("old\n")); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"victim": "precious", "cluster.conf": "new\n", "cluster.conf.bak": "old\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if err := Replace(filepath.Join(dir, "no", "where"), []byte("x"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
