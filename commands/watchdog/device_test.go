package watchdog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeHandle is an open watchdog device that writes down what is done to it.
type fakeHandle struct {
	steps   []string
	options uint32
	// supportErr, setErr, getErr and keepErr are what the calls answer.
	supportErr, setErr, getErr, keepErr error
	// seconds is the timeout; most and least bound what can be set.
	seconds, most, least int
	nowayout             bool
	sysfs                string
}

func (h *fakeHandle) step(s string) { h.steps = append(h.steps, s) }

func (h *fakeHandle) support() (*unix.WatchdogInfo, error) {
	i := &unix.WatchdogInfo{Options: h.options}
	copy(i.Identity[:], "Fake Watchdog")
	return i, h.supportErr
}

func (h *fakeHandle) setTimeout(seconds int) error {
	h.step("set")
	if h.setErr == nil {
		h.seconds = min(max(seconds, h.least), h.most)
	}
	return h.setErr
}

func (h *fakeHandle) timeout() (uint32, error) { return uint32(h.seconds), h.getErr }

func (h *fakeHandle) keepAlive() error { h.step("keep"); return h.keepErr }

func (h *fakeHandle) write(text string) error { h.step("write " + text); return nil }

func (h *fakeHandle) close() error {
	h.step("close")
	if h.nowayout {
		return os.WriteFile(filepath.Join(h.sysfs, "state"), []byte("active\n"), 0o600)
	}
	return nil
}

