package fenceagent

import (
	"errors"
	"slices"

	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// power is what a fabric agent calls on or off: whether a node can write.
type power string

// Powers.
const (
	// on: the node is registered somewhere, or a LUN is open to all.
	on power = "on"
	// off: it is registered nowhere, by any mark, and every LUN is reserved by a node of the
	// cluster.
	off power = "off"
	// unknown: a LUN could not be read, or holds a key of no node.
	unknown power = "unknown"
)

// seen is what was read of the LUNs that a node is fenced from.
type seen struct {
	members protocol.Members
	// shared are LUNs that several nodes have at once, exclusive those of one at a time.
	shared, exclusive []protocol.Status
}

// power tells whether a node can write. That it is registered somewhere is certain,
// whatever else cannot be read; that it is nowhere needs every LUN.
func (s seen) power(node protocol.Member) power {
	result := off
	for _, lun := range s.all() {
		switch {
		case lun.Err != nil || len(s.members.Foreign(lun.State.Keys())) > 0 || isTaking(lun.State):
			result = unknown
		}
		if lun.Err == nil && protocol.IsOn(lun.State, node.Key) {
			return on
		}
	}
	for _, lun := range s.all() {
		if lun.Err == nil && !isReserved(s.members, lun.State) && result == off {
			result = on
		}
	}
	return result
}

// isTaking reports whether a node is removing others, so that their commands may not
// be over.
func isTaking(state *pr.State) bool {
	return slices.ContainsFunc(state.Keys(), func(k pr.Key) bool { return k&protocol.TakingMark != 0 })
}

// all are the LUNs of both kinds.
func (s seen) all() []protocol.Status {
	return append(append([]protocol.Status(nil), s.shared...), s.exclusive...)
}

// doubts are why it is not known whether a node can write.
func (s seen) doubts() []error {
	var errs []error
	for _, lun := range s.all() {
		switch {
		case lun.Err != nil:
			errs = append(errs, lun.Err)
		case len(s.members.Foreign(lun.State.Keys())) > 0:
			errs = append(errs, &protocol.ForeignKeyError{LUN: lun.LUN, Keys: s.members.Foreign(lun.State.Keys())})
		case isTaking(lun.State):
			errs = append(errs, &takingError{lun.LUN})
		}
	}
	return errs
}

// recognised says whose the foreign keys of an error would be by another key_value: then
// nobody has done wrong but who chose it. Errors: *derivedError.
func (sc *scope) recognised(err error) error {
	from := sc.conf.Corosync
	var errs []error
	seen := map[pr.Key]bool{}
	for _, leaf := range words.Leaves(err) {
		var foreign *protocol.ForeignKeyError
		var shifted *session.ShiftedError
		var keys []pr.Key
		switch {
		case from == nil:
		case errors.As(leaf, &foreign):
			keys = foreign.Keys
		case errors.As(leaf, &shifted):
			k, _ := pr.ParseKey(shifted.Was)
			keys = []pr.Key{k}
		}
		for _, k := range keys {
			if node, by, ok := from.Conf.Recognise(protocol.Plain(k), from.By); ok && !seen[k] {
				seen[k] = true
				errs = append(errs, &derivedError{key: k, node: node, by: by})
			}
		}
	}
	return errors.Join(errs...)
}

// faults are what keeps this node from fencing another one now.
func (s seen) faults(here protocol.Member) []error {
	var errs []error
	for _, lun := range s.all() {
		if lun.Err != nil {
			errs = append(errs, lun.Err)
		} else if keys := s.members.Foreign(lun.State.Keys()); len(keys) > 0 {
			errs = append(errs, &protocol.ForeignKeyError{LUN: lun.LUN, Keys: keys})
		}
	}
	for _, lun := range s.shared {
		switch {
		case lun.Err != nil:
		case !lun.Present:
			errs = append(errs, &notInError{lun: lun.LUN, node: here.Name})
		case !isReserved(s.members, lun.State):
			errs = append(errs, &notReservedError{lun.LUN})
		}
	}
	return errs
}
