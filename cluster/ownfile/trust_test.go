package ownfile

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user who is not root.
const nobody = 65534

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be deceived")
	}
}

// place makes a folder with the file conf in it.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/d", 0o755), os.WriteFile(dir+"/d/conf", []byte("text"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Root does not take words from what somebody else can change, whatever it is, and
// wherever on the way to it he can.
func TestOpenTrust(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		// make changes what is there, open is what is opened then.
		make func(dir string) error
		open string
		want error
	}{
		"ours":                 {func(string) error { return nil }, "d/conf", nil},
		"read by all":          {func(d string) error { return os.Chmod(d+"/d/conf", 0o644) }, "d/conf", nil},
		"group can write":      {func(d string) error { return os.Chmod(d+"/d/conf", 0o660) }, "d/conf", ErrNotTrusted},
		"all can write":        {func(d string) error { return os.Chmod(d+"/d/conf", 0o606) }, "d/conf", ErrNotTrusted},
		"another's":            {func(d string) error { return os.Chown(d+"/d/conf", nobody, 0) }, "d/conf", ErrNotTrusted},
		"directory of a group": {func(d string) error { return os.Chmod(d+"/d", 0o775) }, "d/conf", ErrNotTrusted},
		"directory of all":     {func(d string) error { return os.Chmod(d+"/d", 0o757) }, "d/conf", ErrNotTrusted},
		"another's directory":  {func(d string) error { return os.Chown(d+"/d", nobody, 0) }, "d/conf", ErrNotTrusted},
		"far above":            {func(d string) error { return errors.Join(os.Chmod(d, 0o777), os.Chmod(d+"/d", 0o755)) }, "d/conf", ErrNotTrusted},
		"sticky directory":     {func(d string) error { return os.Chmod(d+"/d", 0o777|fs.ModeSticky) }, "d/conf", nil},
		"another's sticky directory": {func(d string) error {
			return errors.Join(os.Chown(d+"/d", nobody, 0), os.Chmod(d+"/d", 0o777|fs.ModeSticky))
		}, "d/conf", ErrNotTrusted},
		"folder":           {func(d string) error { return nil }, "d", unix.EISDIR},
		"directory itself": {func(d string) error { return nil }, "d/.", unix.EISDIR},
		"directory above":  {func(d string) error { return nil }, "d/..", unix.EISDIR},
		"nothing":          {func(d string) error { return nil }, "d/absent", fs.ErrNotExist},
		"no name":          {func(d string) error { return nil }, "d/conf/", unix.ENOTDIR},
		"our pipe":         {func(d string) error { return unix.Mkfifo(d+"/d/pipe", 0o600) }, "d/pipe", nil},
		"another's pipe": {func(d string) error {
			return errors.Join(unix.Mkfifo(d+"/d/pipe", 0o600), os.Chown(d+"/d/pipe", nobody, 0))
		}, "d/pipe", ErrNotTrusted},
		"pipe of all": {func(d string) error {
			return errors.Join(unix.Mkfifo(d+"/d/pipe", 0o600), os.Chmod(d+"/d/pipe", 0o622))
		}, "d/pipe", ErrNotTrusted},
		"socket": {func(d string) error {
			l, err := net.Listen("unix", d+"/d/socket")
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}, "d/socket", ErrNotFile},
		"device":       {func(d string) error { return unix.Mknod(d+"/d/null", unix.S_IFCHR|0o600, 0x103) }, "d/null", ErrNotFile},
		"block device": {func(d string) error { return unix.Mknod(d+"/d/loop", unix.S_IFBLK|0o600, 0x7ff) }, "d/loop", ErrNotFile},
		"link":         {func(d string) error { return os.Symlink("conf", d+"/d/link") }, "d/link", nil},
		"links in a row": {func(d string) error {
			return errors.Join(os.Symlink(d+"/d", d+"/e"), os.Symlink("../e/conf", d+"/d/one"), os.Symlink("e/one", d+"/two"))
		}, "two", nil},
		"link to another's": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/his", 0o755), os.WriteFile(d+"/his/conf", nil, 0o644), os.Chown(d+"/his", nobody, 0), os.Symlink("../his/conf", d+"/d/link"))
		}, "d/link", ErrNotTrusted},
		"link in a directory of all": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/all", 0o755), os.Symlink("../d/conf", d+"/all/link"), os.Chmod(d+"/all", 0o777))
		}, "all/link", ErrNotTrusted},
		"another's link in a sticky directory": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/all", 0o755), os.Symlink("../d/conf", d+"/all/link"), os.Lchown(d+"/all/link", nobody, 0), os.Chmod(d+"/all", 0o777|fs.ModeSticky))
		}, "all/link", ErrNotTrusted},
		"chain through another's directory": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/his", 0o755), os.Symlink("../d/conf", d+"/his/link"), os.Chown(d+"/his", nobody, 0), os.Symlink("../his/link", d+"/d/link"))
		}, "d/link", ErrNotTrusted},
		"link on the way": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/all", 0o755), os.Symlink("../d", d+"/all/way"), os.Chmod(d+"/all", 0o777))
		}, "all/way/conf", ErrNotTrusted},
		"link to nothing":  {func(d string) error { return os.Symlink("absent", d+"/d/link") }, "d/link", fs.ErrNotExist},
		"link in a circle": {func(d string) error { return os.Symlink("link", d+"/d/link") }, "d/link", unix.ELOOP},
	} {
		t.Run(name, func(t *testing.T) {
			dir := place(t)
			if err := c.make(dir); err != nil {
				t.Fatal(err)
			}
			f, err := Open(filepath.Join(dir) + "/" + c.open)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, %v expected", err, c.want)
			}
			if err == nil {
				f.Close()
			}
			// It is the same for a path that begins where we are.
			t.Chdir(dir)
			f, err = Open(c.open)
			if !errors.Is(err, c.want) {
				t.Errorf("from there: %v, %v expected", err, c.want)
			}
			if err == nil {
				f.Close()
			}
		})
	}
}

