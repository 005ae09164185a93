package words

import (
	"testing"

	"lunguard/cluster"
	"lunguard/pr"
	"lunguard/protocol"
)

// wordsConfig has nodes jack3 (key 1) and jack4 (key 2).
func wordsConfig() *cluster.Config {
	return &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
}

// stateOf has these keys registered, and a reservation by held unless typ is 0.
func stateOf(held pr.Key, typ pr.Type, keys ...pr.Key) *pr.State {
	s := &pr.State{}
	for _, k := range keys {
		s.Registrations = append(s.Registrations, pr.Registration{Key: k})
	}
	if typ != 0 {
		s.Reservation = &pr.Reservation{Key: held, Type: typ}
	}
	return s
}

// A state in the words of a plan, before and after, and in those of a command
// that was ended on jack3.
func TestStateWords(t *testing.T) {
	const wero, leaving, taking = pr.WriteExclusiveRegistrantsOnly, protocol.LeavingMark, protocol.TakingMark
	for _, c := range []struct {
		state                *pr.State
		before, after, ended string
	}{
		{stateOf(0, 0), "free, no registrations", "not reserved, every node can write", "no registrations, not reserved"},
		{stateOf(0, 0, 1), "not reserved, registered: jack3 (0x1)", "not reserved, every node can write", "registered by this node, not reserved"},
		{stateOf(0, 0, 2, 9), "not reserved, registered: jack4 (0x2), 0x9", "not reserved, every node can write", "not reserved; also registered: 0x2 (jack4), 0x9"},
		{stateOf(1, wero, 1), "held by jack3 (0x1)", "jack3 (0x1) alone can write", "registered and reserved by this node"},
		{stateOf(1, wero, 1, 2), "held by jack3 (0x1), also registered: jack4 (0x2)", "jack3 (0x1), jack4 (0x2) can write", "registered and reserved by this node; also registered: 0x2 (jack4)"},
		{stateOf(2, wero, 1, 2), "held by jack4 (0x2), also registered: jack3 (0x1)", "jack3 (0x1), jack4 (0x2) can write", "registered by this node, reserved by 0x2 (jack4)"},
		{stateOf(2, wero, 2), "held by jack4 (0x2)", "jack4 (0x2) alone can write", "reserved by 0x2 (jack4)"},
		{stateOf(9, wero, 9), "held by 0x9", "0x9 alone can write", "reserved by 0x9"},
		{stateOf(2|taking, wero, 2|taking, 2), "held by jack4 (0x4000000000000002, taking), also registered: jack4 (0x2)", "jack4 (0x2), jack4 (0x4000000000000002, taking) can write", "reserved by 0x4000000000000002 (jack4, taking); also registered: 0x2 (jack4)"},
		{stateOf(1|leaving, wero, 1|leaving, 2), "held by jack3 (0x8000000000000001, leaving), also registered: jack4 (0x2)", "jack4 (0x2), jack3 (0x8000000000000001, leaving) can write", "reserved by 0x8000000000000001 (jack3, leaving); also registered: 0x2 (jack4)"},
		{stateOf(1, pr.WriteExclusive, 1, 2), "held by jack3 (0x1), also registered: jack4 (0x2), Write Exclusive", "jack3 (0x1) alone can write", "registered and reserved by this node; also registered: 0x2 (jack4)"},
		{stateOf(0, pr.WriteExclusiveAllRegistrants, 1, 2), "held by all registrants: jack3 (0x1), jack4 (0x2), Write Exclusive - All Registrants", "jack3 (0x1), jack4 (0x2) can write", "reserved by all registrants; also registered: 0x2 (jack4)"},
	} {
		conf := wordsConfig()
		if got := Holders(conf, c.state); got != c.before {
			t.Errorf("before: %s, want %s", got, c.before)
		}
		if got := Writers(conf, c.state); got != c.after {
			t.Errorf("after: %s, want %s", got, c.after)
		}
		if got := OnLUN(conf, conf.Nodes[0].Member(), c.state); got != c.ended {
			t.Errorf("ended: %s, want %s", got, c.ended)
		}
	}
	if got := Writers(wordsConfig(), nil); got != "unknown" {
		t.Errorf("a state that is not known: %s", got)
	}
}
