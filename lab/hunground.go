package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"lunguard/lab/hung"
)

// hungVariant is a way to take LUNs from a node that hangs.
type hungVariant struct {
	name, pkg string
	luns      []int
	shared    bool   // both nodes have the package up, and write
	typ       string // of its reservations, as the witness tells it
}

// hungVariants are the two kinds of packages, in the order of the rounds.
func hungVariants() [2]hungVariant {
	return [2]hungVariant{
		{name: "failover", pkg: "pkg1", luns: []int{0, 1}, typ: typeWERO},
		{name: "multi-node", pkg: "pkg2", luns: []int{2, 3}, shared: true, typ: typeWERO},
	}
}

// hungTurns are the kinds of the rounds: the node of several is fenced at the end.
func hungTurns() []hungVariant {
	v := hungVariants()
	return v[:1]
}

// typeWERO is sg_persist's name of the reservation that all packages use.
const typeWERO = "Write Exclusive, registrants only"

// nodeKey is the key that the config gives a node.
func nodeKey(g *hungGuest) uint64 {
	return map[string]uint64{hung.Jack3: 0xbcb00001, hung.Jack4: 0xbcb00002}[g.name]
}

// hungRound is one hang of a node.
type hungRound struct {
	*hungLab
	hungVariant
	number     uint32
	owner, new *hungGuest  // who hangs, who takes over
	rings      []hung.Ring // that the owner writes and the new owner overwrites
	own        []hung.Ring // that only the new owner writes, all the time
	log        transcript

	stopped time.Duration // how long the owner was stopped
}

// newRound chooses who hangs: the nodes take turns, and then the kinds do.
func (l *hungLab) newRound(number uint32) *hungRound {
	r := l.roundOf(l.turns[int(number-1)/2%len(l.turns)], number)
	if number%2 == 0 {
		r.owner, r.new = r.new, r.owner
	}
	return r
}

// roundOf is a round in which jack3 hangs.
func (l *hungLab) roundOf(v hungVariant, number uint32) *hungRound {
	r := &hungRound{hungLab: l, number: number, hungVariant: v, owner: l.jack3, new: l.jack4}
	if r.shared {
		r.own = []hung.Ring{{LUN: r.luns[0], Index: 2}}
	}
	for _, lun := range r.luns {
		r.rings = append(r.rings, hung.Ring{LUN: lun, Index: 0}, hung.Ring{LUN: lun, Index: 1})
	}
	return r
}

// notKnown is what a fence says that cannot make sure.
const notKnown = "it is not known whether the commands of a node that was removed are over"

// fence lets a node of several hang for as long as it takes to fence it. Its session
// stays at a target that does not ask whether the initiator is alive, so the target
// cannot end the writes that it waits for, and does not answer LOGICAL UNIT RESET. The
// node is removed from the arbiter all the same; who fences it says that more is not known.
func (l *hungLab) fence(ctx context.Context, number uint32) error {
	r := l.roundOf(l.variants[1], number)
	err := r.fenceHung(ctx)
	if err != nil || l.verbose {
		err = errors.Join(err, r.log.writeTo(l.stdout))
	}
	return err
}

func (r *hungRound) fenceHung(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.owner.freeze(); err != nil {
		return err
	}
	reply, err := r.new.call(ctx, hung.Request{Op: hung.OpRun, Args: []string{"pr_fence", "-v", r.owner.name, r.pkg}})
	r.log.event("pr_fence: exit status %d\n%s%s", reply.Exit, reply.Stdout, reply.Stderr)
	if err != nil {
		return errors.Join(err, r.owner.thaw())
	}
	// 0 if no write of the node's was under way just then.
	if reply.Exit != 0 && (reply.Exit != 2 || !strings.Contains(reply.Stderr, notKnown)) {
		return errors.Join(fmt.Errorf("pr_fence ends with %d and does not say that %s: %s", reply.Exit, notKnown, reply.Stderr), r.owner.thaw())
	}
	seen, err := r.target.call(ctx, hung.Request{Op: hung.OpWitness, LUNs: r.luns})
	// The arbiter comes first, and nothing else before it is done.
	if err == nil && (slices.Contains(seen.LUNs[0].Keys, nodeKey(r.owner)) || seen.LUNs[0].Holder&^(1<<62) != nodeKey(r.new)) {
		err = fmt.Errorf("LUN %d after the fence:\n%s", r.luns[0], strings.Join(seen.LUNs[0].Text, "\n"))
	}
	return errors.Join(err, r.owner.thaw())
}

