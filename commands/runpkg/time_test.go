package runpkg

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// Each of the system's tools is killed when it takes too long, in a package without
// timeouts as well.
func TestToolHangs(t *testing.T) {
	const hangs = "sleep 1000"
	hung := func(w *world, err error, tool string) {
		t.Helper()
		var killed *KilledError
		var over *TimeoutError
		if !errors.As(err, &killed) || !errors.As(err, &over) || over.Parameter != "the limit of "+tool {
			t.Errorf("%s: %v", tool, err)
		}
		if left, err := processes(func(p process) bool { return p.hasVariable("FAKE", w.dir) }); err != nil || len(left) > 0 {
			t.Errorf("%s: processes %v are left, %v", tool, left, err)
		}
	}
	fsOnly := strings.NewReplacer("vg vg1\n", "", "vg vg2\n", "", "external_pre_script DIR/pre1\n", "", "external_pre_script DIR/pre2\n", "").Replace(packageConfig)
	for tool, c := range map[string]struct{ config, call string }{
		"vgchange": {packageConfig, "vgchange -a y vg1"},
		"fsck":     {fsOnly, "fsck -t ext4 -p /dev/vg1/a"},
		"mount":    {strings.Replace(fsOnly, "fs_fsck_opt", "fs_mount_retry_count 0 #", 1), "mount -t ext4 -o rw /dev/vg1/a DIR/fs/a"},
	} {
		w := newWorld(t, c.config)
		w.will(strings.ReplaceAll(c.call, "DIR", w.dir), hangs)
		w.r.Limit = time.Millisecond
		hung(w, w.r.Start(context.Background()), tool)
	}
	for tool, call := range map[string]string{"umount": "umount DIR/fs/b", "vgchange": "vgchange -a n vg2"} {
		w := newWorld(t, packageConfig)
		if err := w.r.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.will(strings.ReplaceAll(call, "DIR", w.dir), hangs)
		if tool == "vgchange" {
			w.write("mounts", "", 0o600) // nothing to unmount
		}
		w.r.Limit = time.Millisecond
		err := w.r.Halt(context.Background())
		var kept *KeptError
		if hung(w, err, tool); !errors.As(err, &kept) {
			t.Errorf("%s: the reservations are not kept: %v", tool, err)
		}
	}
}

// A signal in the middle of a start kills what is running and undoes.
func TestCancelled(t *testing.T) {
	w := newWorld(t, packageConfig)
	ctx, cancel := context.WithCancelCause(context.Background())
	w.will("app1 start", `touch "$FAKE/here"; sleep 1000`)
	go func() {
		eventually(t, "the script runs", func() bool { return exists(w.path("here")) })
		cancel(errPlanned)
	}()
	err := w.r.Start(ctx)
	var killed *KilledError
	if !errors.As(err, &killed) || !errors.Is(err, errPlanned) {
		t.Errorf("%v", err)
	}
	w.wantTrace(upTo(started, "app1 start") + from(halted, "umount DIR/fs/b"))
	w.wantPhase(Down)

	// In the middle of the reservations, they are made first.
	ctx, cancel = context.WithCancelCause(context.Background())
	w.r.Reserve = func(inner context.Context) error {
		cancel(errPlanned)
		if inner.Err() != nil {
			t.Error("cut short")
		}
		return w.call("reserve")
	}
	if err := w.r.Start(ctx); !errors.Is(err, errPlanned) {
		t.Errorf("%v", err)
	}
	w.wantTrace(upTo(started, "reserve") + from(halted, "release"))

	// A halt that is ended leaves the reservations.
	w.r.Reserve = func(context.Context) error { return nil }
	w.will("", "")
	if err := w.r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.trace()
	var unfinished *UnfinishedError
	if err := w.r.Halt(ctx); !errors.As(err, &unfinished) || len(unfinished.Steps) != 9 {
		t.Errorf("%v", err)
	}
	w.wantTrace("")
	w.wantPhase(Failed)
}

func TestPhaseTimeouts(t *testing.T) {
	w := newWorld(t, packageConfig)
	// A second is long for a test, and too short for a slow machine.
	ctx, cancel := within(context.Background(), "run_script_timeout", time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	cause := context.Cause(ctx)
	ctx, stop := context.WithCancelCause(context.Background())
	w.will("app1 start", `touch "$FAKE/here"; sleep 1000`)
	go func() {
		eventually(t, "the script runs", func() bool { return exists(w.path("here")) })
		stop(cause)
	}()
	err := w.r.start(ctx, mustSteps(t, w.r))
	var over *TimeoutError
	var step *StepError
	if !errors.As(err, &over) || !errors.As(err, &step) || step.Elsewhere() {
		t.Errorf("%v", err)
	}
	if calls := w.trace(); !strings.HasSuffix(calls, from(halted, "release")) {
		t.Errorf("not undone:\n%s", calls)
	}
	if text := (&TimeoutError{"run_script_timeout", time.Minute}).Error(); text != "run_script_timeout of 60 seconds is over" {
		t.Error(text)
	}
}
