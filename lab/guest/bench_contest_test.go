//go:build lab

package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"lunguard/lab/measure"
	"lunguard/scsi"
)

// Names in comparisons.
const (
	ourName   = "lunguard"
	fenceName = "fence_scsi"
)

// Keys of the two nodes of a comparison, in the form that most programs want.
const (
	benchKey   = scsi.Key(0xbcb00001)
	benchRival = scsi.Key(0xbcb00002)
)

// contest lets programs do the same to the same LUNs, in turn. The actor does it; the
// rival is the node that it takes over from.
type contest struct {
	t            *testing.T
	actor, rival *Node
	paths        int
	devices      []string // of the actor, one a LUN
	daemons      *Daemons // nil where no udevd runs
	// units are the nexuses, by node, LUN and path, without a program in between.
	units map[*Node][][]*scsi.Unit
}

// contender is a program that takes part: its words, or what is done without one.
type contender struct {
	name   string
	argv   func(c *contest, op string, luns int) []string
	direct func(c *contest, op string, luns int)
	// most is how many LUNs it is measured with, by operation.
	most map[string]int
}

// open opens all nexuses of a node.
func (c *contest) open(n *Node) {
	for lun := range n.array.luns {
		var units []*scsi.Unit
		for _, disk := range n.Disks(lun) {
			d, err := scsi.OpenSG(disk, scsi.OpenReadOnly)
			if err != nil {
				c.t.Fatal(err)
			}
			c.t.Cleanup(func() {
				if err := d.Close(); err != nil {
					c.t.Error(err)
				}
			})
			units = append(units, scsi.NewUnit(disk, &scsi.Retry{Transport: d, AfterStateChange: true}))
		}
		c.units[n] = append(c.units[n], units)
	}
}

