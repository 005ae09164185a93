package runpkg

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
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

// fakeTimers are the limits of a run, by a clock that a test puts on.
type fakeTimers struct {
	mu   sync.Mutex
	now  time.Duration
	ends map[*timer]bool
}

// timer is one limit.
type timer struct {
	at   time.Duration
	what string
	end  func()
}

func (f *fakeTimers) after(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	t := &timer{f.now + d, cause.(*TimeoutError).Parameter, func() { cancel(cause) }}
	f.ends[t] = true
	return ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.ends, t)
		cancel(nil)
	}
}

// advance puts the clock on, and says which limits are over.
func (f *fakeTimers) advance(d time.Duration) (over []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now += d
	for t := range f.ends {
		if t.at <= f.now {
			over = append(over, t.what)
			t.end()
		}
	}
	return over
}

// Scripts may take as long as the package says, a start and a halt each as a whole.
func TestPhaseTimeouts(t *testing.T) {
	const limits = "run_script_timeout 60\nhalt_script_timeout 30\n"
	const hangs = `touch "$FAKE/here"; sleep 1000`
	for name, c := range map[string]struct {
		config, call string
		// halt says that it is a halt that hangs.
		halt bool
		// early is when no limit is over, late when that is.
		early, late time.Duration
		over        string
	}{
		"script":               {packageConfig + limits, "app1 start", false, 59 * time.Second, time.Second, "run_script_timeout of 60 seconds is over"},
		"pre script":           {packageConfig + limits, "pre2 start", false, 59 * time.Second, time.Second, "run_script_timeout of 60 seconds is over"},
		"control script":       {legacyConfig + limits, "run start", false, 59 * time.Second, time.Second, "run_script_timeout of 60 seconds is over"},
		"script in a halt":     {packageConfig + limits, "app2 stop", true, 29 * time.Second, time.Second, "halt_script_timeout of 30 seconds is over"},
		"control script, halt": {legacyConfig + limits, "halt stop", true, 29 * time.Second, time.Second, "halt_script_timeout of 30 seconds is over"},
		"no limit":             {packageConfig, "app1 start", false, 1e6 * time.Hour, 0, ""},
		"no_timeout":           {packageConfig + "run_script_timeout no_timeout\nhalt_script_timeout NO_TIMEOUT\n", "app2 stop", true, 1e6 * time.Hour, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.config)
			clock := &fakeTimers{ends: map[*timer]bool{}}
			w.r.After = clock.after
			run := w.r.Start
			if c.halt {
				if err := w.r.Start(context.Background()); err != nil {
					t.Fatal(err)
				}
				w.trace()
				run = w.r.Halt
			}
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			w.will(c.call, hangs)
			done := make(chan error, 1)
			go func() { done <- run(ctx) }()
			eventually(t, "the script runs", func() bool { return exists(w.path("here")) })
			if over := clock.advance(c.early); len(over) > 0 {
				t.Errorf("%v is over after %v", over, c.early)
			}
			if c.over == "" {
				cancel(errPlanned)
				if err := <-done; !errors.Is(err, errPlanned) {
					t.Errorf("%v", err)
				}
				return
			}
			if over := clock.advance(c.late); len(over) != 1 {
				t.Errorf("%v is over", over)
				cancel(errPlanned)
			}
			err := <-done
			var over *TimeoutError
			var step *StepError
			if !errors.As(err, &over) || over.Error() != c.over || !errors.As(err, &step) || step.Elsewhere() {
				t.Errorf("%v", err)
			}
			if left, err := processes(func(p process) bool { return p.hasVariable("FAKE", w.dir) }); err != nil || len(left) > 0 {
				t.Errorf("processes %v are left, %v", left, err)
			}
			// A start is undone, a halt keeps the reservations.
			calls := w.trace()
			if released := strings.Contains(calls, "release\n"); released == (c.halt || name == "pre script") {
				t.Errorf("released: %v\n%s", released, calls)
			}
		})
	}
}

// What is undone has a limit of its own, which begins then.
func TestUndoTimeout(t *testing.T) {
	w := newWorld(t, packageConfig+"run_script_timeout 60\nhalt_script_timeout 30\n")
	clock := &fakeTimers{ends: map[*timer]bool{}}
	w.r.After = clock.after
	w.write("do", "app2 start=touch \"$FAKE/here\"; sleep 1000\napp1 stop=touch \"$FAKE/there\"; sleep 1000\n", 0o600)
	done := make(chan error, 1)
	go func() { done <- w.r.Start(context.Background()) }()
	eventually(t, "the start hangs", func() bool { return exists(w.path("here")) })
	clock.advance(time.Minute)
	eventually(t, "the undoing hangs", func() bool { return exists(w.path("there")) })
	if over := clock.advance(29 * time.Second); !slices.Equal(over, []string{"run_script_timeout"}) {
		t.Errorf("%v is over", over)
	}
	if over := clock.advance(time.Second); len(over) != 2 {
		t.Fatalf("%v is over", over)
	}
	var unfinished *UnfinishedError
	if err := <-done; !errors.As(err, &unfinished) || !strings.Contains(err.Error(), "halt_script_timeout of 30 seconds is over") {
		t.Errorf("%v", err)
	}
	w.wantPhase(Failed)
}
