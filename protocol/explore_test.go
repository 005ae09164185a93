package protocol

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// The explorer visits every order in which the commands of several nodes can
// reach the LUNs. A state is what the LUNs hold and the moment of each actor;
// equal states are visited once. The search is breadth first, so the first
// schedule found that breaks a law is a shortest one.

const (
	mostActors = 3
	mostLUNs   = 2
	// mostCommands is how many an actor may need, unless its scenario says less.
	mostCommands = 100
)

// scenario is where a search begins and what it looks for.
type scenario struct {
	name        string
	typ         Mode
	luns, paths int
	// model is how many LUNs count for law 4: the others are new and being
	// copied to. 0 is all.
	model  int
	quirks simlun.Quirks
	// prepare makes the state in which the actors find the LUNs.
	prepare func(*world)
	// up are the nodes that have the package up there.
	up     []string
	actors [][]verb
	laws   []law
	// kills is how many actors may die before a command of theirs.
	kills int
	// limit bounds the states that are visited; 0 visits all.
	limit int
	// commands is how many an actor may need; 0 is mostCommands.
	commands int

	world *world
}

// law is something that holds after every command (step) or once all actors
// have ended (end). Both return what is wrong, or nothing.
type law struct {
	name      string
	step, end func(*explorer, edge) string
}

// edge is one command on its way: from a state to a state by an actor.
type edge struct {
	before, after *state
	actor         int
}

// state is comparable: it is the key under which the search knows it.
type state struct {
	luns [mostLUNs]int32
	at   [mostActors]int32
	// order has a bit for each pair of verbs: the one had ended when the
	// other made its first change. See state.precedes.
	order uint64
	// cut has a bit for each start that lost a registration by a command of
	// another actor while it was under way.
	cut uint8
}

// Moments of an actor that was killed: before its verb had changed anything,
// or after. Actors that may be killed have one verb.
const (
	dead      int32 = -1
	deadBegun int32 = -2
)

// facts are what laws look at in a LUN.
type facts struct {
	machine *simlun.Machine
	keys    []scsi.Key // different ones, ascending
	count   map[scsi.Key]int
	typ     scsi.Type // 0 without reservation
	holder  scsi.Key
}

func (f *facts) String() string {
	if f.typ == 0 {
		return fmt.Sprintf("keys %v, no reservation", f.keys)
	}
	return fmt.Sprintf("keys %v, %v holds type %d", f.keys, f.holder, f.typ)
}

// step is what a command of a moment does to a LUN in some state.
type step struct {
	lun, moment int32
	reply       scsi.Reply
}

type explorer struct {
	*scenario
	facts   [mostLUNs][]*facts
	lunIDs  [mostLUNs]map[string]int32
	moments [mostActors][]*moment
	ids     [mostActors]map[digest]int32
	steps   [mostActors]map[[2]int32]step

	states map[state]int32
	order  []state
	parent []int32
	by     []int8
	// next are the successors of each state, one an actor and another for
	// its death.
	next   [][2 * mostActors]int32
	verbs  []verb // of all actors
	buffer []byte // for data that comes in
	// tried are the states from which recovery was tried.
	tried  map[state]bool
	offset [mostActors]int
}

// result is what a search found.
type result struct {
	states    int
	schedules *big.Int
	complete  bool
	// law is the name of the first law that was broken, broken tells how,
	// and trace by which commands; empty for none.
	law, broken, trace string
	took               time.Duration
}

func (r result) String() string {
	took := r.took.Round(time.Millisecond)
	if !r.complete {
		return fmt.Sprintf("the first %d states, schedules not counted, %v", r.states, took)
	}
	return fmt.Sprintf("all %d states, %v schedules, %v", r.states, r.schedules, took)
}

