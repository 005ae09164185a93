package unit

import "lunguard/pr"

// Owners tell, from what the LUNs list, whose an initiator port is: that node's with
// whose key the ports of that name are registered most often. A copy that was killed
// leaves a port of one node with another's key.
type Owners map[string]map[pr.Key]int

// OwnersOf counts the registrations on all LUNs.
func OwnersOf(states []*pr.State) Owners {
	o := Owners{}
	for _, s := range states {
		for _, r := range s.Registrations {
			if r.Initiator == nil {
				continue
			}
			name := r.Initiator.Host()
			if o[name] == nil {
				o[name] = map[pr.Key]int{}
			}
			o[name][Plain(r.Key)]++
		}
	}
	return o
}

// MayOwn reports whether a port is, or may be, that of the node with the key. Of
// several keys that are registered as often by it those count that have no other
// host.
func (o Owners) MayOwn(key pr.Key, id pr.Initiator) bool {
	name := id.Host()
	own := o[name][key]
	if own == 0 {
		return false
	}
	homeless := false
	for k, n := range o[name] {
		if n > own {
			return false
		}
		homeless = homeless || n == own && k != key && !o.elsewhere(k, name)
	}
	return !homeless || !o.elsewhere(key, name)
}

// elsewhere reports whether a key is registered by another host.
func (o Owners) elsewhere(key pr.Key, name string) bool {
	for other, keys := range o {
		if other != name && keys[key] > 0 {
			return true
		}
	}
	return false
}
