//go:build lab

package guest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// asked is how often a node's Pacemaker has fenced another node with success, and how
// often in vain.
func (m *Member) asked(t *testing.T) (done, failed int) {
	t.Helper()
	count := func(pattern string) int {
		r, err := m.run("grep -cE '" + pattern + "' /var/log/pacemaker/pacemaker.log")
		must(t, err)
		n, err := strconv.Atoi(strings.TrimSpace(r.Stdout))
		must(t, err)
		return n
	}
	return count(`Operation .(off|reboot). .*targeting .* returned 0`), count(`Operation .(off|reboot). .*targeting .* returned [1-9]`)
}

// split cuts the link between two nodes: one of them has all LUNs afterwards, those of its
// own beside what is shared, and the other one nothing, however often it asks.
func (e *Engine) split(t *testing.T, own ...int) (winner, loser *Member) {
	t.Helper()
	before := map[*Member]int{}
	for _, m := range e.nodes {
		before[m], _ = m.asked(t)
	}
	for _, m := range e.nodes {
		must(t, m.isolate(true))
	}
	for begin := time.Now(); time.Since(begin) < engineWait && winner == nil; time.Sleep(enginePause) {
		for _, m := range e.nodes {
			if x, err := m.monitor(); err == nil && x.on(e.Resource) == m.Name && len(x.online()) == 1 && e.areIn(t, m) {
				winner, loser = m, e.nodes[2-m.number]
			}
		}
	}
	if winner == nil {
		t.Fatalf("nobody wins: keys %x\n%s\n%s", e.keysOf(t), e.nodes[0].logs(), e.nodes[1].logs())
	}
	t.Logf("%s wins", winner.Name)
	e.isOut(t, winner, loser, own...)
	var done, failed int
	for begin := time.Now(); time.Since(begin) < engineWait && failed < 2; time.Sleep(enginePause) {
		done, failed = loser.asked(t)
	}
	if done != before[loser] || failed < 2 {
		t.Errorf("the loser has fenced the winner %d times, and failed %d times\n%s", done-before[loser], failed, loser.logs())
	}
	e.wantIn(t, winner)
	e.quote(t, winner, loser)
	return winner, loser
}

// isOut checks that a node that was fenced changes nothing and writes nothing.
func (e *Engine) isOut(t *testing.T, winner, loser *Member, own ...int) {
	t.Helper()
	generations := e.generations(t)
	for range 2 {
		r, err := loser.run("fence_lunguard -o off -n " + winner.Name + " " + e.Devices)
		if err != nil || r.Exit != 1 || strings.Contains(r.Stdout, "Success") {
			t.Errorf("the loser fences the winner: %v, %v", r, err)
		}
		if r, err = loser.run("fence_lunguard -o on -n " + loser.Name + " " + e.Devices); err != nil || r.Exit != 1 {
			t.Errorf("the loser lets itself in: %v, %v", r, err)
		}
	}
	luns := own
	for lun := range e.Shared {
		luns = append(luns, lun)
	}
	for _, lun := range luns {
		if loser.write(lun) {
			t.Errorf("LUN %d: the loser can write", lun)
		}
		if !winner.write(lun) {
			t.Errorf("LUN %d: the winner cannot write", lun)
		}
	}
	if now := e.generations(t); now != generations {
		t.Errorf("the loser has changed something: PRGENERATION was %s, is %s", generations, now)
	}
}

// awaitRestart waits until a node that was fenced has heard of it: its member fails, another
// node fences it once more, and now it is there to be told. It comes back.
func (e *Engine) awaitRestart(t *testing.T, m *Member) {
	t.Helper()
	begin := time.Now()
	select {
	case <-m.ended:
		m.ended <- nil
		t.Logf("%s restarts itself after %.1f s", m.Name, time.Since(begin).Seconds())
	case <-time.After(engineWait):
		t.Fatalf("%s goes on\n%s", m.Name, m.logs())
	}
	e.restart(t, m)
}

// generations are those of what is shared.
func (e *Engine) generations(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, disk := range e.disks()[:e.Shared] {
		fmt.Fprint(&b, Witness(t, disk).Generation, " ")
	}
	return b.String()
}

// quote shows what both have logged of it.
func (e *Engine) quote(t *testing.T, members ...*Member) {
	t.Helper()
	for _, m := range members {
		r, err := m.run("grep -E 'fence_lunguard.*(stderr|error output)|ocf_lunguard|targeting' /var/log/pacemaker/pacemaker.log | tail -n 12")
		must(t, err)
		t.Logf("%s:\n%s", m.Name, r.Stdout)
	}
}

// join mends the link.
func (e *Engine) join(t *testing.T) {
	t.Helper()
	for _, m := range e.nodes {
		must(t, m.isolate(false))
	}
}