// round lets the owner hang, the other node take over, and the owner go on.
func (l *hungLab) round(ctx context.Context, number uint32) error {
	start := time.Now()
	r := l.newRound(number)
	line, err := r.play(ctx)
	if err != nil || l.verbose || number == 1 {
		fmt.Fprintf(l.stdout, "--- transcript of round %d\n", number)
		err = errors.Join(err, r.log.writeTo(l.stdout))
		fmt.Fprintln(l.stdout, "---")
	}
	if err == nil {
		fmt.Fprintf(l.stdout, "round %2d: %-10s %s -> %s: %s, round %.1f s\n",
			number, r.name, r.owner.name, r.new.name, line, time.Since(start).Seconds())
	}
	return err
}

// play does a round and tells in a line what was seen.
func (r *hungRound) play(ctx context.Context) (string, error) {
	if err := r.begin(ctx); err != nil {
		return "", err
	}
	clock, err := r.owner.call(ctx, hung.Request{Op: hung.OpClock})
	if err != nil {
		return "", err
	}
	read := time.Now()
	instant := time.Duration(r.random.Int64N(int64(300 * time.Millisecond)))
	if err := pause(ctx, instant); err != nil {
		return "", err
	}
	if err := r.owner.freeze(); err != nil {
		return "", err
	}
	stopped := time.Now()
	r.log.event("%s's machine is stopped, %d ms after all its counters were running", r.owner.name, instant.Milliseconds())
	found, err := r.takeOverNow(ctx)
	if err != nil {
		return "", err
	}
	took := time.Since(stopped)
	before, err := r.witness(ctx)
	if err != nil {
		return "", err
	}
	r.log.event("the witness, on %s, of LUN %d:\n%s", r.target.name, r.luns[0], strings.Join(before[0].Text, "\n"))
	r.stopped = time.Since(stopped)
	if err := r.owner.thaw(); err != nil {
		return "", err
	}
	r.log.event("%s's machine goes on, after %d ms", r.owner.name, r.stopped.Milliseconds())
	fates, err := r.owner.call(ctx, hung.Request{Op: hung.OpFate, Rings: r.rings})
	if err != nil {
		return "", err
	}
	late, err := r.judge(fates.Fates, found)
	if err != nil {
		return "", err
	}
	now, err := r.owner.call(ctx, hung.Request{Op: hung.OpClock})
	if err != nil {
		return "", err
	}
	clockWent := time.Duration(now.Clock.Monotonic-clock.Clock.Monotonic) * time.Millisecond
	lag := time.Since(read) - clockWent
	r.clockLag = max(r.clockLag, lag)
	r.takeOver = max(r.takeOver, took)
	if err := r.aftermath(ctx, before); err != nil {
		return "", err
	}
	return fmt.Sprintf("stopped after %3d ms for %4d ms, taken over and written in %4d ms, %s, clock lag %d ms",
		instant.Milliseconds(), r.stopped.Milliseconds(), took.Milliseconds(), late, lag.Milliseconds()), nil
}

// begin makes the owner own the LUNs and write.
func (r *hungRound) begin(ctx context.Context) error {
	if _, err := r.log.run(ctx, r.owner, 0, "pr_start", r.pkg); err != nil {
		return err
	}
	if r.shared {
		if _, err := r.log.run(ctx, r.new, 0, "pr_start", r.pkg); err != nil {
			return err
		}
		if _, err := r.new.call(ctx, hung.Request{Op: hung.OpWrite, Rings: r.own, Round: r.number}); err != nil {
			return err
		}
	}
	r.log.event("%s counts, with O_DIRECT and without a pause, in %d rings of %d blocks on LUNs %v",
		r.owner.name, len(r.rings), hung.RingBlocks, r.luns)
	_, err := r.owner.call(ctx, hung.Request{Op: hung.OpWrite, Rings: r.rings, Round: r.number})
	return err
}

