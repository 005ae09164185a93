package protocol

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"
)

// found tells how a law was broken, by the command that led to last.
func (x *explorer) found(wrong string, before int32, actor int, last *state) result {
	type link struct {
		from int32
		by   int
	}
	var links []link
	for id, by := before, actor; id >= 0; {
		links = append(links, link{id, by})
		id, by = x.parent[id], int(x.by[id])
	}
	slices.Reverse(links)
	var b strings.Builder
	first := x.order[0]
	for i := range x.luns {
		fmt.Fprintf(&b, "  LUN %d has %v\n", i, x.lunFacts(&first, i))
	}
	for n, l := range links {
		s := x.order[l.from]
		after := *last
		if n+1 < len(links) {
			after = x.order[links[n+1].from]
		}
		x.describe(&b, &s, &after, l.by)
	}
	law, _, _ := strings.Cut(wrong, ":")
	return result{states: len(x.order), law: law, broken: wrong, trace: b.String()}
}

// describe writes one line for a command, and one for each verb it ends.
func (x *explorer) describe(b *strings.Builder, s, after *state, by int) {
	if by >= mostActors {
		fmt.Fprintf(b, "  %s is killed\n", x.actors[by-mostActors][0].node)
		return
	}
	m := x.moments[by][s.at[by]]
	took := x.take(by, m, s.luns[m.next.lun])
	v := x.actors[by][m.verb()]
	fmt.Fprintf(b, "  %s: %v: ", v, &m.next)
	if err := took.reply.Err(); err != nil {
		fmt.Fprintf(b, "%v\n", err)
	} else if m.next.changes() {
		fmt.Fprintf(b, "done: %v\n", x.lunFacts(after, m.next.lun))
	} else {
		fmt.Fprintf(b, "%v\n", x.lunFacts(s, m.next.lun))
	}
	now := x.moments[by][took.moment]
	for i := len(m.results); i < len(now.results); i++ {
		fmt.Fprintf(b, "  %s ends: %s\n", x.actors[by][i], now.results[i])
	}
}

// schedules counts the ways from the first state to the ends.
func (x *explorer) schedules() *big.Int {
	if len(x.next) < len(x.order) {
		return new(big.Int) // bounded
	}
	type wide struct{ hi, lo uint64 }
	ways := make([]wide, len(x.order))
	done := make([]bool, len(x.order))
	// Depth first without recursion: a state is left when its successors are
	// counted. Histories only grow, so there is no cycle.
	stack := []int32{0}
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		ready, leaf := true, true
		for _, n := range x.next[id] {
			if n >= 0 {
				leaf = false
				if !done[n] {
					stack = append(stack, n)
					ready = false
				}
			}
		}
		if !ready {
			continue
		}
		stack = stack[:len(stack)-1]
		if done[id] {
			continue
		}
		done[id] = true
		if leaf {
			ways[id] = wide{0, 1}
			continue
		}
		for _, n := range x.next[id] {
			if n < 0 {
				continue
			}
			var carry, over uint64
			ways[id].lo, carry = bits.Add64(ways[id].lo, ways[n].lo, 0)
			ways[id].hi, over = bits.Add64(ways[id].hi, ways[n].hi, carry)
			if over != 0 {
				panic("more than 2^128 schedules")
			}
		}
	}
	n := new(big.Int).SetUint64(ways[0].hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(ways[0].lo))
}
