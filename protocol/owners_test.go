package protocol

import (
	"testing"

	"lunguard/pr"
	"lunguard/protocol/unit"
)

// A port is its host's: the one with whose key it is registered most often; of two
// the one that has no other.
func TestOwners(t *testing.T) {
	at := func(node string, path int, key pr.Key) pr.Registration {
		return pr.Registration{Key: key, Initiator: port(node, path)}
	}
	for name, c := range map[string]struct {
		list []pr.Registration
		// a and b say whether node A's port may be A's, and B's.
		a, b bool
	}{
		"its own":                      {[]pr.Registration{at("A", 0, keyA), at("B", 0, keyB)}, true, false},
		"marked":                       {[]pr.Registration{at("A", 0, Taking(keyA))}, true, false},
		"another session is another's": {[]pr.Registration{at("A", 0, keyA), at("A", 1, keyA), at("A", 2, keyB)}, true, false},
		"one each, and B has a host":   {[]pr.Registration{at("A", 0, keyA), at("A", 1, keyB), at("B", 0, keyB)}, true, false},
		"one each, and none has":       {[]pr.Registration{at("A", 0, keyA), at("A", 1, keyB)}, true, true},
		"one each, and both have":      {[]pr.Registration{at("A", 0, keyA), at("A", 1, keyB), at("B", 0, keyB), at("C", 0, keyA)}, true, true},
		"nobody's":                     {[]pr.Registration{at("B", 0, keyB)}, false, false},
	} {
		o := unit.OwnersOf([]*pr.State{{Registrations: c.list}})
		if a, b := o.MayOwn(keyA, port("A", 0)), o.MayOwn(keyB, port("A", 0)); a != c.a || b != c.b {
			t.Errorf("%s: A's %v, B's %v; %v and %v expected", name, a, b, c.a, c.b)
		}
	}
}
