//go:build lab

package guest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// rounds is how often the tests here try their luck.
const rounds = 16

// TestKilledHalfWay kills starts and take-overs at changing moments. Whatever is left, a
// LUN that was reserved still is, the next start puts everything right, whichever node runs
// it, and a halt leaves nothing.
func TestKilledHalfWay(t *testing.T) {
	c := rawCluster(t, 3)
	nodes := [2]*Node{c.jack3, c.jack4}
	random := rand.New(rand.NewPCG(3, 4)) // the same moments in every run, as far as the machine is
	whole := timed(t, c.jack3)
	halfWay := 0
	for round := range rounds {
		victim, other := nodes[round%2], nodes[(round+1)%2]
		takeover := round%4 >= 2
		if takeover {
			other.MustRun(t, "pr_start", "pkg1")
		}
		before := c.owners(t)
		moment := killStart(t, victim, round, time.Duration(random.Float64()*float64(whole)))
		left := c.owners(t)
		t.Logf("round %d: %s killed %s: %v -> %v", round, victim.Name, moment, before, left)
		if !slices.Equal(left, before) && !allOwned(left, victim.Name) {
			halfWay++
		}
		if takeover && slices.ContainsFunc(left, func(s string) bool { return !strings.HasPrefix(s, "jack") }) {
			t.Errorf("round %d: a LUN is no longer reserved: %v", round, left)
		}
		repairer, next := victim, other
		if round%3 == 2 {
			repairer, next = other, victim
		}
		repairer.MustRun(t, "pr_start", "pkg1")
		c.wantOwners(t, repairer.Name)
		next.MustRun(t, "pr_start", "pkg1")
		c.wantOwners(t, next.Name)
		next.MustRun(t, "pr_halt", "pkg1")
		c.wantOwners(t, "")
	}
	c.wantNothing(t)
	if halfWay < rounds/4 {
		t.Errorf("only %d of %d starts were killed half-way: the test proves too little", halfWay, rounds)
	}
}

// timed tells how long a start takes here, and undoes it.
func timed(t *testing.T, n *Node) time.Duration {
	t.Helper()
	begin := time.Now()
	n.MustRun(t, "pr_start", "pkg1")
	took := time.Since(begin)
	n.MustRun(t, "pr_halt", "pkg1")
	return took
}

// killStart starts the package and kills that, in even rounds when it has told a number of
// commands, else after a time.
func killStart(t *testing.T, n *Node, round int, after time.Duration) string {
	t.Helper()
	if round%2 == 0 {
		lines := 1 + round/2%6
		n.Start(t, func(p *Process, line int) {
			if line == lines {
				p.Kill()
			}
		}, "pr_start", "-v", "pkg1").Wait(t)
		return fmt.Sprintf("at command %d", lines)
	}
	p := n.Start(t, nil, "pr_start", "pkg1")
	time.Sleep(after)
	p.Kill()
	p.Wait(t)
	return fmt.Sprintf("after %v", after.Round(time.Millisecond))
}

// owners tells in a word for each LUN of the package who has it by Debian's sg_persist: the
// holder, "" for nobody, and "+" with the nodes that are registered besides.
func (c *cluster) owners(t *testing.T) []string {
	t.Helper()
	names := map[string]string{c.jack3.IQN(): "jack3", c.jack4.IQN(): "jack4"}
	var list []string
	for i, answer := range sgPersistAll(t, c.watched(), "--read-full-status") {
		holder, others := "", ""
		for _, r := range parseFullStatus(t, answer[0]) {
			switch name := names[r.Initiator]; {
			case name == "" || r.Holder && r.Type != TypeWERO:
				t.Errorf("LUN %d: unexpected registration %+v", c.luns[i], r)
			case r.Holder:
				holder = name
			default:
				others += "+" + name
			}
		}
		list = append(list, holder+others)
	}
	return list
}

func allOwned(owners []string, name string) bool {
	return !slices.ContainsFunc(owners, func(s string) bool { return s != name })
}

// wantOwners checks that all LUNs have one owner and no other registrant, or that nobody is
// registered at all.
func (c *cluster) wantOwners(t *testing.T, name string) {
	t.Helper()
	if got := c.owners(t); !allOwned(got, name) {
		t.Errorf("the LUNs belong to %q, want %q", got, name)
	}
}

