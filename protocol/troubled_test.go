package protocol

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// patient is a run on the node whose paths wait as those of commands do, all of a LUN
// for no longer than the timeout, by the clock of the test.
func (w *world) patient(node string, timeout time.Duration) *Run {
	w.t.Helper()
	r := w.run(node)
	begin := time.Now()
	r.Now, r.Sleep = func() time.Duration { return time.Since(begin) }, nil
	for _, l := range r.LUNs {
		l.Timeout = timeout
		lun := int(l.Name[len(l.Name)-1] - 'a')
		for p := range l.Paths {
			u := scsi.NewUnit(fmt.Sprintf("%s%d", l.Name, p), &scsi.Retry{Transport: tally{w.transport(node, lun, p), &w.sent[lun], nil}, Timeout: timeout})
			l.Paths[p] = u.WithIdentity(func() pr.Identity { return identityOf(node, p) })
		}
	}
	return r
}

// What this host refuses of one path is no matter of the path: no other makes up for it.
func TestHostRefuses(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EACCES, syscall.EPERM} {
		for path := range 2 {
			w := newWorld(t, 1, 2, simlun.Quirks{})
			w.start("A")
			w.wrap = func(_ string, _, p int, t scsi.Transport) scsi.Transport {
				if p != path {
					return t
				}
				return doFunc(func(context.Context, *scsi.Request) (scsi.Reply, error) {
					return scsi.Reply{}, &os.PathError{Op: "SG_IO", Path: "sda", Err: errno}
				})
			}
			rep := w.run("A").Check(context.Background())[0]
			if !rep.Unknown() || !errors.Is(rep.Findings[0].Err, errno) || rep.Findings[0].Kind != Unreadable {
				t.Errorf("%v, path %d: %+v", errno, path, rep)
			}
			if err := w.run("B").Start(context.Background()); !errors.Is(err, errno) {
				t.Errorf("%v, path %d: %v", errno, path, err)
			}
			if w.logged(PathFailed) {
				t.Errorf("%v, path %d: a path was given up", errno, path)
			}
		}
	}
}

// troubles are what a device says by one path while it does its work by another.
func troubles() []string {
	return []string{"busy", "full", "sense=2/04/0a", "sense=2/04/01", "sense=2/04/0b", "sense=2/04/0c", "sense=b/47/00", "aborted", "host=1", "host=3", hangs}
}

// hangs is no answer in the time that there is.
const hangs = "delay=90s"

// isOpen reports whether the end of a command is not known by this answer. The first
// REGISTER of a start must not end so: what is read then says nothing of other nodes.
func isOpen(how string) bool {
	return strings.HasPrefix(how, "host=") || how == "aborted" || strings.HasPrefix(how, "sense=b/")
}

// One path that is busy, in transition, standby, or by which the device aborts
// commands, is one path: what is done by the others comes to its end, within the time
// of a LUN.
func TestOnePathTroubled(t *testing.T) {
	const timeout = 20 * time.Second
	members := func(w *world) { w.start("A") }
	for _, op := range []struct {
		name string
		mode Mode
		set  func(*world)
		// on is who has the trouble.
		on   string
		do   func(*Run, context.Context) error
		want func(*world) bool
	}{
		{"start", Exclusive, func(*world) {}, "A", (*Run).Start, func(w *world) bool { return w.status(0).Holder == keyA && w.canWrite("A", 0) && !w.canWrite("B", 0) }},
		{"take-over", Exclusive, members, "B", (*Run).Start, func(w *world) bool { return w.status(0).Holder == keyB && !w.canWrite("A", 0) }},
		{"halt", Exclusive, members, "A", (*Run).Halt, func(w *world) bool { return len(w.status(0).Keys) == 0 }},
		{"halt, nothing left", Exclusive, func(*world) {}, "A", (*Run).Halt, func(w *world) bool { return len(w.status(0).Keys) == 0 }},
		{"join", Shared, members, "B", (*Run).Start, func(w *world) bool { return w.canWrite("B", 0) && w.status(0).Holder == keyA }},
		{"leave", Shared, func(w *world) { w.start("A"); w.start("B") }, "A", (*Run).Halt, func(w *world) bool { return !w.canWrite("A", 0) && w.status(0).Holder == keyB }},
		{"fence", Shared, func(w *world) { w.start("A"); w.start("B") }, "A", func(r *Run, ctx context.Context) error {
			return r.Fence(ctx, Member{Name: "B", Key: keyB})
		}, func(w *world) bool { return !w.canWrite("B", 0) && w.canWrite("A", 0) }},
		{"show", Exclusive, members, "A", func(r *Run, ctx context.Context) error { return r.Show(ctx)[0].Err }, func(*world) bool { return true }},
		{"view", Exclusive, members, "A", func(r *Run, ctx context.Context) error { return r.View(ctx, nil)[0].Err }, func(*world) bool { return true }},
	} {
		for _, what := range []string{"any", "prin", "prout"} {
			for _, how := range troubles() {
				if how == hangs && what != "prin" {
					// What changes something and has no answer is a story of its own.
					continue
				}
				for path := range 2 {
					t.Run(strings.Join([]string{op.name, what, how, fmt.Sprint(path)}, " "), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							w := newWorld(t, 1, 2, simlun.Quirks{})
							w.mode = op.mode
							op.set(w)
							w.faults(0, fmt.Sprintf("%s%%%s@every:%s", what, w.transport2(op.on, 0, path), how))
							begin := time.Now()
							err := op.do(w.patient(op.on, timeout), context.Background())
							if unsure := what == "prout" && path == 0 && isOpen(how); err != nil && !(unsure && errors.Is(err, ErrUnsure)) {
								t.Errorf("%v", err)
							}
							if d := time.Since(begin); d > timeout+5*time.Second {
								t.Errorf("it took %v", d)
							}
							w.faults(0, "")
							if err == nil && !op.want(w) {
								t.Errorf("%+v", w.status(0))
							}
						})
					})
				}
			}
		}
	}
}
