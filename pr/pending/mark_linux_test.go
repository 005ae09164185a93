package pending

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lunguard/pr"
)

func pending(t *testing.T, dir string, devno uint64) bool {
	t.Helper()
	got, err := Pending(dir, devno)
	if err != nil {
		t.Error(err)
	}
	return got
}

// Two that were sent at the same time and given up do not hide each other.
func TestTwoPending(t *testing.T) {
	dir := t.TempDir()
	var marks []*mark
	for range 2 {
		m, err := makeMark(dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		marks = append(marks, m)
	}
	for _, m := range marks {
		if !pending(t, dir, 1) {
			t.Error("not pending")
		}
		m.remove()
	}
	if pending(t, dir, 1) {
		t.Error("pending after the end of both")
	}
}

// A lock on a file that is being removed would be found by nobody.
func TestMarkOfARemovedFile(t *testing.T) {
	dir := t.TempDir()
	remover, err := makeMark(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remover.set(remover.fd, unix.F_OFD_SETLK, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	made := make(chan *mark)
	go func() {
		m, err := makeMark(dir, 1)
		if err != nil {
			t.Error(err)
		}
		made <- m
	}()
	var st unix.Stat_t
	if err := unix.Fstat(remover.fd, &st); err != nil {
		t.Fatal(err)
	}
	// The kernel lists who waits for a lock, with the number of the file.
	for waits := false; !waits; runtime.Gosched() {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Skip(err)
		}
		for line := range strings.Lines(string(locks)) {
			waits = waits || strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino))
		}
	}
	remover.remove()
	m := <-made
	if !pending(t, dir, 1) {
		t.Error("the lock is on a file that is gone")
	}
	m.remove()
}

// In a directory that others can change nothing is believed and nothing is made.
func TestUnsafePendingDir(t *testing.T) {
	top := t.TempDir()
	folder := func(name string, change func(path string) error) string {
		path := filepath.Join(top, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	target := filepath.Join(top, "target")
	dirs := map[string]string{
		"the group may write": folder("group", func(p string) error { return os.Chmod(p, 0o720) }),
		"others may write":    folder("others", func(p string) error { return os.Chmod(p, 0o702) }),
		"a link as the file":  folder("link", func(p string) error { return os.Symlink(target, filepath.Join(p, "0:1")) }),
	}
	safe := folder("safe", func(string) error { return nil })
	dirs["a link as the directory"] = filepath.Join(top, "alias")
	if err := os.Symlink(safe, dirs["a link as the directory"]); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		dirs["of another user"] = folder("owner", func(p string) error { return os.Chown(p, 65534, 65534) })
	}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			if got, err := Pending(dir, 1); err == nil || got {
				t.Errorf("%v, %v", got, err)
			}
			if err := (&Gate{Dir: dir, Number: 1}).Refuse(t.Context(), true); !errors.Is(err, pr.ErrTransport) {
				t.Errorf("not refused: %v", err)
			}
			if m, err := makeMark(dir, 1); err == nil {
				t.Error("a file was made")
				m.remove()
			}
		})
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the link was followed")
	}
}

// The file of a device is named by its number.
func TestMarkName(t *testing.T) {
	if got := markName(unix.Mkdev(259, 1048)); got != "259:1048" {
		t.Errorf("%s", got)
	}
}
