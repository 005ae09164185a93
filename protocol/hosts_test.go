package protocol

import (
	"testing"

	"lunguard/scsi"
)

// A port is its host's: the one with whose key it is registered most often; of two
// the one that has no other.
func TestHosts(t *testing.T) {
	at := func(node string, path int, key scsi.Key) scsi.FullStatus {
		return scsi.FullStatus{Key: key, TransportID: port(node, path)}
	}
	for name, c := range map[string]struct {
		list []scsi.FullStatus
		// a and b say whether node A's port may be A's, and B's.
		a, b bool
	}{
		"its own":                      {[]scsi.FullStatus{at("A", 0, keyA), at("B", 0, keyB)}, true, false},
		"marked":                       {[]scsi.FullStatus{at("A", 0, Taking(keyA))}, true, false},
		"another session is another's": {[]scsi.FullStatus{at("A", 0, keyA), at("A", 1, keyA), at("A", 2, keyB)}, true, false},
		"one each, and B has a host":   {[]scsi.FullStatus{at("A", 0, keyA), at("A", 1, keyB), at("B", 0, keyB)}, true, false},
		"one each, and none has":       {[]scsi.FullStatus{at("A", 0, keyA), at("A", 1, keyB)}, true, true},
		"one each, and both have":      {[]scsi.FullStatus{at("A", 0, keyA), at("A", 1, keyB), at("B", 0, keyB), at("C", 0, keyA)}, true, true},
		"nobody's":                     {[]scsi.FullStatus{at("B", 0, keyB)}, false, false},
	} {
		x := &target{unit: unit{state: &scsi.State{Registrations: c.list}}}
		h := hostsOf([]*target{x})
		if a, b := h.mayOwn(keyA, port("A", 0)), h.mayOwn(keyB, port("A", 0)); a != c.a || b != c.b {
			t.Errorf("%s: A's %v, B's %v; %v and %v expected", name, a, b, c.a, c.b)
		}
	}
}
