//go:build lab

package guest

import (
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestSgPersistCommands counts the SCSI commands of both programs: ours never sends more.
// It also shows what they are, so that a change is seen.
func TestSgPersistCommands(t *testing.T) {
	NeedLunguard(t, "sg_persist")
	w := newTwins(t, "commands", productSide(), 1, nil)
	w.reset(t)
	for _, inv := range parseStory(t, `
1! -n -o -G -S a1 @
1! -n -k @
1! -k @
1! -n -r @
1! -n -s @
1! -n -c @
1! @
1! -n -k -H -y @
1! -n -o -R -K a1 -T 5 @
1! -n -o -R -K bad -T 5 @
1! -n -o -M -K a1 -S a2 -X $2 -Q 1 @
1! -n -o -I -S a1 @
1! -o -C -K a1 @`) {
		cost := w.countBoth(t, inv)
		t.Logf("%-40s %x", inv.line, cost[1])
		if len(cost[1]) > len(cost[0]) {
			t.Errorf("%s: %d commands, the original sends %d: %x, %x", inv.line, len(cost[1]), len(cost[0]), cost[1], cost[0])
		}
		for i := range cost {
			if len(cost[i]) == 0 {
				t.Errorf("%s: nothing was seen of %s", inv.line, w.sides[i].name)
			}
		}
		if fmt.Sprint(cost[0]) != fmt.Sprint(cost[1]) {
			t.Errorf("%s: commands %x, the original's are %x", inv.line, cost[1], cost[0])
		}
	}
}

// countBoth runs both programs and returns the CDBs that they have sent.
func (w *twins) countBoth(t *testing.T, inv *invocation) (cdbs [2][][]byte) {
	t.Helper()
	ForgetCommands(t)
	results := w.runBoth(t, inv)
	if results[0] != results[1] {
		t.Errorf("%s: %v, the original: %v", inv.line, results[1], results[0])
	}
	for _, c := range w.actors[inv.actor].node.Commands(t) {
		cdbs[c.LUN] = append(cdbs[c.LUN], c.CDB)
	}
	return cdbs
}

// mostFaults is how many times the page faults of the C program ours may have: the work of
// starting, whatever else the machine does.
const mostFaults = 3

// TestSgPersistStartUp compares what both programs take for next to nothing.
func TestSgPersistStartUp(t *testing.T) {
	NeedLunguard(t, "sg_persist")
	const rounds = 50
	w := newTwins(t, "startup", productSide(), 1, nil)
	n := w.actors["1"].node
	var took [3][]time.Duration
	var faults [3][]int64
	for range rounds {
		for i, argv := range [][]string{
			{original + "/bin/sg_persist", "-n", "-k", n.Disk(0, 0)},
			{appletDir + "/sg_persist", "-n", "-k", n.Disk(0, 0)},
			{"/bin/true"},
		} {
			cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
			cmd.Env = append(n.Env(), w.sides[0].env...)
			start := time.Now()
			out, err := cmd.CombinedOutput()
			took[i] = append(took[i], time.Since(start))
			if err != nil {
				t.Fatalf("%q: %v, %s", argv, err, out)
			}
			faults[i] = append(faults[i], cmd.ProcessState.SysUsage().(*syscall.Rusage).Minflt)
		}
	}
	// What else the machine does only adds.
	least := func(i int) (time.Duration, int64) { return slices.Min(took[i]), slices.Min(faults[i]) }
	theirs, theirFaults := least(0)
	ours, ourFaults := least(1)
	nothing, _ := least(2)
	t.Logf("the least of %d: 1.48 %v, ours %v, /bin/true %v; ratio %.2f; page faults %d and %d", rounds,
		theirs, ours, nothing, float64(ours)/float64(theirs), theirFaults, ourFaults)
	if ourFaults > mostFaults*theirFaults {
		t.Errorf("ours has %d page faults, the original %d", ourFaults, theirFaults)
	}
}
