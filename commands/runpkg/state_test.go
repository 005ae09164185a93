package runpkg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"lunguard/cluster/ownfile"
)

func TestStateLocked(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	first, err := OpenState(root, "pkg1")
	if err != nil {
		t.Fatal(err)
	}
	var busy *BusyError
	if _, err := OpenState(root, "pkg1"); !errors.As(err, &busy) || busy.Error() != "another command is starting or halting package pkg1" {
		t.Errorf("%v", err)
	}
	other, err := OpenState(root, "pkg2")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	first.Close()
	if first, err = OpenState(root, "pkg1"); err != nil {
		t.Fatal(err)
	}
	first.Close()
}

func TestPhases(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	if p, err := Peek(root, "pkg1"); p != Down || err != nil || exists(root) {
		t.Errorf("%s, %v", p, err)
	}
	s, err := OpenState(root, "pkg1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, want := range []Phase{Down, Starting, Up, Halting, Failed, Down} {
		if err := s.set(want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Phase()
		peeked, perr := Peek(root, "pkg1")
		if got != want || peeked != want || err != nil || perr != nil {
			t.Errorf("%s, %s, %v, %v; %s expected", got, peeked, err, perr, want)
		}
	}
	// What an earlier boot has left.
	if err := save(phasePath(s.dir), phaseFile{Up, "other"}); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Phase(); p != Down || err != nil {
		t.Errorf("%s, %v", p, err)
	}
	// Nonsense is no phase.
	if err := os.WriteFile(phasePath(s.dir), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Phase(); err == nil {
		t.Error("no error")
	}
	for _, name := range []string{"", ".", "..", "a/b", ".x", "a\x00"} {
		if _, err := OpenState(root, name); err == nil {
			t.Errorf("%q: no error", name)
		}
		if _, err := Peek(root, name); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
}

// Folders and files that others made, or lead elsewhere, are refused.
func TestNotTrusted(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string) error
		want error
	}{
		"link":          {func(d string) error { return os.Symlink(d, d+"/state") }, ownfile.ErrSymlink},
		"dangling link": {func(d string) error { return os.Symlink("/no/such", d+"/state") }, ownfile.ErrSymlink},
		"file":          {func(d string) error { return os.WriteFile(d+"/state", nil, 0o600) }, ownfile.ErrNotFolder},
		"group": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/state", 0o700), os.Chmod(d+"/state", 0o770))
		}, ownfile.ErrNotTrusted},
		"all": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/state", 0o700), os.Chmod(d+"/state", 0o1777))
		}, ownfile.ErrNotTrusted},
		"above": {func(d string) error { return os.Chmod(d, 0o777) }, ownfile.ErrNotTrusted},
		"owner": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/state", 0o700), os.Chown(d+"/state", 65534, 0))
		}, ownfile.ErrNotTrusted},
		"package": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/state", 0o700), os.Symlink(d, d+"/state/pkg1"))
		}, ownfile.ErrSymlink},
		"lock": {func(d string) error {
			return errors.Join(os.MkdirAll(d+"/state/pkg1", 0o700), os.Symlink(d+"/x", d+"/state/pkg1/lock"))
		}, unix.ELOOP},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "owner" && os.Getuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			dir := t.TempDir()
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			if s, err := OpenState(dir+"/state", "pkg1"); !errors.Is(err, c.want) {
				t.Errorf("%v", err)
				if err == nil {
					s.Close()
				}
			}
			if exists(dir + "/x") {
				t.Error("a link was followed")
			}
		})
	}
}

