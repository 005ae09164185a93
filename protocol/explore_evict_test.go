package protocol

import "testing"

// evictScenes are evictions of a stranger's key, alone, beside each other, and beside
// what else nodes do.
func evictScenes(adverse adversity, devices ...device) []scenario {
	var list []scenario
	add := func(typ Mode, f found, shape [2]int, d device, actors ...[]verb) {
		s := d.on(scene(typ, f, shape, adverse, actors...))
		s.stranger = "C"
		list = append(list, s)
	}
	for _, d := range devices {
		for _, shape := range shapes {
			for _, f := range []found{shared("A", "B"), shared("B", "A"), shared("A")} {
				f = stranger(f)
				add(Shared, f, shape, d, one(evicts("A", "C")))
				for _, b := range []verb{evicts("B", "C"), halts("B"), starts("B"), fences("B", "A"), repairs("B")} {
					add(Shared, f, shape, d, one(evicts("A", "C")), one(b))
				}
			}
			// What nobody runs cannot be relied on: the stranger's writes are not looked
			// at here, but who can write is.
			f := stranger(ownedBy("A"))
			f.up = []string{"A"}
			add(Exclusive, f, shape, d, one(evicts("A", "C")))
			for _, b := range []verb{starts("B"), halts("A")} {
				add(Exclusive, f, shape, d, one(evicts("A", "C")), one(b))
			}
		}
	}
	return list
}

func TestExploreEvict(t *testing.T) {
	g := group{dims: "eviction of a stranger's key, alone and beside another; " + oddWords + "; " + adverse.words(), quick: 5, each: 10_000, turns: true,
		list: evictScenes(adverse, append(odd(2), standard)...)}
	g.run(t)
}
