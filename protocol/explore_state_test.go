package protocol

import (
	"testing"

	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi/simlun"
)

// The explorer visits every order in which the commands of several nodes can
// reach the LUNs, and everything that can go wrong on the way within a budget. A
// state is what the LUNs hold, the moment of each actor and what has become of
// the nodes; equal states are visited once. The search is breadth first, so the
// first schedule found that breaks a law is a shortest one.

const (
	mostActors = 3
	mostLUNs   = 2
	// mostCommands is how many an actor may need.
	mostCommands = 100
	// mostStates bounds the states of a scenario, unless it says otherwise.
	mostStates = 400_000
)

// world's mishaps that a scenario allows for.
type adversity struct {
	// faults is how many of the following there may be in one run: an answer
	// that is lost, the command being performed or not (always); a command that
	// is given up and performed at any later time (late); a path that dies for
	// good (paths); a unit attention out of nothing (attentions).
	faults                  int
	late, paths, attentions bool
	// newer is which unit attention of preempted registrants there is, 2A/05 or
	// 2A/03: they are one class. The other one is 29/00.
	newer bool
	// kills is how many actors may be killed, each before any command and while
	// a PREEMPT AND ABORT of its waits for the end of others' commands.
	kills int
}

// scenario is where a search begins.
type scenario struct {
	name        string
	typ         Mode
	luns, paths int
	// model is how many LUNs the nodes rely on at first: the others are new
	// and being copied to. 0 is all.
	model  int
	quirks simlun.Quirks
	// space, if not nil, says that the devices are NVMe namespaces, of this kind.
	space *simns.Quirks
	// kept is the type of reservations in shared mode, 0 for the usual one.
	kept pr.Type
	// prepare makes the state in which the actors find the LUNs.
	prepare func(*world)
	// up are the nodes that run the package there, on the LUNs in upOn if that is
	// not 0.
	up   []string
	upOn uint8
	// stranger is a node that belongs to no cluster, for all who act.
	stranger string
	actors   [][]verb
	adversity
	// limit bounds the states that are visited; 0 is mostStates.
	limit int

	world *world
}

// state is comparable: it is the key under which the search knows it.
type state struct {
	luns [mostLUNs]int32
	at   [mostActors]int32
	// ghost is a command that was given up and may still be performed: the
	// actor and the moment before it, 0 for none.
	ghost int32
	// waits has an entry for each actor with a PREEMPT AND ABORT that is not
	// answered yet: inAbort, and the nodes whose writes it waits for.
	waits [mostActors]nodes
	// up are the nodes that run the package on a LUN: they believe to be
	// protected there, and write. gone are those of them that somebody was told
	// are kept out; they do not know it.
	up, gone [mostLUNs]nodes
	// halted are the nodes whose halt said ok and that did nothing since.
	halted [mostLUNs]nodes
	// upset are the nodes against which something was begun by right.
	upset nodes
	// admits are the nodes that may be registered by the admitted hole.
	admits nodes
	// late are the nodes of which a command was performed late.
	late nodes
	// The following have a bit a verb. begun: it has changed something. cut: a
	// start that lost a registration by a fence of its node while it was under
	// way. beaten: a rival that was under way, too, has said ok.
	begun, cut, beaten uint8
	// dead are paths that are gone for good, hurt those with any other fault.
	dead, hurt    uint8
	faults, kills uint8
}

const inAbort nodes = 0x80

// Moments of an actor that was killed.
const killed int32 = -1

// move is what happens next.
type move uint8

const (
	// goes: the command is performed and answered. A PREEMPT AND ABORT that
	// takes writing nodes off is only begun by it, and finishes later.
	goes move = iota
	finishes
	// answerLost: performed, and the answer gets lost; neverDone: not performed.
	answerLost
	neverDone
	// isLate: given up, and performed later by ghostGoes, or never.
	isLate
	ghostGoes
	// pathDies: the path is gone, now and for all later commands (noPath).
	pathDies
	noPath
	// notSent: an earlier command of this host is still under way on the path.
	notSent
	attention2a03
	attention2a05
	attention2900
	isKilled
)

// step is what a command of a moment does to a LUN in some state.
type step struct {
	lun, moment int32
	err         error
	// done says that it was accepted and may have changed something.
	done bool
	// lost are the paths that are no longer registered.
	lost uint8
}

type explorer struct {
	*scenario
	facts   [mostLUNs][]*facts
	lunIDs  [mostLUNs]map[string]int32
	scratch []byte
	moments [mostActors][]*moment
	ids     [mostActors]map[digest]int32
	heard   [mostActors]map[heard]int32
	steps   [mostActors]map[uint64]step
	failed  [mostActors]map[uint64]int32

	table  table
	order  []state
	parent []int32
	by     []uint8 // move and actor
	verbs  []verb  // of all actors
	offset [mostActors]int
	buffer []byte // for data that comes in
	// tried are the ends from which recovery was tried.
	tried map[[mostLUNs + 1]int32]string
}