// explore searches a scenario.
func explore(t testing.TB, s *scenario) result {
	begin := time.Now()
	x := &explorer{scenario: s, states: map[state]int32{}, tried: map[state]bool{}}
	s.world = newWorld(t, s.luns, s.paths, s.quirks)
	if s.prepare != nil {
		s.prepare(s.world)
	}
	var first state
	for i := range s.luns {
		x.lunIDs[i] = map[string]int32{}
		s.world.luns[i].With(func(m *simlun.Machine) {
			m = m.Clone()
			for _, verbs := range s.actors {
				for p := range s.paths {
					m.Login(simlun.MakeNexus(port(verbs[0].node, p), uint16(p+1)))
				}
			}
			first.luns[i] = x.lun(i, m)
		})
	}
	for a, verbs := range s.actors {
		x.ids[a], x.steps[a] = map[digest]int32{}, map[[2]int32]step{}
		x.offset[a] = len(x.verbs)
		x.verbs = append(x.verbs, verbs...)
		first.at[a] = x.moment(a, nil)
	}
	if len(x.verbs) > 8 {
		t.Fatal("more verbs than state.order has room for")
	}
	r := x.search(first)
	if r.broken == "" {
		r.schedules = x.schedules()
	}
	r.took = time.Since(begin)
	return r
}

// lun names a state of a LUN.
func (x *explorer) lun(i int, m *simlun.Machine) int32 {
	s := m.State()
	key := m.AppendFingerprint(make([]byte, 0, 512), x.quirks.NoFullStatus)
	for _, r := range s.Registrations {
		// Protocols may depend on the order, which a fingerprint leaves out.
		key = binary.BigEndian.AppendUint64(key, uint64(r.Key))
		key = append(key, byte(r.RelativePort))
		key = append(key, r.TransportID.Bytes()...)
	}
	id, known := x.lunIDs[i][string(key)]
	if !known {
		f := &facts{machine: m, keys: s.Keys(), count: map[scsi.Key]int{}}
		for _, k := range f.keys {
			f.count[k] = s.Count(k)
		}
		if s.Reservation != nil {
			f.typ, f.holder = s.Reservation.Type, s.Reservation.Key
		}
		id = int32(len(x.facts[i]))
		x.facts[i] = append(x.facts[i], f)
		x.lunIDs[i][string(key)] = id
	}
	return id
}

