package protocol

import (
	"testing"

	"lunguard/protocol/unit"
)

// allHold has scenarios with reservations that all registrants hold.
func allHold(list []scenario) []scenario {
	for i := range list {
		list[i].kept = unit.SharedType
		list[i].name += ", all registrants hold"
	}
	return list
}

// Several nodes share LUNs, and all of them hold: who leaves hands nothing over.
func TestExploreAllRegistrants(t *testing.T) {
	g := group{dims: "two nodes, all registrants hold; " + adverse.words(),
		list: allHold(pairs(adverse, false, shapes...)), quick: 29, each: 8_000, turns: true}
	g.run(t)
}

// With one path it is as on namespaces: TestExploreSpacesSharedLong.
func TestExploreAllRegistrantsLong(t *testing.T) {
	g := group{dims: "two nodes, two verbs each, all registrants hold; " + harmless.words(),
		list: allHold(pairs(harmless, true, shapes[2])), quick: 97, each: 8_000}
	g.run(t)
}