// begin makes the first state.
func (x *explorer) begin(t testing.TB) state {
	s := x.scenario
	if s.space != nil {
		s.world = newSpaces(t, s.luns, s.paths, *s.space)
	} else {
		s.world = newWorld(t, s.luns, s.paths, s.quirks)
	}
	s.world.mode, s.world.kept = s.typ, s.kept
	if s.prepare != nil {
		s.prepare(s.world)
	}
	var first state
	for i := range s.luns {
		x.lunIDs[i] = map[string]int32{}
		m := s.world.device(i)
		for _, verbs := range s.actors {
			for p := range s.paths {
				m.login(verbs[0].node, p)
			}
		}
		first.luns[i] = x.lun(i, m, 0)
		if relied := s.upOn == 0 && (s.model == 0 || i < s.model) || s.upOn&(1<<i) != 0; relied {
			for _, n := range s.up {
				first.up[i] |= bit(n)
			}
		}
	}
	for a, verbs := range s.actors {
		x.ids[a], x.steps[a], x.failed[a] = map[digest]int32{}, map[uint64]step{}, map[uint64]int32{}
		x.heard[a] = map[heard]int32{}
		x.offset[a] = len(x.verbs)
		x.verbs = append(x.verbs, verbs...)
		first.at[a] = x.moment(a, nil)
	}
	if len(x.verbs) > 8 {
		t.Fatal("more verbs than state.begun has room for")
	}
	return first
}

// heard is an answer that an actor gets at a moment.
type heard struct {
	moment int32
	answer digest
}

// moment names the moment that an actor comes to from another by an answer.
func (x *explorer) moment(actor int, from *moment, more ...answer) int32 {
	if from == nil {
		return x.played(actor, nil)
	}
	// Many states of a LUN give the same answer.
	h := heard{from.id, x.chain(digest{}, from.next.req, more[0])}
	id, known := x.heard[actor][h]
	if !known {
		id = x.played(actor, from, more...)
		x.heard[actor][h] = id
	}
	return id
}

func (x *explorer) played(actor int, from *moment, more ...answer) int32 {
	m, d := x.play(x.actors[actor], from, more...)
	id, known := x.ids[actor][d]
	if !known {
		id = int32(len(x.moments[actor]))
		m.id = id
		x.moments[actor] = append(x.moments[actor], m)
		x.ids[actor][d] = id
	}
	return id
}

// take lets an actor's command be performed on a LUN in some state.
func (x *explorer) take(actor int, m *moment, lun int32) step {
	at := uint64(m.id)<<32 | uint64(lun)
	if s, known := x.steps[actor][at]; known {
		return s
	}
	c := m.next
	before := x.facts[c.lun][lun]
	machine, dying := before.machine.copied(), before.dying
	if len(x.buffer) < c.length {
		x.buffer = make([]byte, c.length)
	}
	a := machine.perform(x.actors[actor][0].node, c.path, &c, x.buffer)
	done := c.changes() && a.failed() == nil
	if c.req.resets() && done {
		dying = 0
	}
	s := step{lun: x.lun(c.lun, machine, dying), moment: x.moment(actor, m, a), err: a.failed(), done: done}
	s.lost = before.paths &^ x.facts[c.lun][s.lun].paths
	x.steps[actor][at] = s
	return s
}

// fail is the moment after a command that was not answered by its LUN.
func (x *explorer) fail(actor int, m *moment, how move) int32 {
	at := uint64(m.id)<<8 | uint64(how)
	if id, known := x.failed[actor][at]; known {
		return id
	}
	a := x.mishap(m, how)
	id := x.moment(actor, m, a)
	x.failed[actor][at] = id
	return id
}

// mishap is what comes back for a command that was not answered by its LUN.
func (x *explorer) mishap(m *moment, how move) answer {
	if x.space != nil {
		return mishapOfSpace(how, m.next.req.aborts() && *x.space == simns.SPDK())
	}
	return mishapOfUnit(how, m.next.length)
}

// verbOf is the index, among all, of the verb that an actor is at.
func (x *explorer) verbOf(a int, m *moment) int {
	return x.offset[a] + min(m.verb(), len(x.actors[a])-1)
}

// set are the LUNs that a verb is for.
func (x *explorer) set(v *verb) uint8 {
	if v.set != 0 {
		return v.set
	}
	return 1<<x.luns - 1
}

// live is the moment of an actor that has something to do yet; nil if not.
func (x *explorer) live(s *state, a int) *moment {
	if s.at[a] == killed {
		return nil
	}
	if m := x.moments[a][s.at[a]]; !m.ended {
		return m
	}
	return nil
}

// underWay reports whether verb v has begun to change something and goes on.
func (x *explorer) underWay(s *state, v int) bool {
	for a, verbs := range x.actors {
		if n := v - x.offset[a]; n >= 0 && n < len(verbs) {
			m := x.live(s, a)
			return m != nil && m.verb() == n && s.begun&(1<<v) != 0
		}
	}
	return false
}

// saidOK reports whether verb v has ended with ok, as far as that is kept.
func (x *explorer) saidOK(s *state, v int) bool {
	for a, verbs := range x.actors {
		if n := v - x.offset[a]; n >= 0 && n < len(verbs) && s.at[a] != killed {
			return x.moments[a][s.at[a]].flags&(1<<n) != 0
		}
	}
	return false
}

// at is a LUN in a state.
func (x *explorer) lunAt(s *state, i int) *facts { return x.facts[i][s.luns[i]] }