// kernelRig is a Kernel on /dev/null, with a sysfs and handle of the test's.
func kernelRig(t *testing.T) (*Kernel, *fakeHandle, string) {
	t.Helper()
	dir := t.TempDir()
	attributes := filepath.Join(dir, "sys/devices/watchdog0")
	if err := errors.Join(os.MkdirAll(attributes, 0o700), os.MkdirAll(filepath.Join(dir, "sys/dev/char"), 0o700),
		os.MkdirAll(filepath.Join(dir, "proc/77/fd"), 0o700),
		// 1:3 is /dev/null.
		os.Symlink(attributes, filepath.Join(dir, "sys/dev/char/1:3"))); err != nil {
		t.Fatal(err)
	}
	h := &fakeHandle{options: unix.WDIOF_SETTIMEOUT | unix.WDIOF_MAGICCLOSE | unix.WDIOF_KEEPALIVEPING, most: 1000, sysfs: attributes}
	k := NewKernel("/dev/null")
	k.sysfs, k.procfs = filepath.Join(dir, "sys"), filepath.Join(dir, "proc")
	k.open = func(string) (handle, error) { return h, nil }
	return k, h, attributes
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Arming sets the timeout, feeding feeds, and an orderly end says that it is
// one. Nothing else is done to the device.
func TestKernel(t *testing.T) {
	k, h, _ := kernelRig(t)
	if err := k.Arm(10*time.Second, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if h.seconds != 10 || k.Timeout != 10*time.Second || k.Identity != "Fake Watchdog" || k.NoMagic || k.NoWayOut {
		t.Errorf("%+v, %d s", k, h.seconds)
	}
	if err := errors.Join(k.Feed(), k.Feed(), k.Close()); err != nil {
		t.Error(err)
	}
	if want := []string{"set", "keep", "keep", "write V", "close"}; !slices.Equal(h.steps, want) {
		t.Errorf("%q, want %q", h.steps, want)
	}
}

// A device that knows no KEEPALIVE is fed by a write, and never by V.
func TestFeedByWrite(t *testing.T) {
	k, h, _ := kernelRig(t)
	h.keepErr = unix.EOPNOTSUPP
	if err := errors.Join(k.Arm(10*time.Second, time.Second), k.Feed()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"set", "keep", "write \x00"}; !slices.Equal(h.steps, want) {
		t.Errorf("%q, want %q", h.steps, want)
	}
	h.keepErr = unix.EIO
	if err := k.Feed(); !errors.Is(err, unix.EIO) {
		t.Errorf("%v", err)
	}
}

// With a device that cannot keep the promise nothing stays armed.
func TestArmRefuses(t *testing.T) {
	disarmed := []string{"write V", "close"}
	cases := map[string]struct {
		arrange func(h *fakeHandle)
		err     error
		end     []string // the last steps
	}{
		"no watchdog":       {func(h *fakeHandle) { h.supportErr = unix.ENOTTY }, ErrNotWatchdog, []string{"close"}},
		"alarm only":        {func(h *fakeHandle) { h.options |= unix.WDIOF_ALARMONLY }, ErrAlarmOnly, disarmed},
		"rounds up":         {func(h *fakeHandle) { h.least = 16 }, ErrTimeout, disarmed},
		"too short for us":  {func(h *fakeHandle) { h.most = 4 }, ErrTimeout, disarmed},
		"cannot be set":     {func(h *fakeHandle) { h.setErr, h.seconds = unix.EOPNOTSUPP, 60 }, ErrTimeout, disarmed},
		"does not tell":     {func(h *fakeHandle) { h.getErr = unix.EOPNOTSUPP }, ErrTimeout, disarmed},
		"and cannot be set": {func(h *fakeHandle) { h.setErr, h.seconds = unix.EINVAL, 60 }, unix.EINVAL, disarmed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			k, h, _ := kernelRig(t)
			c.arrange(h)
			err := k.Arm(10*time.Second, 5*time.Second)
			var device *DeviceError
			if !errors.Is(err, c.err) || !errors.As(err, &device) || device.Device != "/dev/null" {
				t.Errorf("error %v", err)
			}
			if !slices.Equal(h.steps[max(0, len(h.steps)-len(c.end)):], c.end) || c.end[0] == "close" && len(h.steps) > 1 {
				t.Errorf("steps %q", h.steps)
			}
		})
	}
	// What is set already, or rounded to something shorter that will do, will do.
	for name, arrange := range map[string]func(h *fakeHandle){
		"fixed":       func(h *fakeHandle) { h.setErr, h.seconds = unix.EOPNOTSUPP, 10 },
		"rounds down": func(h *fakeHandle) { h.most = 8 },
	} {
		k, h, _ := kernelRig(t)
		arrange(h)
		if err := k.Arm(10*time.Second, 5*time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A device that runs already is not touched: opening it would feed it.
func TestArmedAlready(t *testing.T) {
	k, h, attributes := kernelRig(t)
	writeFile(t, filepath.Join(attributes, "state"), "active\n")
	k.open = func(string) (handle, error) { t.Error("it was opened"); return h, nil }
	if err := k.Arm(10*time.Second, time.Second); !errors.Is(err, ErrArmed) {
		t.Errorf("nobody has it open: %v", err)
	}
	if err := os.Symlink("/dev/null", filepath.Join(k.procfs, "77/fd/3")); err != nil {
		t.Fatal(err)
	}
	if err := k.Arm(10*time.Second, time.Second); !errors.Is(err, ErrInUse) {
		t.Errorf("somebody has it open: %v", err)
	}
	k, h, attributes = kernelRig(t)
	writeFile(t, filepath.Join(attributes, "state"), "inactive\n")
	if err := k.Arm(10*time.Second, time.Second); err != nil {
		t.Errorf("inactive: %v", err)
	}
	k, _, _ = kernelRig(t)
	k.open = func(string) (handle, error) { return nil, ErrInUse }
	if err := k.Arm(10*time.Second, time.Second); !errors.Is(err, ErrInUse) {
		t.Errorf("busy: %v", err)
	}
}

// A device that cannot be stopped says so, at the end and after a failure.
func TestNoWayOut(t *testing.T) {
	k, h, attributes := kernelRig(t)
	h.nowayout = true
	writeFile(t, filepath.Join(attributes, "nowayout"), "1\n")
	if err := k.Arm(10*time.Second, time.Second); err != nil || !k.NoWayOut {
		t.Errorf("%v, %+v", err, k)
	}
	if err := k.Close(); !errors.Is(err, ErrStillArmed) {
		t.Errorf("%v", err)
	}
	k, h, attributes = kernelRig(t)
	h.nowayout, h.least = true, 60
	writeFile(t, filepath.Join(attributes, "state"), "inactive\n")
	if err := k.Arm(10*time.Second, time.Second); !errors.Is(err, ErrStillArmed) || !errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
	// Without its help in sysfs, closing says nothing.
	k, h, _ = kernelRig(t)
	h.options = 0
	if err := errors.Join(k.Arm(10*time.Second, time.Second), k.Close()); err != nil || !k.NoMagic {
		t.Errorf("%v, %+v", err, k)
	}
}

// What is no device, or not a watchdog, is not opened or not written to.
func TestNoDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	for path, want := range map[string]error{
		file: ErrNotWatchdog, file + ".not": fs.ErrNotExist, t.TempDir(): ErrNotWatchdog,
		"/dev/null": ErrNotWatchdog, "/dev/tty": nil,
	} {
		err := NewKernel(path).Arm(10*time.Second, time.Second)
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The simulated device writes down what a real one would do.
func TestFile(t *testing.T) {
	d := &File{Path: filepath.Join(t.TempDir(), "dev/watchdog"), Name: "/dev/watchdog"}
	if err := errors.Join(d.Arm(10*time.Second), d.Feed()); err != nil {
		t.Fatal(err)
	}
	if err := (&File{Path: d.Path, Name: d.Name}).Arm(time.Second); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(d.Path)
	if want := "open, timeout 10s\nfed\nclosed in order\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
	if err := (&File{Path: t.TempDir(), Name: "x"}).Arm(time.Second); !errors.Is(err, ErrNotWatchdog) || !strings.HasPrefix(err.Error(), "x: ") {
		t.Errorf("a directory: %v", err)
	}
	if err := (&File{Path: "/dev/null/x", Name: "x"}).Arm(time.Second); err == nil {
		t.Error("no directory: no error")
	}
}