// takeOverNow takes the LUNs from the stopped node, looks what the disks hold, and writes
// over it. It returns what they held.
func (r *hungRound) takeOverNow(ctx context.Context) ([][]hung.Block, error) {
	command := []string{"pr_start", "-v", r.pkg}
	if r.shared {
		command = []string{"pr_fence", "-v", r.owner.name, r.pkg}
	}
	if _, err := r.log.run(ctx, r.new, 0, command...); err != nil {
		return nil, err
	}
	found, err := r.target.call(ctx, hung.Request{Op: hung.OpRead, Rings: r.rings})
	if err != nil {
		return nil, err
	}
	if _, err := r.new.call(ctx, hung.Request{Op: hung.OpFill, Rings: r.rings, Round: r.number}); err != nil {
		return nil, err
	}
	r.log.event("%s has written its pattern over %s's blocks", r.new.name, r.owner.name)
	return found.Blocks, r.readBack(ctx, r.new, r.target)
}

// readBack checks that the machines read the new owner's pattern: nodes through their
// disks, the target from its files.
func (r *hungRound) readBack(ctx context.Context, guests ...*hungGuest) error {
	for _, g := range guests {
		reply, err := g.call(ctx, hung.Request{Op: hung.OpRead, Rings: r.rings})
		if err != nil {
			return err
		}
		for i, blocks := range reply.Blocks {
			if err := hung.CheckPattern(blocks, r.number); err != nil {
				return fmt.Errorf("as %s reads %v: %w", g.name, r.rings[i], err)
			}
		}
		r.log.event("%s reads what %s has written, in all %d blocks", g.name, r.new.name, len(r.rings)*hung.RingBlocks)
	}
	return nil
}

// witness asks sg_persist whether all LUNs of the package are the new owner's alone.
func (r *hungRound) witness(ctx context.Context) ([]hung.State, error) {
	reply, err := r.target.call(ctx, hung.Request{Op: hung.OpWitness, LUNs: r.luns})
	if err != nil {
		return nil, err
	}
	if len(reply.LUNs) != len(r.luns) {
		return nil, fmt.Errorf("the witness tells of %d LUNs", len(reply.LUNs))
	}
	key := nodeKey(r.new)
	for i, s := range reply.LUNs {
		if !slices.Equal(s.Keys, []uint64{key}) || s.Holder != key || s.Type != r.typ {
			return nil, fmt.Errorf("LUN %d is not %s's alone:\n%s", r.luns[i], r.new.name, strings.Join(s.Text, "\n"))
		}
	}
	return reply.LUNs, nil
}

// judge compares what the owner was told of its writes with what the disks held when they
// were taken over.
func (r *hungRound) judge(fates []hung.Fate, found [][]hung.Block) (string, error) {
	if len(fates) != len(r.rings) || len(found) != len(r.rings) {
		return "", fmt.Errorf("%d fates and %d rings, want %d", len(fates), len(found), len(r.rings))
	}
	var acked uint64
	unanswered, underWay, refused := 0, 0, 0
	seen := map[string]int{}
	for i, f := range fates {
		last, err := hung.CheckLog(found[i], r.number, f.Acked)
		if err != nil {
			return "", fmt.Errorf("%v, when it was taken over: %w", r.rings[i], err)
		}
		if f.Error == "" {
			return "", fmt.Errorf("%v: %s's counter ended without an error", r.rings[i], r.owner.name)
		}
		words := strings.Split(f.Error, ": ")
		reason := words[len(words)-1]
		r.log.event("%s's counter in %v: %d writes acknowledged, the disk held %d; the next: %s",
			r.owner.name, r.rings[i], f.Acked, last, f.Error)
		acked += f.Acked
		unanswered += int(last - f.Acked)
		if f.Slowest >= r.stopped.Milliseconds() {
			underWay++
		}
		if f.Failed >= r.stopped.Milliseconds() {
			refused++
		}
		seen[reason]++
		r.errors[reason]++
	}
	r.writes += acked
	r.unanswered += unanswered
	r.underWay += underWay
	r.refused += refused
	var late []string
	for reason, n := range seen {
		late = append(late, fmt.Sprintf("%dx %q", n, reason))
	}
	slices.Sort(late)
	return fmt.Sprintf("%3d writes acknowledged (+%d), %d under way, %d of them refused, then %s",
		acked, unanswered, underWay, refused, strings.Join(late, ", ")), nil
}

