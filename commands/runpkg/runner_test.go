package runpkg

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// started and halted are the calls of a whole start and halt.
const (
	started = `pre1 start
pre2 start
reserve
vgchange -a y vg1
vgchange -a y vg2
fsck -t ext4 -p /dev/vg1/a
mount -t ext4 -o rw /dev/vg1/a DIR/fs/a
mount /dev/vg2/b DIR/fs/b
app1 start
app2 start
`
	halted = `app2 stop
app1 stop
umount DIR/fs/b
umount DIR/fs/a
vgchange -a n vg2
vgchange -a n vg1
release
pre2 stop
pre1 stop
`
)

// upTo cuts a list of calls behind the line.
func upTo(calls, line string) string {
	at := strings.Index(calls, line+"\n")
	return calls[:at+len(line)+1]
}

// from cuts a list of calls before the line.
func from(calls, line string) string { return calls[strings.Index(calls, line+"\n"):] }

func TestOrder(t *testing.T) {
	w := newWorld(t, packageConfig)
	ctx := context.Background()
	if err := w.r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	w.wantTrace(started)
	w.wantPhase(Up)
	w.reopen()
	if err := w.r.Halt(ctx); err != nil {
		t.Fatal(err)
	}
	w.wantTrace(halted)
	w.wantPhase(Down)
	for _, line := range []string{
		"\n\t########### Node \"jack3\": Starting package at ", "\n\t########### Node \"jack3\": Package start completed at ",
		"\n\t########### Node \"jack3\": Halting package at ", "\n\t########### Node \"jack3\": Package halt completed at ",
		" - Node \"jack3\": Activating volume group vg1.\n", " - Node \"jack3\": Deactivating volume group vg2.\n",
		" - Node \"jack3\": Mounting /dev/vg1/a at DIR/fs/a.\n", " - Node \"jack3\": Running DIR/pre1 start\n",
	} {
		w.wantLog(line)
	}
}

// A rehearsal lists what a start and a halt then do.
func TestPlan(t *testing.T) {
	w := newWorld(t, packageConfig)
	for action, want := range map[Action]string{Start: started, Stop: halted} {
		list, err := w.r.Plan(action)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, p := range list {
			switch {
			case p.Reservations && action == Start:
				p.Text = "reserve"
			case p.Reservations:
				p.Text = "release"
			}
			text := strings.ReplaceAll(p.Text, " && ", "\n")
			got.WriteString(strings.TrimPrefix(strings.ReplaceAll(text, w.dir, "DIR"), "DIR/") + "\n")
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", action, diff)
		}
	}
	w.wantTrace("")
	w.wantPhase(Down)
}

// A failure at any step of a start undoes what was done before it, last one
// first, and what may be half done.
func TestUndo(t *testing.T) {
	for _, c := range []struct {
		fails, undo string
	}{
		{"pre1 start", ""},
		{"pre2 start", "pre1 stop\n"},
		{"reserve", from(halted, "pre2 stop")},
		{"vgchange -a y vg1", from(halted, "vgchange -a n vg1")},
		{"vgchange -a y vg2", from(halted, "vgchange -a n vg2")},
		{"fsck -t ext4 -p /dev/vg1/a", from(halted, "vgchange -a n vg2")},
		{"mount -t ext4 -o rw /dev/vg1/a DIR/fs/a", from(halted, "vgchange -a n vg2")},
		{"mount /dev/vg2/b DIR/fs/b", from(halted, "umount DIR/fs/a")},
		{"app1 start", from(halted, "umount DIR/fs/b")},
		{"app2 start", from(halted, "app1 stop")},
	} {
		t.Run(c.fails, func(t *testing.T) {
			w := newWorld(t, packageConfig)
			w.will(strings.ReplaceAll(c.fails, "DIR", w.dir), "4")
			err := w.r.Start(context.Background())
			var step *StepError
			if !errors.As(err, &step) || step.Elsewhere() {
				t.Fatalf("%v", err)
			}
			w.wantTrace(upTo(started, c.fails) + c.undo)
			w.wantPhase(Down)
			w.wantLog("Package start failed at ")
			w.wantLog("\tERROR:  Function ")
			w.wantLog("Undoing what was started.")
		})
	}
}

