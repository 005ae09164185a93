package protocol

import (
	"fmt"
	"strings"

	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
)

// nodes is a set of nodes, a bit each: A is 1, B 2, C 4.
type nodes uint8

var nodeNames = []string{"A", "B", "C"}

func nodeNumber(name string) int { return int(name[0] - 'A') }
func bit(name string) nodes      { return 1 << nodeNumber(name) }

func (n nodes) String() string {
	var list []string
	for i, name := range nodeNames {
		if n&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, " ")
}

// keyOf is the key of a node in tests.
func keyOf(node string) pr.Key {
	return map[string]pr.Key{"A": keyA, "B": keyB, "C": keyC}[node]
}

// ownerOf is the node that a key belongs to, marked or not.
func ownerOf(k pr.Key) nodes {
	switch Plain(k) {
	case keyA:
		return 1
	case keyB:
		return 2
	case keyC:
		return 4
	}
	return 0
}

// facts are a state of a LUN, and what laws look at in it.
type facts struct {
	machine simulated
	// dying are the nodes that were writing when their registrations were taken
	// off, and whose writes may still be under way: nobody has been told that
	// they are over. It is no state of the device that a command could read.
	dying nodes
	typ   pr.Type // 0 without reservation
	// holder is the holder's key, holds whose that is.
	holder pr.Key
	holds  nodes
	// any are the nodes of which a nexus is registered, under whatever key, own
	// those of which a path is registered with their own key and stays, keyed
	// those whose key, marked or not, is registered by anybody.
	any, own, keyed nodes
	// paths are the registered paths, pathBit each.
	paths uint8
	// writers are the nodes that may write.
	writers nodes
	// with are the same state with other nodes dying, by their set; -1 if
	// it has no number yet. Shared.
	with *[8]int32
}

// pathBit is a node's path in a set.
func pathBit(node, path int) uint8 { return 1 << (2*node + path) }

// ofPaths are the nodes that have a path in the set.
func ofPaths(set uint8) nodes {
	var n nodes
	for i := range nodeNames {
		if set&(3<<(2*i)) != 0 {
			n |= 1 << i
		}
	}
	return n
}

func (f *facts) String() string {
	var b strings.Builder
	s := f.machine.state()
	for _, r := range s.Registrations {
		if b.Len() > 0 {
			b.WriteString(" ")
		}
		node, path := placeOf(r.Initiator)
		where := nodeNames[node]
		if path > 0 {
			where += fmt.Sprint(path)
		}
		if key := short(r.Key); key != nodeNames[node] || path > 0 {
			where += ":" + key
		}
		if r.Holder && f.typ != 0 {
			where += "*"
		}
		b.WriteString(where)
	}
	text := "[" + b.String() + "]"
	switch f.typ {
	case 0:
		text += " not reserved"
	case unit.ReservationType:
	default:
		text += fmt.Sprintf(" type %d", f.typ)
	}
	if f.dying != 0 {
		text += fmt.Sprintf(", writes of %v under way", f.dying)
	}
	return text
}

// placeOf finds whose path a nexus is; past ones have path 8. A host of NVMe is as its
// first path.
func placeOf(i pr.Initiator) (node, path int) {
	if host, ok := i.(nvme.HostID); ok {
		for _, path := range []int{0, aPast} {
			if n := int(host.Bytes()[1]); host == hostOf(nodeNames[n], path) {
				return n, path
			}
		}
	}
	id := scsi.PortOf(i)
	raw := string(id.Bytes())
	for i, name := range nodeNames {
		for _, p := range []int{0, 1, aPast} {
			if raw == portBytes[3*i+min(p, 2)] {
				return i, p
			}
			_ = name
		}
	}
	panic("a nexus of nobody: " + id.String())
}

// portBytes are the encoded initiator ports, three a node.
var portBytes = func() (list [9]string) {
	for i, name := range nodeNames {
		for n, p := range []int{0, 1, aPast} {
			list[3*i+n] = string(port(name, p).Canonical().Bytes())
		}
	}
	return list
}()

// lun names a state of a LUN.
func (x *explorer) lun(i int, m simulated, dying nodes) int32 {
	key := m.appendTo(x.scratch[:0])
	x.scratch = key
	id, known := x.lunIDs[i][string(key)]
	if !known {
		id = int32(len(x.facts[i]))
		x.facts[i] = append(x.facts[i], x.factsOf(m))
		x.lunIDs[i][string(key)] = id
		x.facts[i][id].with[0] = id
	}
	return x.dying(i, id, dying)
}

// dying names the same state of a LUN with other nodes dying.
func (x *explorer) dying(i int, id int32, dying nodes) int32 {
	f := x.facts[i][id]
	if f.dying == dying {
		return id
	}
	if f.with[dying] < 0 {
		g := *f
		g.dying = dying
		f.with[dying] = int32(len(x.facts[i]))
		x.facts[i] = append(x.facts[i], &g)
	}
	return f.with[dying]
}

func (x *explorer) factsOf(m simulated) *facts {
	s := m.state()
	f := &facts{machine: m, with: &[8]int32{-1, -1, -1, -1, -1, -1, -1, -1}}
	if s.Reservation != nil {
		f.typ, f.holder = s.Reservation.Type, s.Reservation.Key
		f.holds = ownerOf(f.holder)
	}
	for _, r := range s.Registrations {
		n, p := placeOf(r.Initiator)
		f.any |= 1 << n
		f.keyed |= ownerOf(r.Key)
		if p < 2 {
			f.paths |= pathBit(n, p)
			if r.Key == keyOf(nodeNames[n]) || r.Key == Taking(keyOf(nodeNames[n])) {
				f.own |= 1 << n
			}
			if x.perHost() {
				f.paths |= 3 << (2 * n)
			}
		}
		switch {
		case f.typ == pr.WriteExclusive || f.typ == pr.ExclusiveAccess:
			if r.Holder {
				f.writers |= 1 << n
			}
		default:
			f.writers |= 1 << n
		}
	}
	if f.typ == 0 {
		f.writers = 7
	}
	if f.typ.AllRegistrants() {
		f.holds = f.keyed
	}
	return f
}
