package protocol

import "lunguard/pr"

// hosts tell, from what the LUNs list, whose an initiator port is: that node's with
// whose key the ports of that name are registered most often. A copy that was killed
// leaves a port of one node with another's key.
type hosts map[string]map[pr.Key]int

// hostsOf counts the registrations on all LUNs.
func hostsOf(targets []*target) hosts {
	h := hosts{}
	for _, t := range targets {
		for _, r := range t.state.Registrations {
			if r.Initiator == nil {
				continue
			}
			name := r.Initiator.Host()
			if h[name] == nil {
				h[name] = map[pr.Key]int{}
			}
			h[name][Plain(r.Key)]++
		}
	}
	return h
}

// mayOwn reports whether a port is, or may be, that of the node with the key. Of
// several keys that are registered as often by it those count that have no other
// host.
func (h hosts) mayOwn(key pr.Key, id pr.Initiator) bool {
	name := id.Host()
	own := h[name][key]
	if own == 0 {
		return false
	}
	homeless := false
	for k, n := range h[name] {
		if n > own {
			return false
		}
		homeless = homeless || n == own && k != key && !h.elsewhere(k, name)
	}
	return !homeless || !h.elsewhere(key, name)
}

// elsewhere reports whether a key is registered by another host.
func (h hosts) elsewhere(key pr.Key, name string) bool {
	for other, keys := range h {
		if other != name && keys[key] > 0 {
			return true
		}
	}
	return false
}
