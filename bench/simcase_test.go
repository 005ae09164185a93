package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/scsi"
)

// timedPath takes the time of the bubble's clock for a command, and no other.
type timedPath struct {
	scsi.Transport
	delay time.Duration
}

func (p timedPath) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	time.Sleep(p.delay)
	return p.Transport.Do(ctx, req)
}

// The critical path is what an operation takes if nothing but devices take time
// and all LUNs are worked on at once.
func TestCriticalPath(t *testing.T) {
	const delay = 10 * time.Millisecond
	for _, op := range []operation{opStart, opTakeOver, opStatus, opHalt} {
		for _, luns := range []int{1, 2, 40} {
			for _, paths := range []int{1, 2, 4} {
				t.Run(fmt.Sprintf("%s/%dx%d", op, luns, paths), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w, err := newSimWorld(luns, paths)
						if err == nil {
							err = w.prepare(op)
						}
						if err != nil {
							t.Fatal(err)
						}
						r, err := w.run(simNode, func(t scsi.Transport) scsi.Transport { return timedPath{t, delay} })
						if err != nil {
							t.Fatal(err)
						}
						begin := time.Now()
						if err := op.do(r); err != nil {
							t.Fatal(err)
						}
						if got, want := int(time.Since(begin)/delay), op.criticalPath(luns, paths); got != want {
							t.Errorf("%d commands in sequence, want %d", got, want)
						}
					})
				})
			}
		}
	}
}

// A case counts every command, and its paths hold threads.
func TestMeasure(t *testing.T) {
	for _, op := range []operation{opStart, opTakeOver, opStatus, opHalt} {
		c := simCase{Op: op, LUNs: 12, Paths: 2, Delay: 5 * time.Millisecond, Parallel: 12}
		res, err := c.measure()
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		if want := leastCommands(op, 12, 2); res.Commands != want {
			t.Errorf("%s: %d commands, want %d", op, res.Commands, want)
		}
		if floor := time.Duration(op.criticalPath(12, 2)) * c.Delay; res.Seconds < floor.Seconds() {
			t.Errorf("%s: %v s, less than the critical path, %v", op, res.Seconds, floor)
		}
		if res.PeakKiB == 0 {
			t.Errorf("%s: no memory", op)
		}
	}
}

// Commands that are in the kernel at the same time hold a thread each. The
// runtime takes up to 10 ms to notice that one does.
func TestThreads(t *testing.T) {
	c := simCase{Op: opStatus, LUNs: 8, Paths: 1, Delay: 300 * time.Millisecond, Parallel: 8}
	res, err := c.measure()
	if err != nil {
		t.Fatal(err)
	}
	if res.Threads < 8 {
		t.Errorf("%d threads for 8 commands at once", res.Threads)
	}
}
