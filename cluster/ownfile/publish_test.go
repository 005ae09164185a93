package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A file is replaced as a whole, readable by all, and nothing else is touched.
func TestPublish(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "page.html")
	for _, text := range []string{"first", "second"} {
		if err := Publish(page, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(page)
		if string(got) != text {
			t.Errorf("%q, %v; %q expected", got, err, text)
		}
	}
	st, err := os.Stat(page)
	if err != nil || st.Mode() != 0o644 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}

	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.html")
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo.html")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		link: ErrSymlink, fifo: ErrNotFile, dir: ErrNotFile,
		filepath.Join(dir, "no", "where"): fs.ErrNotExist,
		filepath.Join(victim, "page"):     unix.ENOTDIR,
	} {
		if err := Publish(path, []byte("x")); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v expected", path, err, want)
		}
	}
	if got, err := os.ReadFile(victim); string(got) != "precious" {
		t.Errorf("the victim has %q, %v", got, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 4 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// Links on the way to the folder are followed if they are ours.
func TestPublishThroughLinks(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"real/deep", "others"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	lay := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	lay("real", "relative")
	lay(filepath.Join(dir, "real"), "absolute")
	lay("round", "round")
	lay("../real", "others/theirs")
	if err := os.Chmod(filepath.Join(dir, "others"), 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"relative/deep/a": nil, "absolute/deep/b": nil, "real/../relative/deep/../c": nil,
		"round/x": unix.ELOOP, "others/theirs/x": ErrNotTrusted, "others/plain": nil,
	} {
		if err := Publish(filepath.Join(dir, path), []byte("x")); !errors.Is(err, want) {
			t.Errorf("%s: %v, %v expected", path, err, want)
		}
	}
	for _, name := range []string{"real/deep/a", "real/deep/b", "real/c", "others/plain"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("files of others need root")
	}
	theirs := filepath.Join(dir, "real", "theirs")
	if err := errors.Join(os.WriteFile(theirs, nil, 0o666), os.Chown(theirs, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if err := Publish(theirs, []byte("x")); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("a file of somebody else: %v", err)
	}
	// In a sticky folder others can lay links of their own.
	sticky := filepath.Join(dir, "sticky")
	err := errors.Join(os.Mkdir(sticky, 0o755), os.Symlink("../real", filepath.Join(sticky, "theirs")),
		os.Lchown(filepath.Join(sticky, "theirs"), 65534, 65534), os.Symlink("../real", filepath.Join(sticky, "ours")),
		os.Chmod(sticky, 0o777|fs.ModeSticky))
	if err != nil {
		t.Fatal(err)
	}
	if err := Publish(filepath.Join(sticky, "theirs", "x"), nil); !errors.Is(err, ErrNotTrusted) {
		t.Errorf("through a link of somebody else: %v", err)
	}
	if err := Publish(filepath.Join(sticky, "ours", "x"), nil); err != nil {
		t.Errorf("through a link of ours: %v", err)
	}
}

// Several that write at once leave one whole text, whoever's it is.
func TestPublishAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := make([]byte, 1<<16)
			for j := range text {
				text[j] = byte('a' + i)
			}
			if err := Publish(path, text); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 1<<16 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for _, b := range got {
		if b != got[0] {
			t.Fatal("texts of two")
		}
	}
}