// A halt goes on after a failure. The reservations, and what lies below, stay
// if something may still write.
func TestHaltFailures(t *testing.T) {
	kept := strings.TrimSuffix(halted, from(halted, "release"))
	for _, c := range []struct {
		fails, calls string
		phase        Phase
	}{
		{"app2 stop", halted, Down},
		{"app1 stop", halted, Down},
		{"umount DIR/fs/b", strings.Replace(kept, "umount DIR/fs/b\n", "umount DIR/fs/b\numount DIR/fs/b\n", 1), Failed},
		{"vgchange -a n vg2", kept, Failed},
		{"vgchange -a n vg1", kept, Failed},
		{"release", halted, Failed},
		{"pre2 stop", halted, Down},
		{"pre1 stop", halted, Down},
	} {
		t.Run(c.fails, func(t *testing.T) {
			w := newWorld(t, packageConfig)
			ctx := context.Background()
			if err := w.r.Start(ctx); err != nil {
				t.Fatal(err)
			}
			w.trace()
			w.will(strings.ReplaceAll(c.fails, "DIR", w.dir), "2")
			err := w.r.Halt(ctx)
			var step *StepError
			if !errors.As(err, &step) || step.Action != Stop || step.Elsewhere() {
				t.Fatalf("%v", err)
			}
			var keeps *KeptError
			if want := c.calls == halted; errors.As(err, &keeps) == want {
				t.Errorf("%v", err)
			}
			w.wantTrace(c.calls)
			w.wantPhase(c.phase)
			w.wantLog("Package halt failed at ")
			if c.phase != Failed {
				return
			}
			// The cause mended, the next halt finishes; what is not mounted is
			// not unmounted.
			w.will("", "")
			if err := w.r.Halt(ctx); err != nil {
				t.Fatal(err)
			}
			again := strings.Replace(halted, "umount DIR/fs/a\n", "", 1)
			if !strings.HasPrefix(c.fails, "umount") {
				again = strings.Replace(again, "umount DIR/fs/b\n", "", 1)
			}
			w.wantTrace(again)
			w.wantPhase(Down)
		})
	}
}

// What cannot be undone keeps the reservations, and so does having had them
// before.
func TestUndoKeeps(t *testing.T) {
	w := newWorld(t, packageConfig)
	w.write("do", "app1 start=1\nvgchange -a n vg1=5\n", 0o600)
	err := w.r.Start(context.Background())
	var kept *KeptError
	if !errors.As(err, &kept) || !strings.Contains(kept.Error(), "volume group vg1") || len(kept.Skipped) != 2 {
		t.Errorf("%v", err)
	}
	if strings.Contains(w.trace(), "release") {
		t.Error("the reservations were given up")
	}
	w.wantPhase(Failed)

	w = newWorld(t, strings.ReplaceAll(packageConfig, "external_pre_script", "# "))
	w.will("app1 start", "2")
	w.r.Kept = "taken from jack4"
	err = w.r.Start(context.Background())
	var step *StepError
	if !errors.As(err, &kept) || kept.Reason != w.r.Kept || !errors.As(err, &step) || !step.Elsewhere() {
		t.Errorf("%v", err)
	}
	if strings.Contains(w.trace(), "release") {
		t.Error("the reservations were given up")
	}
	w.wantPhase(Down)
}

// A device outside any group can be written to by whatever a script left.
func TestRawDevice(t *testing.T) {
	config := packageConfig + "pv /dev/sdx\n"
	w := newWorld(t, config)
	w.will("app1 start", "1")
	var kept *KeptError
	if err := w.r.Start(context.Background()); !errors.As(err, &kept) {
		t.Errorf("%v", err)
	}
	w = newWorld(t, config)
	if err := w.r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.will("app1 stop", "1")
	if err := w.r.Halt(context.Background()); !errors.As(err, &kept) {
		t.Errorf("%v", err)
	}
	w.will("", "")
	w.r.InUse = func(device string) (bool, error) { return device == "/dev/sdx", nil }
	if err := w.r.Halt(context.Background()); !errors.As(err, &kept) || kept.Reason != "/dev/sdx is in use" {
		t.Errorf("%v", err)
	}
}