// TestTwoStarts starts the package on both nodes at once. One of them gets all LUNs and
// says so. The other says who won and leaves nothing, or had been done before the winner
// began to take over.
func TestTwoStarts(t *testing.T) {
	c := rawCluster(t, 3)
	random := rand.New(rand.NewPCG(5, 6))
	whole := timed(t, c.jack3)
	count := map[string]int{}
	for round := range rounds {
		ForgetCommands(t)
		first, second := c.jack3, c.jack4
		if round%2 == 1 {
			first, second = second, first
		}
		// From the same moment to one after the other.
		lead := time.Duration(random.Float64() * float64(whole) * float64(round) / rounds)
		p := first.Start(t, nil, "pr_start", "-v", "pkg1")
		time.Sleep(lead)
		q := second.Start(t, nil, "pr_start", "-v", "pkg1")
		results := map[*Node]Result{first: p.Wait(t), second: q.Wait(t)}
		got := c.owners(t)
		outcome := c.judge(t, got, results)
		t.Logf("round %d: %s, %v after %s: %v, %s", round, second.Name, lead.Round(time.Millisecond), first.Name, got, outcome)
		if t.Failed() {
			t.Fatalf("%s:\n%v\n%s:\n%v", first.Name, results[first], second.Name, results[second])
		}
		count[outcome]++
		for _, n := range []*Node{first, second} {
			n.MustRun(t, "pr_halt", "pkg1")
		}
		c.wantOwners(t, "")
	}
	t.Logf("outcomes: %v", count)
}

// judge checks one round of TestTwoStarts and says in a word how it went.
func (c *cluster) judge(t *testing.T, owners []string, results map[*Node]Result) string {
	t.Helper()
	winner, loser := c.jack3, c.jack4
	if owners[0] == loser.Name {
		winner, loser = loser, winner
	}
	if !allOwned(owners, winner.Name) {
		t.Errorf("the LUNs belong to %v", owners)
		return "split"
	}
	if results[winner].Exit != 0 {
		t.Errorf("%s has all LUNs, but its exit status is %d", winner.Name, results[winner].Exit)
	}
	switch results[loser].Exit {
	case 0:
		if !c.overtaken(t, loser, winner) {
			t.Errorf("%s had not finished when %s took over, and said ok", loser.Name, winner.Name)
		}
		return "taken over"
	case 1:
		if !strings.Contains(results[loser].Stderr, winner.Name) {
			t.Errorf("%s does not say that %s won", loser.Name, winner.Name)
		}
		return "lost"
	default:
		t.Errorf("exit status %d of %s", results[loser].Exit, loser.Name)
		return "failed"
	}
}

// overtaken reports whether a node's last command, by which it made sure, was sent before
// another node removed it from the arbiter, by the kernel's own record.
func (c *cluster) overtaken(t *testing.T, loser, winner *Node) bool {
	t.Helper()
	commands := loser.Commands(t)
	if len(commands) == 0 {
		return false
	}
	sure := commands[len(commands)-1].Time
	return slices.ContainsFunc(winner.Commands(t), func(k Command) bool {
		return k.isPreempt() && k.LUN == c.arbiter() && k.Time > sure
	})
}

// arbiter is the LUN with the lowest WWID.
func (c *cluster) arbiter() int {
	return slices.MinFunc(c.luns, func(a, b int) int { return strings.Compare(c.array.WWID(a), c.array.WWID(b)) })
}

// TestResetInStart resets the LUNs, as another host's error recovery would, again and again
// while a package is started. Each reset is a unit attention to everybody. There is no
// take-over here: LIO has hung in one that met a reset.
func TestResetInStart(t *testing.T) {
	c := rawCluster(t, 3)
	for round, n := range []*Node{c.jack3, c.jack4, c.jack3, c.jack4} {
		storm := startResets(c.watcher, c.luns)
		r := n.Run(t, "pr_start", "-v", "pkg1")
		resets, err := storm.stop()
		if err != nil {
			t.Error(err)
		}
		t.Logf("round %d: %d resets, %d commands", round, resets, sentCount(t, r.Stdout))
		wantExit(t, r, 0)
		c.wantOwner(t, n)
		n.MustRun(t, "pr_halt", "pkg1")
		c.wantOwners(t, "")
	}
}

// resetStorm resets LUNs until it is stopped.
type resetStorm struct {
	halt   chan struct{}
	done   chan error
	resets int // valid once done has told the end
}

// startResets returns when each LUN has been reset once.
func startResets(n *Node, luns []int) *resetStorm {
	s := &resetStorm{halt: make(chan struct{}), done: make(chan error, 1)}
	first := make(chan struct{})
	go func() {
		defer func() {
			if s.resets < len(luns) {
				close(first)
			}
		}()
		for {
			for _, lun := range luns {
				select {
				case <-s.halt:
					s.done <- nil
					return
				default:
				}
				if err := n.cleanUp("sg_reset", "--device", n.Disk(lun, 0)); err != nil {
					s.done <- err
					return
				}
				if s.resets++; s.resets == len(luns) {
					close(first)
				}
			}
		}
	}()
	<-first
	return s
}

// stop ends the storm and tells how many resets it was.
func (s *resetStorm) stop() (int, error) {
	close(s.halt)
	err := <-s.done
	return s.resets, err
}