// eachLUN runs f on the first LUNs, many at once.
func (c *contest) eachLUN(luns int, f func(lun int) error) {
	c.t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, luns)
	for lun := range luns {
		wg.Go(func() { errs[lun] = f(lun) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		c.t.Fatal(err)
	}
}

// prepare brings the LUNs into the state that an operation begins with, and uses up all
// unit attentions, so that no program has to retry.
func (c *contest) prepare(op string, tool string, luns int) {
	c.t.Helper()
	if op == measure.StartUp {
		return
	}
	ctx := context.Background()
	c.eachLUN(luns, func(lun int) error {
		first := c.units[c.actor][lun][0]
		if err := errors.Join(first.RegisterAndIgnore(ctx, benchKey, true), first.Clear(ctx, benchKey)); err != nil {
			return err
		}
		owner, key := c.actor, benchKey
		switch op {
		case "start":
			return nil
		case "take-over":
			owner, key = c.rival, benchRival
			if tool == fenceName {
				// It can remove a node only if its own is registered.
				for _, u := range c.units[c.actor][lun] {
					if err := u.RegisterAndIgnore(ctx, benchKey, true); err != nil {
						return err
					}
				}
			}
		}
		for _, u := range c.units[owner][lun] {
			if err := u.RegisterAndIgnore(ctx, key, true); err != nil {
				return err
			}
		}
		return c.units[owner][lun][0].Reserve(ctx, key, scsi.WriteExclusiveRegistrantsOnly)
	})
	for _, n := range []*Node{c.actor, c.rival} {
		c.eachLUN(luns, func(lun int) error {
			var errs []error
			for _, u := range c.units[n][lun] {
				errs = append(errs, scsi.TestUnitReady{}.Execute(ctx, u.Transport()))
			}
			return errors.Join(errs...)
		})
	}
	c.settle()
}

// settle waits until udevd, where it runs, has done all that it was asked for.
func (c *contest) settle() {
	if c.daemons != nil {
		c.daemons.Settle(c.t)
	}
}

// verify reports whether the LUNs are as the operation has to leave them.
func (c *contest) verify(op string, luns int) error {
	if op == measure.StartUp {
		return nil
	}
	var mu sync.Mutex
	var wrong []string
	c.eachLUN(luns, func(lun int) error {
		s, err := c.units[c.actor][lun][0].State(context.Background())
		if err != nil {
			return err
		}
		ok := s.HeldBy(benchKey) && s.Count(benchKey) == c.paths && !s.Has(benchRival)
		if op == "halt" {
			ok = len(s.Registrations) == 0 && s.Reservation == nil
		}
		if !ok {
			mu.Lock()
			defer mu.Unlock()
			wrong = append(wrong, fmt.Sprintf("LUN %d is not as it should be afterwards: keys %v, ours on %d of %d paths", lun, s.Keys(), s.Count(benchKey), c.paths))
		}
		return nil
	})
	if len(wrong) > 0 {
		return errors.New(wrong[0])
	}
	return nil
}

// longest is what one run may take.
const longest = 4 * time.Minute

// run is one round of one program in a cell.
func (c *contest) run(cell measure.Cell, p contender, round int) (measure.Run, error) {
	c.t.Helper()
	r := measure.Run{Cell: cell, Tool: p.name, Round: round}
	if p.direct != nil {
		c.prepare(cell.Op, p.name, cell.LUNs)
		ForgetCommands(c.t)
		begin := time.Now()
		p.direct(c, cell.Op, cell.LUNs)
		r.Seconds = time.Since(begin).Seconds()
		r.Commands = tallyOf(c.t, c.actor, os.Getpid()).commands
		return r, c.verify(cell.Op, cell.LUNs)
	}
	argv := p.argv(c, cell.Op, cell.LUNs)
	c.prepare(cell.Op, p.name, cell.LUNs)
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	path := systemPath
	if p.name == ourName {
		path = c.actor.path()
	}
	cmd := exec.CommandContext(ctx, findInPath(path, argv[0]), argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Env = append(c.actor.Env(), "PATH="+path)
	cmd.Dir = "/root"
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	ForgetCommands(c.t)
	begin := time.Now()
	err := cmd.Run()
	r.Seconds = time.Since(begin).Seconds()
	if err != nil {
		return r, fmt.Errorf("%s: %w: %s", strings.Join(argv[:min(len(argv), 6)], " "), err, strings.TrimSpace(out.String()))
	}
	c.settle()
	count := tallyOf(c.t, c.actor, cmd.Process.Pid)
	r.Processes, r.Threads, r.Commands, r.Reads = count.processes, count.threads, count.commands, count.reads
	return r, c.verify(cell.Op, cell.LUNs)
}

// alone sends what our operation sends, from a process that runs already and has all
// devices open: what is left of the time is the kernel's and the devices'. The first LUN
// does not go first, as it does in ours.
func alone(c *contest, op string, luns int) {
	ctx := context.Background()
	c.eachLUN(luns, func(lun int) error {
		units := c.units[c.actor][lun]
		state := func(u *scsi.Unit) error {
			_, err := u.State(ctx)
			return err
		}
		capabilities := func(u *scsi.Unit) error {
			_, err := u.Capabilities(ctx)
			return err
		}
		steps := []func() error{}
		switch op {
		case "status":
			for _, u := range units {
				steps = append(steps, func() error { return state(u) })
			}
			steps = append(steps, func() error { return capabilities(units[0]) })
		case "halt":
			steps = append(steps, func() error { return state(units[0]) }, func() error { return units[0].Clear(ctx, benchKey) }, func() error { return state(units[0]) })
		default:
			steps = append(steps, func() error { return capabilities(units[0]) }, func() error { return state(units[0]) })
			for _, u := range units {
				steps = append(steps, func() error { return u.RegisterAndIgnore(ctx, benchKey, true) })
			}
			steps = append(steps, func() error {
				if op == "start" {
					return units[0].Reserve(ctx, benchKey, scsi.WriteExclusiveRegistrantsOnly)
				}
				return units[0].PreemptAndAbort(ctx, benchKey, benchRival, scsi.WriteExclusiveRegistrantsOnly)
			}, func() error { return state(units[0]) })
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

// What takes long is not repeated as often: it hardly differs from one time to the next.
const (
	// warmSeconds is how long a run may take that is repeated at once, the second one being
	// the one that counts. An emulated processor translates a program anew after others
	// have run, which no real one does.
	warmSeconds = 1
	// longSeconds is how long a run takes that has slowRounds rounds in the cells that there
	// are goals for and one in others, unless everything is wanted.
	longSeconds, slowRounds = 4, 3
)

// hasGoal reports whether there is a number to reach for a cell.
func hasGoal(cell measure.Cell) bool {
	return cell == measure.Cell{Op: "start", LUNs: 32, Paths: 1} || cell == measure.Cell{Op: "take-over", LUNs: 32, Paths: 2}
}

// effort is how much is measured.
type effort struct {
	rounds int
	// full asks for all rounds and all cells, however long they take.
	full bool
}

// of is how many rounds a program has that takes so long.
func (e effort) of(cell measure.Cell, name string, seconds float64) int {
	many := cell.LUNs >= manyLUNs
	switch {
	case many && name == fenceName:
		return 1
	case e.full || !many && seconds <= longSeconds:
		return e.rounds
	case hasGoal(cell) || many && name == ourName:
		return min(e.rounds, slowRounds)
	}
	return 1
}

// measure lets all programs do an operation, a round each in turn. It tells what it sees
// on the console.
func (c *contest) measure(cell measure.Cell, programs []contender, e effort) {
	c.t.Helper()
	out := map[string]bool{}
	leave := func(p contender, format string, args ...any) {
		out[p.name] = true
		say(measure.Line{Left: &measure.Left{Cell: cell, Tool: p.name, Why: fmt.Sprintf(format, args...)}})
	}
	for round := range e.rounds {
		for _, p := range programs {
			if out[p.name] || cell.LUNs > p.most[cell.Op] {
				continue
			}
			r, err := c.run(cell, p, round)
			if err == nil && r.Seconds < warmSeconds && cell.LUNs < manyLUNs {
				r, err = c.run(cell, p, round)
			}
			if err != nil && p.name == ourName {
				c.t.Fatal(err)
			}
			if err != nil {
				leave(p, "%v", err)
				continue
			}
			say(measure.Line{Run: &r})
			if done := round + 1; done < e.rounds && done >= e.of(cell, p.name, r.Seconds) {
				leave(p, "%d of %d rounds, for one takes %.1f s here", done, e.rounds, r.Seconds)
			}
		}
	}
}

// say prints a line for the program that compares.
func say(l measure.Line) { fmt.Fprintln(os.Stdout, l) }
