// Package picture draws what a check found: as a table for a terminal, as a
// page for a browser, as metrics for Prometheus, and, by its field tags, as
// JSON. All four are made of one [Picture], so that they cannot tell different
// things. What is unknown is never left out, never empty and never 0.
package picture

import (
	"slices"
	"time"
)

// Unknown stands wherever something could not be read.
const Unknown = "UNKNOWN"

// Picture is one reading of the LUNs of some packages or volume groups.
type Picture struct {
	// Time is when the reading began, Took how long it lasted.
	Time time.Time
	Took time.Duration
	// Cluster and Node are empty if they are not known.
	Cluster, Node string
	Sections      []Section
	// Errors are what was reported beside the findings.
	Errors []Problem
	// Status is the exit status that goes with it.
	Status int
}

// Section is a package or a volume group with its LUNs.
type Section struct {
	Name string
	// Type is that of a package, empty for a volume group.
	Type string
	// State is its condition, in a word; empty if nobody has judged. StartedBy is the
	// command by which it was started on this node, empty if it was not.
	State, StartedBy string
	// Known says that its LUNs could be found and opened. If not, Trouble
	// tells why, and there are no LUNs.
	Known   bool
	Trouble []Problem
	// Nodes are the columns: those that may run the package, then others
	// whose keys are there.
	Nodes []string
	LUNs  []LUN
	// whole is the section with the LUNs that Trim left out.
	whole *Section
}

// Problem is an error in words.
type Problem struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// LUN is what is known of one LUN. Pointers are nil, and lists are nil, for
// what is unknown.
type LUN struct {
	Name string `json:"lun"`
	// WWID is its name on all hosts; empty if it has none or was not opened.
	WWID string `json:"wwid"`
	// Known says that the reservations could be read, through one path at
	// least.
	Known bool `json:"known"`
	// State is its condition, in a word; empty if nobody has judged.
	State string `json:"state"`
	// Protected: no other than the nodes of the cluster can write, and of
	// these one only if the package is for one.
	Protected *bool `json:"protected"`
	// Paths are those of this host, Working those that answer.
	Paths   *int `json:"paths"`
	Working *int `json:"working"`
	// Keys are the registered ones, Foreign those of no node, the holder's
	// included.
	Keys    []string `json:"keys"`
	Foreign []string `json:"foreign"`
	// Nexuses are who is registered, Registrations how many.
	Nexuses       []Nexus `json:"nexuses"`
	Registrations *int    `json:"registrations"`
	Reserved      *bool   `json:"reserved"`
	// Holder, HolderNode and Type are of the reservation, empty if there is
	// none.
	Holder     string  `json:"holder,omitempty"`
	HolderNode string  `json:"node,omitempty"`
	Type       string  `json:"type,omitempty"`
	Generation *uint32 `json:"generation"`
	// Can is what a failover needs of the device; nil if the device does not tell.
	Can   *Can     `json:"can"`
	Nodes []OfNode `json:"nodes"`
	// Findings is nil if nothing was judged, as without a config.
	Findings []Finding `json:"findings"`
}

// Nexus is one registration.
type Nexus struct {
	Key string `json:"key"`
	// Node is whose key it is, empty if it belongs to no node.
	Node string `json:"node"`
	// Initiator and Port are the two ends, empty and nil if the device does not tell.
	Initiator string  `json:"initiator"`
	Port      *uint16 `json:"port"`
	Holds     bool    `json:"holds"`
}

// OfNode is one node on one LUN: a cell of the table.
type OfNode struct {
	Node string `json:"node"`
	// Registered counts the node's registrations. Expected is how many there
	// should be, which is known of this node alone.
	Registered *int `json:"registered"`
	Expected   *int `json:"expected"`
	// AllPorts: one registration stands for all target ports.
	AllPorts bool `json:"all_target_ports,omitempty"`
	// HostID is its NVMe host identifier, where that is known.
	HostID string `json:"nvme_host_id,omitempty"`
	// Holds, Leaving and Taking are false, too, where nothing is known.
	Holds   bool `json:"holds"`
	Leaving bool `json:"leaving"`
	Taking  bool `json:"taking"`
}

// Can is what a device says that it can do: yes, no or unknown.
type Can struct {
	PreemptAndAbort string `json:"preempt_and_abort"`
	Move            string `json:"register_and_move"`
	RegistrantsOnly string `json:"registrants_only"`
	Persist         string `json:"persist"`
}

// Finding is one thing that is wrong with a LUN, in words.
type Finding struct {
	Kind string   `json:"kind"`
	Path string   `json:"path,omitempty"`
	Keys []string `json:"keys,omitempty"`
	// Text says all of it in one line, What and Hint the two halves: what is
	// wrong, what can be done.
	Text string `json:"text"`
	What string `json:"-"`
	Hint string `json:"hint,omitempty"`
	// Grave: data can be lost, or nobody knows.
	Grave bool `json:"grave"`
}

// of finds the cell of a node.
func (l *LUN) of(node string) (OfNode, bool) {
	i := slices.IndexFunc(l.Nodes, func(n OfNode) bool { return n.Node == node })
	if i < 0 {
		return OfNode{}, false
	}
	return l.Nodes[i], true
}

// well reports whether there is nothing to say of a LUN.
func (l *LUN) well() bool { return l.Known && len(l.Findings) == 0 }

func (l *LUN) protected() bool { return l.Known && l.Protected != nil && *l.Protected }

// Protected reports whether every LUN of a section is known to be protected.
// One without LUNs is not.
func (s *Section) Protected() bool {
	for i := range s.LUNs {
		if !s.LUNs[i].protected() {
			return false
		}
	}
	return s.Known && len(s.LUNs) > 0
}

// AllKnown reports whether every LUN of a section could be read.
func (s *Section) AllKnown() bool {
	return s.Known && !slices.ContainsFunc(s.LUNs, func(l LUN) bool { return !l.Known })
}

// judged reports whether somebody looked for findings in the section.
func (s *Section) judged() bool {
	return !slices.ContainsFunc(s.LUNs, func(l LUN) bool { return l.Findings == nil })
}

// foreign reports whether a LUN of the section has keys of no node.
func (s *Section) foreign() bool {
	return slices.ContainsFunc(s.LUNs, func(l LUN) bool { return len(l.Foreign) > 0 })
}

// tally counts the LUNs of a picture.
type tally struct {
	all, protected, unknown, findings int
	// lost are sections that could not be opened, groups says what they are.
	lost   int
	groups bool
}

func (p *Picture) tally() tally {
	var t tally
	for i := range p.Sections {
		s := &p.Sections[i]
		if s.whole != nil {
			s = s.whole
		}
		if !s.Known {
			t.lost++
			t.groups = s.Type == ""
		}
		for j := range s.LUNs {
			l := &s.LUNs[j]
			t.all++
			switch {
			case !l.Known:
				t.unknown++
			case l.protected():
				t.protected++
			}
			if l.Known && len(l.Findings) > 0 {
				t.findings++
			}
		}
	}
	return t
}
