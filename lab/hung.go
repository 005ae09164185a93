package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"lunguard/lab/hung"
	"lunguard/lab/machine"
)

// hungTest is the name under which -run finds the hung-node test.
const hungTest = "TestHungNode"

// hungRounds is how often a node hangs, unless -rounds says otherwise.
const hungRounds = 20

// hungLab is the laboratory of three machines.
type hungLab struct {
	target       *hungGuest
	jack3, jack4 *hungGuest
	variants     [2]hungVariant
	turns        []hungVariant // of the rounds
	words        []string      // more for the target's kernel
	random       *rand.Rand
	stdout       io.Writer
	verbose      bool // print the transcript of all rounds

	writes     uint64         // acknowledged to those who were stopped, before or after
	unanswered int            // writes that took place without having been acknowledged
	underWay   int            // writes that began before a stop and ended after it
	refused    int            // those of them that were refused
	errors     map[string]int // of late writes
	takeOver   time.Duration  // the longest
	clockLag   time.Duration  // the most that a guest's clock missed of a round
}

// runHung boots the three machines, hangs nodes, and returns nil if nothing was lost.
func runHung(ctx context.Context, m machine.Machine, o options, stdout, stderr io.Writer) (err error) {
	runtime.LockOSThread() // see [machine.Machine.Command]
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	start := time.Now()
	if o.seed == 0 {
		o.seed = uint64(start.UnixNano())
	}
	fmt.Fprintf(stdout, "%s: %d rounds, -seed %d\n", hungTest, o.rounds, o.seed)
	l := newHungLab(hungVariants(), o, stdout)
	l.turns = hungTurns()
	if err := l.powerOn(ctx, m); err != nil {
		return errors.Join(err, l.shutDown(ctx, true, stderr))
	}
	defer func() { err = errors.Join(err, l.shutDown(ctx, err != nil, stderr)) }()
	if err := l.prepare(ctx, hung.OpPrepare); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "lab: three guests ready %.1f s after power-on\n", time.Since(start).Seconds())
	first := time.Now()
	for number := range o.rounds {
		if err := l.round(ctx, uint32(number+1)); err != nil {
			return fmt.Errorf("%s: round %d, -seed %d: %w", hungTest, number+1, o.seed, err)
		}
	}
	if err := l.finish(ctx); err != nil {
		return fmt.Errorf("%s: after the last round: %w", hungTest, err)
	}
	// Last, because the kernel of who fences gives its path up.
	if err := l.fence(ctx, uint32(o.rounds+1)); err != nil {
		return fmt.Errorf("%s: the fence: %w", hungTest, err)
	}
	fmt.Fprintln(stdout, l.summary(o.rounds, time.Since(first)))
	if o.rounds >= hungRounds/2 && l.refused == 0 {
		return fmt.Errorf("%s: no write that was under way during a stop was refused: the test proves too little", hungTest)
	}
	return nil
}

// newHungLab makes what conducts rounds.
func newHungLab(variants [2]hungVariant, o options, stdout io.Writer) *hungLab {
	return &hungLab{variants: variants, turns: variants[:], random: rand.New(rand.NewPCG(o.seed, 0)), stdout: stdout,
		verbose: o.verbose, errors: map[string]int{}}
}

// wantHung reports whether the hung-node test is among what was asked for.
func wantHung(o options) (bool, error) {
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return false, fmt.Errorf("-run: %w", err)
	}
	return (o.only == "" || o.only == onlyHung) && !o.noBinary && pattern.MatchString(hungTest), nil
}

// powerOn starts the three machines and waits for their first words.
func (l *hungLab) powerOn(ctx context.Context, m machine.Machine) error {
	var targetEnds, nodeEnds []*os.File
	for range 2 {
		a, b, err := socketPair()
		if err != nil {
			closeAll(append(targetEnds, nodeEnds...))
			return err
		}
		targetEnds, nodeEnds = append(targetEnds, a), append(nodeEnds, b)
	}
	var errs [3]error
	l.jack3, errs[1] = startHungGuest(ctx, m, hung.Jack3, nodeEnds[:1])
	l.jack4, errs[2] = startHungGuest(ctx, m, hung.Jack4, nodeEnds[1:])
	m.Words = l.words
	l.target, errs[0] = startHungGuest(ctx, m, hung.Target, targetEnds)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	return each(l.guests(), func(g *hungGuest) error { return g.booted(ctx) })
}

// guests are the machines that were powered on.
func (l *hungLab) guests() []*hungGuest {
	return slices.DeleteFunc([]*hungGuest{l.target, l.jack3, l.jack4}, func(g *hungGuest) bool { return g == nil })
}

// prepare makes the LUNs, then the nodes that use them, by an operation.
func (l *hungLab) prepare(ctx context.Context, op hung.Op) error {
	if _, err := l.target.call(ctx, hung.Request{Op: op}); err != nil {
		return err
	}
	return each([]*hungGuest{l.jack3, l.jack4}, func(g *hungGuest) error {
		r, err := g.call(ctx, hung.Request{Op: op})
		g.disks = r.Disks
		return err
	})
}

// finish halts everything and checks that nothing is left.
func (l *hungLab) finish(ctx context.Context) error {
	var log transcript
	for _, v := range l.variants {
		for _, node := range []*hungGuest{l.jack3, l.jack4} {
			if _, err := log.run(ctx, node, 0, "pr_halt", v.pkg); err != nil {
				return errors.Join(err, log.writeTo(l.stdout))
			}
		}
		r, err := l.target.call(ctx, hung.Request{Op: hung.OpWitness, LUNs: v.luns})
		if err != nil {
			return err
		}
		for _, s := range r.LUNs {
			if len(s.Keys) != 0 || s.Holder != 0 {
				return fmt.Errorf("%s: something is left after the last halt:\n%s", v.pkg, strings.Join(s.Text, "\n"))
			}
		}
	}
	return nil
}

// summary is what was seen in all rounds.
func (l *hungLab) summary(rounds int, took time.Duration) string {
	var late []string
	for _, text := range slices.Sorted(maps.Keys(l.errors)) {
		late = append(late, fmt.Sprintf("%dx %q", l.errors[text], text))
	}
	return fmt.Sprintf("%s: ok, %d rounds in %.1f s (%.1f s each); %d writes acknowledged and found, %d found only; "+
		"%d writes under way during a stop, %d of them refused; ends of the counters: %s; "+
		"longest take-over %d ms; clocks missed at most %d ms of a round",
		hungTest, rounds, took.Seconds(), took.Seconds()/float64(max(1, rounds)), l.writes, l.unanswered,
		l.underWay, l.refused, strings.Join(late, ", "), l.takeOver.Milliseconds(), l.clockLag.Milliseconds())
}

// powerOffLimit is how long a machine may take to go off.
const powerOffLimit = time.Minute

// shutDown ends the machines, nodes first, and shows their consoles after a failure.
func (l *hungLab) shutDown(ctx context.Context, failed bool, stderr io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, powerOffLimit)
	defer cancel()
	var errs []error
	for _, g := range slices.Backward(l.guests()) {
		// One that is stopped cannot end itself.
		errs = append(errs, g.thaw(), g.end(ctx, failed), g.kill())
	}
	err := errors.Join(errs...)
	if failed || err != nil {
		for _, g := range l.guests() {
			g.dumpConsole(stderr)
		}
	}
	return err
}
