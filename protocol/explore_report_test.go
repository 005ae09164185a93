package protocol

import (
	"fmt"
	"slices"
	"strings"
)

// longTrace is how many moves are printed of a schedule.
const longTrace = 60

// found tells how a law was broken, by the move that led to last.
func (x *explorer) found(wrong string, before int32, by uint8, last *state) result {
	type link struct {
		from int32
		by   uint8
	}
	var links []link
	for id := before; id >= 0; {
		links = append(links, link{id, by})
		id, by = x.parent[id], x.by[id]
	}
	slices.Reverse(links)
	var b strings.Builder
	first := x.order[0]
	fmt.Fprintf(&b, "    at first: %v, up %v\n", x.all(&first), first.up)
	for n, l := range links {
		if n == longTrace/2 && len(links) > longTrace {
			fmt.Fprintf(&b, "    ... %d moves ...\n", len(links)-longTrace)
		}
		if len(links) > longTrace && n >= longTrace/2 && n < len(links)-longTrace/2 {
			continue
		}
		s := x.order[l.from]
		after := *last
		if n+1 < len(links) {
			after = x.order[links[n+1].from]
		}
		x.describe(&b, &s, &after, move(l.by>>2), int(l.by&3))
	}
	law, _, _ := strings.Cut(wrong, ":")
	return result{states: len(x.order), law: law, broken: wrong, trace: b.String()}
}

// describe writes one line for a move, and one for each verb it ends.
func (x *explorer) describe(b *strings.Builder, s, after *state, how move, a int) {
	m := &moment{}
	switch {
	case how == ghostGoes:
		m = x.moments[a][s.ghost&(1<<28-1)]
	case s.at[a] != killed:
		m = x.moments[a][s.at[a]]
	}
	v := x.verbs[x.verbOf(a, m)]
	if how == isKilled {
		fmt.Fprintf(b, "    %v is killed\n", v)
		return
	}
	fmt.Fprintf(b, "    %v: %v: ", v, &m.next)
	lun := x.lunAt(after, m.next.lun)
	switch how {
	case goes, ghostGoes:
		took := x.take(a, m, s.luns[m.next.lun])
		switch err := took.err; {
		case err != nil:
			fmt.Fprintf(b, "%v", err)
		case after.waits[a] != 0:
			fmt.Fprintf(b, "begins: %v", lun)
		case m.next.changes():
			fmt.Fprintf(b, "done: %v", lun)
		default:
			fmt.Fprintf(b, "%v", lun)
		}
		if how == ghostGoes {
			b.WriteString(" (late, it was given up)")
		}
	case finishes:
		fmt.Fprintf(b, "is answered: %v", lun)
	case answerLost:
		fmt.Fprintf(b, "performed, ITS ANSWER IS LOST: %v", lun)
	case neverDone:
		b.WriteString("NOT PERFORMED, and no answer")
	case isLate:
		b.WriteString("GIVEN UP, the kernel still has it")
	case pathDies:
		b.WriteString("THE PATH DIES")
	case notSent:
		b.WriteString("not sent, the earlier one is still under way")
	case noPath:
		b.WriteString("no path")
	default:
		fmt.Fprintf(b, "UNIT ATTENTION %s, not performed", map[move]string{attention2a03: "2A/03", attention2a05: "2A/05", attention2900: "29/00"}[how])
	}
	b.WriteString("\n")
	if how == ghostGoes {
		return
	}
	now := x.moments[a][after.at[a]]
	for i := len(m.results); i < len(now.results); i++ {
		fmt.Fprintf(b, "    %v ENDS: %s\n", x.actors[a][i], now.results[i])
	}
}
