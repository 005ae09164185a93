package words

import (
	"fmt"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/pr"
	"lunguard/protocol"
)

// OnLUN says who is on a LUN, as this node sees it.
func OnLUN(conf *cluster.Config, node protocol.Member, s *pr.State) string {
	keys := s.Keys()
	held := s.Reservation
	own := s.Has(node.Key) && node.Key != 0
	others := make([]string, 0, len(keys))
	for _, k := range keys {
		if k != node.Key && (held == nil || k != held.Key) {
			others = append(others, KeyOf(conf, k))
		}
	}
	var text string
	switch {
	case held == nil && len(keys) == 0:
		return "no registrations, not reserved"
	case held == nil && own:
		text = "registered by this node, not reserved"
	case held == nil:
		text = "not reserved"
	case held.Type.AllRegistrants():
		text = "reserved by all registrants"
	case own && held.Key == node.Key:
		text = "registered and reserved by this node"
	case own:
		text = "registered by this node, reserved by " + KeyOf(conf, held.Key)
	default:
		text = "reserved by " + KeyOf(conf, held.Key)
	}
	if len(others) > 0 {
		text += fmt.Sprintf("; also registered: %s", strings.Join(others, ", "))
	}
	return text
}

// Holders says who is on a LUN.
func Holders(conf *cluster.Config, s *pr.State) string {
	keys, held := s.Keys(), s.Reservation
	switch {
	case len(keys) == 0 && held == nil:
		return "free, no registrations"
	case held == nil:
		return "not reserved, registered: " + keysWords(conf, keys)
	}
	text := "held by " + keysWords(conf, []pr.Key{held.Key})
	if held.Type.AllRegistrants() {
		text = "held by all registrants: " + keysWords(conf, keys)
	} else if others := slices.DeleteFunc(keys, func(k pr.Key) bool { return k == held.Key }); len(others) > 0 {
		text += ", also registered: " + keysWords(conf, others)
	}
	if held.Type != pr.WriteExclusiveRegistrantsOnly {
		text += ", " + held.Type.String()
	}
	return text
}

// Writers says who can write.
func Writers(conf *cluster.Config, s *pr.State) string {
	switch {
	case s == nil:
		return "unknown"
	case s.Reservation == nil:
		return "not reserved, every node can write"
	}
	keys := s.Keys()
	if t := s.Reservation.Type; t == pr.WriteExclusive || t == pr.ExclusiveAccess {
		keys = []pr.Key{s.Reservation.Key}
	}
	text := keysWords(conf, keys)
	if len(keys) == 1 {
		return text + " alone can write"
	}
	return text + " can write"
}

func keysWords(conf *cluster.Config, keys []pr.Key) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.String()
		if n, ok := conf.NodeOf(k); ok {
			list[i] = n.Name + " (" + k.String() + Mark(k) + ")"
		}
	}
	return strings.Join(list, ", ")
}
