package unit

import "lunguard/pr"

// Member is a node of a cluster: its name, and the one key by which it is
// registered on every path of every LUN.
type Member struct {
	Name string
	Key  pr.Key
}

// Members are all nodes of a cluster. A key that belongs to none of them is
// foreign.
type Members []Member

// Of returns the node that the key belongs to, marked or not.
func (list Members) Of(k pr.Key) (Member, bool) {
	for _, m := range list {
		if m.Key == Plain(k) {
			return m, true
		}
	}
	return Member{}, false
}

// Foreign returns those keys that belong to no node.
func (list Members) Foreign(keys []pr.Key) []pr.Key {
	var foreign []pr.Key
	for _, k := range keys {
		if _, ok := list.Of(k); !ok {
			foreign = append(foreign, k)
		}
	}
	return foreign
}
