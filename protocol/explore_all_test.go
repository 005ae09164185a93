package protocol

import (
	"testing"

	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// namespaces are devices that do as NVMe namespaces do, in SCSI's words: a host is one
// registrant whatever its paths, nothing is moved or registered for others, no reset ends
// commands, and who preempts its own key under a reservation of all registrants is
// removed with it.
var namespaces = device{name: "as a namespace", quirks: simlun.Quirks{
	AllTgPtImplicit: true, NoRegisterMove: true, NoSpecIPT: true, NoReset: true, DropSenderOnARSelfPreempt: true,
}}

// allHold has scenarios with reservations that all registrants hold, on LUNs and on
// namespaces.
func allHold(list []scenario) []scenario {
	var all []scenario
	for _, s := range list {
		s.kept = unit.SharedType
		s.name += ", all registrants hold"
		for _, d := range []device{standard, namespaces} {
			all = append(all, d.on(s))
		}
	}
	return all
}

// Several nodes share LUNs, and all of them hold: who leaves hands nothing over.
func TestExploreAllRegistrants(t *testing.T) {
	g := group{dims: "two nodes, all registrants hold, LUNs and namespaces; " + adverse.words(),
		list: allHold(pairs(adverse, false, [2]int{1, 1}, [2]int{1, 2}, [2]int{2, 1})), quick: 29, each: 8_000, turns: true}
	g.run(t)
}

func TestExploreAllRegistrantsLong(t *testing.T) {
	g := group{dims: "two nodes, two verbs each, all registrants hold, LUNs and namespaces; " + harmless.words(),
		list: allHold(pairs(harmless, true, [2]int{1, 1}, [2]int{1, 2}, [2]int{2, 1})), quick: 97, each: 8_000}
	g.run(t)
}