// aftermath is the time in which the old owner does harm, if it can.
func (r *hungRound) aftermath(ctx context.Context, before []hung.State) error {
	for _, lun := range r.luns {
		dd := []string{"dd", "if=/dev/zero", "of=" + r.owner.disks[lun], "bs=4k", "count=1",
			fmt.Sprintf("seek=%d", r.rings[0].Offset(0)/hung.BlockSize), "oflag=direct", "conv=notrunc", "status=none"}
		reply, err := r.log.run(ctx, r.owner, 1, dd...)
		if err != nil {
			return err
		}
		if !strings.Contains(reply.Stderr, "Invalid exchange") {
			return fmt.Errorf("%s: the late write was refused with other words: %s", r.owner.name, reply.Stderr)
		}
	}
	if _, err := r.log.run(ctx, r.owner, 0, "pr_halt", "-v", r.pkg); err != nil {
		return err
	}
	after, err := r.witness(ctx)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(after, before) {
		return fmt.Errorf("%s's late pr_halt has changed something:\nbefore %+v\nafter  %+v", r.owner.name, before, after)
	}
	r.log.event("the witness says the same of all LUNs as before %s went on", r.owner.name)
	if err := r.readBack(ctx, r.target, r.new, r.owner); err != nil {
		return err
	}
	if r.shared {
		return r.survivor(ctx)
	}
	return nil
}

// survivor checks that the fence did not disturb the writes of the node that did it.
func (r *hungRound) survivor(ctx context.Context) error {
	reply, err := r.new.call(ctx, hung.Request{Op: hung.OpStop, Rings: r.own})
	if err != nil {
		return err
	}
	found, err := r.target.call(ctx, hung.Request{Op: hung.OpRead, Rings: r.own})
	if err != nil {
		return err
	}
	for i, f := range reply.Fates {
		if f.Error != "" {
			return fmt.Errorf("a write of %s, which fenced, failed: %s", r.new.name, f.Error)
		}
		if last, err := hung.CheckLog(found.Blocks[i], r.number, f.Acked); err != nil || last != f.Acked {
			return fmt.Errorf("%s, which fenced, was acknowledged %d, the disk has %d: %w", r.new.name, f.Acked, last, err)
		}
		r.log.event("%s has made %d writes of its own meanwhile, without an error", r.new.name, f.Acked)
	}
	return nil
}

// pause waits, unless the test ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// transcript is what was done, as a terminal would show it.
type transcript struct{ text strings.Builder }

// run runs a command on a guest, which has to end with an exit status.
func (t *transcript) run(ctx context.Context, g *hungGuest, status int, args ...string) (hung.Reply, error) {
	r, err := g.call(ctx, hung.Request{Op: hung.OpRun, Args: args})
	fmt.Fprintf(&t.text, "%s# %s\n%s%s", g.name, strings.Join(args, " "), r.Stdout, r.Stderr)
	if r.Exit != 0 {
		fmt.Fprintf(&t.text, "[exit status %d]\n", r.Exit)
	}
	if err == nil && r.Exit != status {
		err = fmt.Errorf("%s: %s: exit status %d, want %d: %s", g.name, strings.Join(args, " "), r.Exit, status, r.Stderr)
	}
	return r, err
}

// event notes what did not come from a command.
func (t *transcript) event(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...) + "\n") {
		t.text.WriteString("  -- " + line)
	}
}

// writeTo prints the transcript.
func (t *transcript) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, t.text.String())
	return err
}