// A shell hands over what a command prints as a file of the kernel's.
func TestOpenDescriptor(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("text"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got, err := Read(t.Context(), "/dev/fd/"+strconv.Itoa(int(r.Fd())), 100)
	if string(got) != "text" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Who holds a pipe and says nothing does not hold who reads it against a signal.
func TestReadEnds(t *testing.T) {
	dir := place(t)
	pipe := dir + "/d/pipe"
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	signal := errors.New("a signal")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() {
		_, err := Read(ctx, pipe, 100)
		ended <- err
	}()
	cancel(signal)
	if err := <-ended; !errors.Is(err, signal) {
		t.Errorf("%v", err)
	}
	// One that nobody holds has nothing to say.
	held.Close()
	if got, err := Read(t.Context(), pipe, 100); len(got) != 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReadLimit(t *testing.T) {
	dir := place(t)
	for limit, want := range map[int64]error{3: ErrTooLarge, 4: nil} {
		if _, err := Read(t.Context(), dir+"/d/conf", limit); !errors.Is(err, want) {
			t.Errorf("%d: %v", limit, err)
		}
	}
}

// What is written has the mode and the owner that was there, and so has the copy of
// it; a link of ours stays, and leads to the new text.
func TestReplaceKeeps(t *testing.T) {
	for name, c := range map[string]struct {
		mode     fs.FileMode
		uid, gid int
		link     string
	}{
		"ours alone":   {0o600, 0, 0, ""},
		"read by some": {0o640, 0, nobody, ""},
		"read by all":  {0o644, 0, 0, ""},
		"read only":    {0o444, 0, 0, ""},
		"link":         {0o600, 0, nobody, "d/conf"},
		"far link":     {0o640, 0, nobody, "ABSOLUTE"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := place(t)
			conf, path := dir+"/d/conf", dir+"/d/conf"
			if c.gid != 0 {
				needRoot(t)
			}
			if c.uid+c.gid != 0 {
				if err := os.Chown(conf, c.uid, c.gid); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(conf, c.mode); err != nil {
				t.Fatal(err)
			}
			if c.link != "" {
				path = dir + "/link"
				if c.link == "ABSOLUTE" {
					c.link = conf
				}
				if err := os.Symlink(c.link, path); err != nil {
					t.Fatal(err)
				}
			}
			if err := Replace(path, []byte("new"), []byte("text")); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{conf: "new", conf + ".bak": "text"} {
				var st unix.Stat_t
				if err := unix.Lstat(name, &st); err != nil {
					t.Fatal(err)
				}
				if fs.FileMode(st.Mode).Perm() != c.mode || os.Geteuid() == 0 && (int(st.Uid) != c.uid || int(st.Gid) != c.gid) {
					t.Errorf("%s has mode %o and belongs to %d:%d, %o and %d:%d expected", name, st.Mode, st.Uid, st.Gid, c.mode, c.uid, c.gid)
				}
				if got, err := os.ReadFile(name); string(got) != want {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			}
			if got, err := os.Readlink(path); c.link != "" && got != c.link {
				t.Errorf("the link is %q, %v", got, err)
			}
		})
	}
}

// Links that others can have laid are not written through.
func TestReplaceTrust(t *testing.T) {
	needRoot(t)
	for name, make := range map[string]func(dir string) error{
		"link in a directory of all": func(d string) error {
			return errors.Join(os.Mkdir(d+"/all", 0o755), os.Symlink("../d/conf", d+"/all/it"), os.Chmod(d+"/all", 0o777))
		},
		"link in a directory of a group": func(d string) error {
			return errors.Join(os.Mkdir(d+"/all", 0o755), os.Symlink("../d/conf", d+"/all/it"), os.Chmod(d+"/all", 0o775))
		},
		"another's link": func(d string) error {
			return errors.Join(os.Mkdir(d+"/all", 0o755), os.Symlink("../d/conf", d+"/all/it"), os.Lchown(d+"/all/it", nobody, 0), os.Chmod(d+"/all", 0o777|fs.ModeSticky))
		},
	} {
		dir := place(t)
		if err := make(dir); err != nil {
			t.Fatal(err)
		}
		if err := Replace(dir+"/all/it", []byte("new"), []byte("text")); !errors.Is(err, ErrNotTrusted) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := os.ReadFile(dir + "/d/conf"); string(got) != "text" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A folder above that of the log may belong to a group, which can exchange the
// folder; what it puts there is not written to.
func TestAppendTrust(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		make func(log string) error
		own  bool
		want error
	}{
		"nothing there": {func(string) error { return nil }, true, nil},
		"ours":          {func(d string) error { return os.Mkdir(d+"/lunguard", 0o755) }, true, nil},
		"another's": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/lunguard", 0o755), os.Chown(d+"/lunguard", nobody, 0))
		}, true, ErrNotTrusted},
		"another's, by name": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/lunguard", 0o755), os.Chown(d+"/lunguard", nobody, 0))
		}, false, ErrNotTrusted},
		"of a group": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/lunguard", 0o755), os.Chmod(d+"/lunguard", 0o775))
		}, true, ErrNotTrusted},
		"link":          {func(d string) error { return os.Symlink("../d", d+"/lunguard") }, true, ErrSymlink},
		"link, by name": {func(d string) error { return os.Symlink("../d", d+"/lunguard") }, false, ErrNotTrusted},
		"another's file": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/lunguard", 0o755), os.WriteFile(d+"/lunguard/log", nil, 0o644), os.Chown(d+"/lunguard/log", nobody, 0), os.Chmod(d+"/lunguard", 0o775))
		}, false, ErrNotTrusted},
		"file of all": {func(d string) error {
			return errors.Join(os.Mkdir(d+"/lunguard", 0o755), os.WriteFile(d+"/lunguard/log", nil, 0o644), os.Chmod(d+"/lunguard/log", 0o646))
		}, false, ErrNotTrusted},
	} {
		dir := place(t)
		if err := errors.Join(os.Mkdir(dir+"/log", 0o755), os.Chmod(dir+"/log", 0o775)); err != nil {
			t.Fatal(err)
		}
		if err := c.make(dir + "/log"); err != nil {
			t.Fatal(err)
		}
		f, err := Append(dir+"/log/lunguard/log", c.own)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v expected", name, err, c.want)
		}
		if err == nil {
			f.Close()
		}
		if _, err := os.Stat(dir + "/d/log"); err == nil {
			t.Errorf("%s: written through the link", name)
		}
	}
}

// What was looked at is what is used, though somebody exchanges the folder all the
// time: nothing is ever written where he wants it.
func TestAppendRace(t *testing.T) {
	needRoot(t)
	dir := place(t)
	log, his, away := dir+"/log/lunguard", dir+"/his", dir+"/log/away"
	err := errors.Join(os.MkdirAll(log, 0o755), os.Mkdir(his, 0o755), os.Chown(his, nobody, 0), os.Chmod(dir+"/log", 0o775),
		os.Symlink("../his", dir+"/log/link"))
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = unix.Rename(log, away) // one of the two is the link
			_ = unix.Rename(dir+"/log/link", log)
			_ = unix.Rename(log, dir+"/log/link")
			_ = unix.Rename(away, log)
		}
	}()
	wrote := 0
	for range 3000 {
		if f, err := Append(log+"/log", true); err == nil {
			wrote++
			f.Close()
		}
		if entries, _ := os.ReadDir(his); len(entries) > 0 {
			t.Error("a log was made in a directory of somebody else")
			break
		}
	}
	close(stop)
	<-done
	t.Logf("opened %d times", wrote)
}