// A log is not written through a link, nor into what is not a plain file.
func TestLogAttack(t *testing.T) {
	for name, c := range map[string]struct {
		make func(dir string) error
		want error
	}{
		"link":          {func(d string) error { return os.Symlink(d+"/victim", d+"/log") }, ownfile.ErrSymlink},
		"dangling link": {func(d string) error { return os.Symlink(d+"/new", d+"/log") }, ownfile.ErrSymlink},
		"hard link":     {func(d string) error { return os.Link(d+"/victim", d+"/log") }, ownfile.ErrNotFile},
		"fifo":          {func(d string) error { return unix.Mkfifo(d+"/log", 0o600) }, ownfile.ErrNotFile},
		"folder":        {func(d string) error { return os.Mkdir(d+"/log", 0o700) }, unix.EISDIR},
		"above":         {func(d string) error { return os.Chmod(d, 0o777) }, ownfile.ErrNotTrusted},
		"missing":       {func(d string) error { return os.Remove(d) }, fs.ErrNotExist},
	} {
		dir := t.TempDir()
		victim := dir + "/victim"
		if name == "missing" {
			victim = dir
		} else if err := os.WriteFile(victim, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.make(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenLog(dir+"/log", "jack3", false); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if text, _ := os.ReadFile(victim); name != "missing" && string(text) != "secret" || exists(dir+"/new") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestLogLines(t *testing.T) {
	dir := t.TempDir() + "/log"
	l, err := OpenLog(dir+"/pkg1.log", "jack3", true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.now = func() time.Time { return time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC) }
	l.head("Starting package")
	l.Say("Activating %s", "a\nb")
	l.Fail("check_and_mount", "Failed: %v", errPlanned)
	l.Warn("careful")
	want := "\n\t########### Node \"jack3\": Starting package at Mon Nov  2 03:04:05 UTC 2026 ###########\n" +
		"Nov  2 03:04:05 - Node \"jack3\": Activating a; b\n" +
		"\tERROR:  Function check_and_mount\n\tERROR:  Failed: planned\n\tWARNING: careful\n"
	text, err := os.ReadFile(l.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if st, err := os.Stat(l.file.Name()); err != nil || st.Mode() != 0o640 {
		t.Errorf("%v, %v", st.Mode(), err)
	}

	// Whoever follows it sees what comes from then on, all of it.
	var seen lockedText
	stop := l.Follow(&seen)
	l.Warn("one")
	eventually(t, "it is seen", func() bool { return seen.text() == "\tWARNING: one\n" })
	l.Warn("two")
	stop()
	if got := seen.text(); got != "\tWARNING: one\n\tWARNING: two\n" {
		t.Errorf("%q", got)
	}
}

// lockedText takes what is written to it by another goroutine.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, "  \t ": nil, "a": {"a"}, " a  b\tc ": {"a", "b", "c"},
		`'a b' "c d"`: {"a b", "c d"}, `a'b'"c"d`: {"abcd"}, `'' ""`: {"", ""},
		`a\ b \\ \'`: {"a b", `\`, "'"}, `"a\"b\\c\d\$"`: {`a"b\c\d$`}, `'a\b'`: {`a\b`},
		"$HOME `id` * ~ ; #x": {"$HOME", "`id`", "*", "~", ";", "#x"},
		"a\nb":                {"a", "b"}, "é": {"é"},
	} {
		got, err := splitWords(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for _, text := range []string{"'", `"`, `a "b`, `\`, `"\`} {
		if _, err := splitWords(text); !errors.Is(err, errQuote) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("a", "b c")
	f.Add("", `'"\$`)
	// Names of files are bytes, not text.
	f.Add("\xff", "a\x80 b")
	f.Add("\xc3'\xa4", "\xe2\x82")
	f.Fuzz(func(t *testing.T, a, b string) {
		want := []string{a, b}
		got, err := splitWords(joinWords(want))
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("%q: %q, %v", want, got, err)
		}
	})
}

func TestVGChange(t *testing.T) {
	for text, want := range map[string][2]string{
		"vgchange -a y":                                  {"vgchange -a n", ""},
		"/sbin/vgchange -a e":                            {"/sbin/vgchange -a n", " with exclusive option"},
		"vgchange -a s":                                  {"vgchange -a n", " with shared option"},
		"vgchange -asy":                                  {"vgchange -a n", " with shared option"},
		"vgchange --activate=ey":                         {"vgchange -a n", " with exclusive option"},
		"vgchange --activate ey -q n -x y":               {"vgchange -a n", " with exclusive option"},
		"vgchange --config 'a { b = 1 }' -a y --sysinit": {"vgchange -a n --config 'a { b = 1 }'", ""},
		"vgchange --config=x --devices /dev/a -ay":       {"vgchange -a n --config=x --devices /dev/a", ""},
		"/opt/own":                                       {"/opt/own -a n", ""},
		"vgchange -a":                                    {"vgchange -a n", ""},
		"vgchange --config":                              {"vgchange -a n", ""},
	} {
		v, err := parseVGChange(text)
		if err != nil || joinWords(v.deactivate) != want[0] || v.words() != want[1] {
			t.Errorf("%s: %q, %q, %v", text, joinWords(v.deactivate), v.words(), err)
		}
	}
}

// What is kept since a fence is kept until a start has succeeded, or a halt: one that was
// begun and has failed leaves it.
func TestKeptUntilStarted(t *testing.T) {
	for _, c := range []struct {
		name string
		note func(root string) error
		want string
	}{
		{"nothing", func(string) error { return nil }, "jack3"},
		{"a start that was begun", func(root string) error { return NoteStarted(root, "pkg1", "jack4", Started{Starting: true}) }, "jack3"},
		{"a start", func(root string) error { return NoteStarted(root, "pkg1", "jack4", Started{}) }, ""},
		{"a halt", func(root string) error { return NoteHalted(root, "pkg1", "jack4") }, ""},
	} {
		root := t.TempDir()
		if err := errors.Join(NoteKept(root, "pkg1", "jack4", "jack3"), c.note(root)); err != nil {
			t.Fatal(err)
		}
		if got, err := PeekKept(root, "pkg1", "jack4"); got != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}
