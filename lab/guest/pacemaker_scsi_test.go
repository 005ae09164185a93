//go:build lab

package guest

import (
	"fmt"
	"testing"
	"time"
)

// TestPacemakerScsi counts what fence_scsi makes of the same splits: nothing is tested but
// that the comparison was made.
func TestPacemakerScsi(t *testing.T) {
	rounds := needEngine(t)
	useNewerFenceScsi(t)
	both, one, none := 0, 0, 0
	e := dropIn(t, "fence_scsi")
	for round := range rounds {
		switch winners := e.contest(t); {
		case winners == len(e.nodes):
			both++
		case winners > 0:
			one++
		default:
			none++
		}
		t.Logf("round %d: both fenced the other one with success in %d, one in %d, none in %d", round+1, both, one, none)
		e.rebootAll(t)
	}
	fmt.Printf("LAB-SPLIT agent=fence_scsi rounds=%d both=%d one=%d none=%d\n", rounds, both, one, none)
}

// contest cuts the link, and counts the nodes whose Pacemaker has fenced the other one with
// success before the time is over: longer than any agent was seen to need for a second try.
func (e *Engine) contest(t *testing.T) (winners int) {
	t.Helper()
	before := map[*Member]int{}
	for _, m := range e.nodes {
		before[m], _ = m.asked(t)
	}
	for _, m := range e.nodes {
		must(t, m.isolate(true))
	}
	const patience = 90 * time.Second
	for begin := time.Now(); time.Since(begin) < patience && winners < len(e.nodes); time.Sleep(enginePause) {
		winners = 0
		for _, m := range e.nodes {
			if done, _ := m.asked(t); done > before[m] {
				winners++
			}
		}
	}
	e.join(t)
	return winners
}

// rebootAll is the end of all nodes, with what they have on the LUNs, and a new beginning.
func (e *Engine) rebootAll(t *testing.T) {
	t.Helper()
	for _, m := range e.nodes {
		must(t, m.powerOff())
	}
	for _, disk := range e.disks()[:e.Shared] {
		const outsider = "abc123"
		must(t, runAll([][]string{
			{debianSgPersist, "-n", "-o", "-I", "-S", outsider, disk},
			{debianSgPersist, "-n", "-o", "-C", "-K", outsider, disk},
		}))
	}
	for _, m := range e.nodes {
		must(t, m.powerOn())
	}
	e.together(t)
}
