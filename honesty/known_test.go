package honesty

import (
	"maps"
	"slices"
)

// known is a false success, or a run that takes too long, that is known and not
// mended yet. The list is to become empty: it fails when one of it is right.
type known struct {
	// command and fault are their names; empty is every one.
	command, fault string
	// seen says that the cells of the unit tests show it, too.
	seen bool
	// why says what is wrong.
	why string
}

// knownFalse are all of them. The first that a cell is of counts.
func knownFalse() []known { return nil }

func (k known) is(o *outcome) bool {
	return (k.command == "" || k.command == o.cell.command.name) && (k.fault == "" || k.fault == o.cell.fault.name)
}

// against compares what was found with what is known: those that are not, and what is
// known and did not show.
func (r *results) against(list []known, opt options) (unknown []*outcome, cured []known) {
	shown := make([]bool, len(list))
	for _, name := range slices.Sorted(maps.Keys(r.lies)) {
		o := r.lies[name]
		found := false
		for i, k := range list {
			if k.is(o) {
				found, shown[i] = true, true
				break
			}
		}
		if !found {
			unknown = append(unknown, o)
		}
	}
	for i, k := range list {
		if !shown[i] && opt.only == "" && (opt.all || k.seen) {
			cured = append(cured, k)
		}
	}
	return unknown, cured
}