// moment names the moment that an actor comes to from another by an answer.
func (x *explorer) moment(actor int, from *moment, more ...answer) int32 {
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

// take lets an actor send its next command to a LUN in some state.
func (x *explorer) take(actor int, m *moment, lun int32) step {
	at := [2]int32{m.id, lun}
	if s, known := x.steps[actor][at]; known {
		return s
	}
	c := m.next
	machine := x.facts[c.lun][lun].machine.Clone()
	req := *c.req
	if req.Dir == scsi.DataIn {
		if len(x.buffer) < c.length {
			x.buffer = make([]byte, c.length)
		}
		req.Data = x.buffer[:c.length]
	}
	from := simlun.MakeNexus(port(x.actors[actor][0].node, c.path), uint16(c.path+1))
	a := answer{reply: machine.Execute(from, &req)}
	if req.Dir == scsi.DataIn {
		a.data = slices.Clone(req.Data[:len(req.Data)-a.reply.Resid])
		clear(req.Data[:len(a.data)])
	}
	s := step{lun: x.lun(c.lun, machine), moment: x.moment(actor, m, a), reply: a.reply}
	x.steps[actor][at] = s
	return s
}

// add names a state; fresh says that it was not known.
func (x *explorer) add(s state, parent int32, by int8) (id int32, fresh bool) {
	if id, known := x.states[s]; known {
		return id, false
	}
	id = int32(len(x.order))
	x.states[s] = id
	x.order = append(x.order, s)
	x.parent = append(x.parent, parent)
	x.by = append(x.by, by)
	return id, true
}

func (x *explorer) search(first state) result {
	x.add(first, -1, 0)
	for id := int32(0); int(id) < len(x.order); id++ {
		if x.limit > 0 && int(id) == x.limit {
			return result{states: int(id)}
		}
		s := x.order[id]
		var next [2 * mostActors]int32
		for i := range next {
			next[i] = -1
		}
		alive := false
		for a := range x.actors {
			if s.at[a] < 0 || x.moments[a][s.at[a]].ended {
				continue
			}
			alive = true
			after := x.successor(s, a)
			to, _ := x.add(after, id, int8(a))
			next[a] = to
			wrong := x.judge(edge{&s, &after, a}, false)
			if m := x.moments[a][after.at[a]]; m.commands > cmp.Or(x.commands, mostCommands) {
				wrong = fmt.Sprintf("end: %v does not come to an end", x.actors[a])
			}
			if wrong != "" {
				return x.found(wrong, id, a, &after)
			}
			if x.deaths(&s) < x.kills {
				after := s
				after.at[a] = dead
				if x.begun(&s, x.offset[a]) {
					after.at[a] = deadBegun
				}
				next[mostActors+a], _ = x.add(after, id, int8(mostActors+a))
			}
		}
		x.next = append(x.next, next)
		if !alive {
			if wrong := x.judge(edge{before: &s, after: &s}, true); wrong != "" {
				return x.found(wrong, x.parent[id], int(x.by[id]), &s)
			}
		}
	}
	return result{states: len(x.order), complete: true}
}

func (x *explorer) deaths(s *state) int {
	n := 0
	for a := range x.actors {
		if s.at[a] < 0 {
			n++
		}
	}
	return n
}

// successor is the state after an actor's next command.
func (x *explorer) successor(s state, a int) state {
	m := x.moments[a][s.at[a]]
	took := x.take(a, m, s.luns[m.next.lun])
	after := s
	after.luns[m.next.lun] = took.lun
	after.at[a] = took.moment
	if m.next.changes() && !m.begun && took.reply.Err() == nil {
		w := x.offset[a] + m.verb()
		for v := range x.verbs {
			if x.outcome(&s, v) != "" {
				after.order |= 1 << (8*v + w)
			}
		}
	}
	if m.next.changes() {
		was, is := x.lunFacts(&s, m.next.lun), x.lunFacts(&after, m.next.lun)
		for v, other := range x.verbs {
			key := keyOf(other.node)
			if other.kind == startKind && is.count[key] < was.count[key] && x.outcome(&s, v) == "" && x.begun(&s, v) &&
				other.node != x.actors[a][0].node {
				after.cut |= 1 << v
			}
		}
	}
	return after
}

// outcome is how a verb ended; empty if it has not.
func (x *explorer) outcome(s *state, v int) outcome {
	for a := range x.actors {
		if n := v - x.offset[a]; n >= 0 && n < len(x.actors[a]) {
			if s.at[a] >= 0 {
				if m := x.moments[a][s.at[a]]; n < len(m.results) {
					return m.results[n]
				}
			}
			return ""
		}
	}
	return ""
}

// begun reports whether a verb has changed something.
func (x *explorer) begun(s *state, v int) bool {
	for a := range x.actors {
		if n := v - x.offset[a]; n >= 0 && n < len(x.actors[a]) {
			if s.at[a] < 0 {
				return s.at[a] == deadBegun
			}
			m := x.moments[a][s.at[a]]
			return n < m.verb() || n == m.verb() && m.begun
		}
	}
	return false
}

// precedes reports whether verb v had ended when verb w made its first change.
func (s *state) precedes(v, w int) bool { return s.order&(1<<(8*v+w)) != 0 }

// lunFacts are the facts of a LUN in a state.
func (x *explorer) lunFacts(s *state, i int) *facts { return x.facts[i][s.luns[i]] }

func (x *explorer) judge(e edge, end bool) string {
	for _, l := range x.laws {
		f := l.step
		if end {
			f = l.end
		}
		if f == nil {
			continue
		}
		if wrong := f(x, e); wrong != "" {
			return l.name + ": " + wrong
		}
	}
	return ""
}