// What cannot be asked is no leave to give the reservations up, nor to mount.
func TestUnknownUse(t *testing.T) {
	for name, blind := range map[string]func(*world){
		"device": func(w *world) { w.r.InUse = func(string) (bool, error) { return false, errPlanned } },
		"device not there, group unknown": func(w *world) {
			w.r.InUse = func(string) (bool, error) { return false, fs.ErrNotExist }
			w.r.Active = func(string) ([]string, error) { return nil, errPlanned }
		},
		"device not there, groups not asked": func(w *world) { w.r.InUse = func(string) (bool, error) { return false, fs.ErrNotExist } },
		"group":                              func(w *world) { w.r.Active = func(string) ([]string, error) { return nil, errPlanned } },
		"mounts":                             func(w *world) { w.r.Mounts = func() ([]string, error) { return nil, errPlanned } },
	} {
		w := newWorld(t, packageConfig)
		if err := w.r.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.write("trace", "", 0o600)
		blind(w)
		var unknown *UnknownError
		var kept *KeptError
		if err := w.r.Halt(context.Background()); !errors.As(err, &unknown) || !errors.As(err, &kept) || !kept.Unknown {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(w.trace(), "release") {
			t.Errorf("%s: the reservations were given up", name)
		}
		w.r.InUse, w.r.Active, w.r.Mounts = nil, nil, w.mounted
		if err := w.r.Halt(context.Background()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newWorld(t, packageConfig)
	w.r.Mounts = func() ([]string, error) { return nil, errPlanned }
	var unknown *UnknownError
	if err := w.r.Start(context.Background()); !errors.As(err, &unknown) || strings.Contains(w.trace(), "\nmount ") {
		t.Errorf("%v, after\n%s", err, w.trace())
	}
	// A name such as UUID= leads nowhere once its group is not active, and is no
	// hindrance for a halt that is repeated.
	w = newWorld(t, packageConfig)
	if err := w.r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.r.InUse = func(string) (bool, error) { return false, fs.ErrNotExist }
	w.r.Active = func(string) ([]string, error) { return nil, nil }
	if err := w.r.Halt(context.Background()); err != nil {
		t.Error(err)
	}
}

// Another node may try only if a script says so.
func TestElsewhere(t *testing.T) {
	for what, want := range map[string]bool{"1": false, "2": true, "3": false, "126": false, "kill -TERM $$": false, "kill -INT $$": false} {
		for _, call := range []string{"pre1 start", "app2 start"} {
			w := newWorld(t, packageConfig)
			w.will(call, what)
			err := w.r.Start(context.Background())
			var step *StepError
			if !errors.As(err, &step) || step.Elsewhere() != want {
				t.Errorf("%s, %s: %v", call, what, err)
			}
		}
	}
	// Nor if another program has this status.
	w := newWorld(t, packageConfig)
	w.will("vgchange -a y vg1", "2")
	var step *StepError
	if err := w.r.Start(context.Background()); !errors.As(err, &step) || step.Elsewhere() {
		t.Errorf("%v", err)
	}
}

func TestRetries(t *testing.T) {
	for _, c := range []struct{ call, parameter string }{
		{"mount /dev/vg2/b DIR/fs/b", "fs_mount_retry_count 1"},
		{"vgchange -a n vg2", "deactivation_retry_count 2"},
		{"umount DIR/fs/b", ""},
	} {
		w := newWorld(t, packageConfig+c.parameter+"\n")
		w.will(strings.ReplaceAll(c.call, "DIR", w.dir), "once")
		if err := w.r.Start(context.Background()); err != nil {
			t.Error(err)
		}
		if err := w.r.Halt(context.Background()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(w.trace(), c.call+"\n"); n != 2 {
			t.Errorf("%s: %d times", c.call, n)
		}
	}
}

// fsck that has corrected everything is no failure.
func TestFsckCorrects(t *testing.T) {
	w := newWorld(t, packageConfig)
	w.will("fsck -t ext4 -p /dev/vg1/a", "1")
	if err := w.r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.wantTrace(started)
}

// Something that is mounted there is neither hidden nor unmounted.
func TestMountedBefore(t *testing.T) {
	w := newWorld(t, packageConfig)
	w.write("mounts", "1 1 1:1 / "+w.dir+"/fs/b rw - ext4 /dev/x rw\n", 0o600)
	err := w.r.Start(context.Background())
	var mounted *MountedError
	if !errors.As(err, &mounted) {
		t.Fatalf("%v", err)
	}
	w.wantTrace(upTo(started, "mount -t ext4 -o rw /dev/vg1/a DIR/fs/a") + from(halted, "umount DIR/fs/a"))
	if text, _ := w.mounted(); len(text) != 1 {
		t.Errorf("mounted: %v", text)
	}
}

// umount and vgchange are not believed if there is more to see.
func TestNotBelieved(t *testing.T) {
	w := newWorld(t, packageConfig)
	if err := w.r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.r.Active = func(g string) ([]string, error) { return []string{g + "-lv"}, nil }
	var active *ActiveError
	var kept *KeptError
	if err := w.r.Halt(context.Background()); !errors.As(err, &active) || !errors.As(err, &kept) {
		t.Errorf("%v", err)
	}
	w.r.Active = nil
	// Mounted in another name space.
	var used *InUseError
	w.r.InUse = func(device string) (bool, error) { return device == "/dev/vg2/b", nil }
	if err := w.r.Halt(context.Background()); !errors.As(err, &used) || !errors.As(err, &kept) || kept.Unknown {
		t.Errorf("%v", err)
	}
	w.r.InUse = nil
	w.write("mounts", strings.Repeat("1 1 1:1 / "+w.dir+"/fs/b rw - ext4 /dev/x rw\n", 2), 0o600)
	w.will("umount "+w.dir+"/fs/b", "0")
	var mounted *MountedError
	if err := w.r.Halt(context.Background()); !errors.As(err, &mounted) || !errors.As(err, &kept) {
		t.Errorf("%v", err)
	}
}

const legacyConfig = `CLUSTER_PR_TAG bcb0
NODE_NAME jack3
NODE_ID 1
package_name pkg1
vg vg1
run_script DIR/run
halt_script DIR/halt
`

func TestLegacy(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, legacyConfig)
	if err := w.r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.r.Halt(ctx); err != nil {
		t.Fatal(err)
	}
	w.wantTrace("reserve\nrun start\nhalt stop\nrelease\n")

	// What a run script that fails has left is for the halt script to clear.
	w.will("run start", "2")
	var step *StepError
	if err := w.r.Start(ctx); !errors.As(err, &step) || !step.Elsewhere() {
		t.Errorf("%v", err)
	}
	w.wantTrace("reserve\nrun start\nhalt stop\nrelease\n")

	var kept *KeptError
	w.will("halt stop", "1")
	if err := w.r.Halt(ctx); !errors.As(err, &kept) {
		t.Errorf("%v", err)
	}
	w.wantTrace("halt stop\n")
	w.wantPhase(Failed)
	w.will("", "")
	w.r.Active = func(string) ([]string, error) { return []string{"vg1-lv"}, nil }
	if err := w.r.Halt(ctx); !errors.As(err, &kept) {
		t.Errorf("%v", err)
	}
}

// Of two scripts that cannot be acted on it is always the same that is named.
func TestParametersInOrder(t *testing.T) {
	w := newWorld(t, strings.Join(strings.SplitAfter(legacyConfig, "\n")[:5], "")+"halt_script $NOSUCH/h\nrun_script $NOSUCH/r\n")
	for range 64 {
		if _, err := w.r.Plan(Start); err == nil || !strings.HasPrefix(err.Error(), "run_script $NOSUCH/r: ") {
			t.Fatal(err)
		}
	}
}

// Words that cannot be acted on are found before the first step.
func TestParameters(t *testing.T) {
	for _, c := range []struct{ more, want string }{
		{"run_script /x", "run_script and halt_script go together"},
		{"halt_script /x", "run_script and halt_script go together"},
		{"run_script /x\nhalt_script /x\nexternal_script /y", "external_script /y: it does not go with run_script"},
		{"run_script /x\nhalt_script $NOSUCH/x", "the variable NOSUCH is not set"},
		{"external_script $NOSUCH/x", "external_script $NOSUCH/x: $NOSUCH/x: the variable NOSUCH is not set"},
		{"vgchange_cmd \"vgchange 'x\"", "a closing quote was expected"},
		{"vgchange_cmd \" \"", "a command was expected"},
		{"fs_name /dev/x\nfs_directory /x\nfs_umount_opt \"-f -l\"", "lazy"},
		{"fs_name /dev/x\nfs_directory /x\nfs_umount_opt -fl", "lazy"},
		{"fs_name /dev/x\nfs_directory /x\nfs_umount_opt --lazy", "lazy"},
		{"fs_name /dev/x\nfs_directory /x\nfs_mount_opt \"-o 'x\"", "a closing quote was expected"},
		{"fs_name $NOSUCH\nfs_directory /x", "NOSUCH"},
		{"fs_name /dev/x\nfs_directory $NOSUCH", "NOSUCH"},
		{"fs_name /dev/x\nfs_directory DIR", "it lies on a file system of the package"},
		{"service_name s\nservice_cmd x\nservice_name s\nservice_cmd y", "another service of that name"},
	} {
		w := newWorld(t, strings.Join(strings.SplitAfter(legacyConfig, "\n")[:5], "")+c.more+"\n")
		var bad *ParameterError
		for _, err := range []error{w.r.Start(context.Background()), w.r.Halt(context.Background())} {
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.more, err)
			}
		}
		w.wantTrace("")
		w.wantPhase(Down)
	}
}
