package protocol

import (
	"hash/maphash"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// table finds states by their content: open addressing, numbers of states in it.
type table struct {
	slots []int32 // number and one, 0 for an empty slot
	used  int
	seed  maphash.Seed
}

// result is what a search found.
type result struct {
	states int
	// cut says that there are more.
	cut bool
	// law is the name of the first law that was broken, broken tells how,
	// and trace by which moves; empty for none.
	law, broken, trace string
	took               time.Duration
}

// add names a state; fresh says that it was not known.
func (x *explorer) add(s *state, parent int32, by uint8) (id int32, fresh bool) {
	t := &x.table
	if 2*t.used >= len(t.slots) {
		x.grow()
	}
	mask := uint64(len(t.slots) - 1)
	at := maphash.Comparable(t.seed, *s) & mask
	for ; t.slots[at] != 0; at = (at + 1) & mask {
		if id := t.slots[at] - 1; x.order[id] == *s {
			return id, false
		}
	}
	id = int32(len(x.order))
	t.slots[at] = id + 1
	t.used++
	x.order = append(x.order, *s)
	x.parent = append(x.parent, parent)
	x.by = append(x.by, by)
	return id, true
}

func (x *explorer) grow() {
	t := &x.table
	if len(t.slots) == 0 {
		t.seed = maphash.MakeSeed()
	}
	t.slots = make([]int32, max(1024, 4*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for id := range x.order {
		at := maphash.Comparable(t.seed, x.order[id]) & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = int32(id) + 1
	}
}

// explore searches a scenario, until stop is set.
func explore(t testing.TB, s *scenario, stop *atomic.Bool) result {
	began := time.Now()
	x := &explorer{scenario: s, tried: map[[mostLUNs + 1]int32]string{}}
	first := x.begin(t)
	r := x.search(first, stop)
	r.took = time.Since(began)
	return r
}

// onlyLaws are the laws that are judged, all if there are none: EXPLORE_LAWS=R,1W
// looks for what comes behind a violation of another law.
var onlyLaws = strings.FieldsFunc(os.Getenv("EXPLORE_LAWS"), func(r rune) bool { return r == ',' })

// judged reports whether something is wrong by a law that is judged.
func judged(wrong string) bool {
	law, _, _ := strings.Cut(wrong, ":")
	return wrong != "" && (len(onlyLaws) == 0 || slices.Contains(onlyLaws, law))
}

func (x *explorer) search(first state, stop *atomic.Bool) result {
	limit := x.limit
	if limit == 0 {
		limit = mostStates
	}
	x.add(&first, -1, 0)
	var list []uint8
	for id := int32(0); int(id) < len(x.order); id++ {
		if len(x.order) >= limit || id&0xfff == 0 && stop.Load() {
			return result{states: len(x.order), cut: true}
		}
		s := x.order[id]
		list = x.moves(&s, list[:0])
		ended := true
		for _, by := range list {
			how, a := move(by>>2), int(by&3)
			after, wrong := x.after(&s, how, a)
			if judged(wrong) {
				return x.found(wrong, id, by, &after)
			}
			ended = ended && how == ghostGoes
			x.add(&after, id, by)
		}
		if ended {
			if wrong := x.end(&s); judged(wrong) {
				return x.found(wrong, x.parent[id], x.by[id], &s)
			}
		}
	}
	return result{states: len(x.order)}
}
