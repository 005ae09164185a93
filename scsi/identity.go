package scsi

import (
	"strings"

	"lunguard/pr"
)

// A TransportID is the [pr.Initiator] of SCSI. An iSCSI name alone (format 00b)
// stands for a port whose ISID is not known.
var _ pr.Initiator = TransportID{}

// openISCSI begins every ISID that open-iscsi makes.
const openISCSI = "00023d"

// PortOf is an initiator as SCSI names it; the zero value if it is not known, or of
// another kind of storage.
func PortOf(i pr.Initiator) TransportID {
	t, _ := i.(TransportID)
	return t
}

// Host is what the ports of one host have in common: the iSCSI name without the
// ISID, which is another for each session; else the port itself.
func (t TransportID) Host() string {
	c := t.Canonical()
	if name, _, ok := c.ISCSIName(); ok {
		return name
	}
	return c.String()
}

// Same reports whether the other one names the same port. A case of letters and
// padding do not count.
func (t TransportID) Same(other pr.Initiator) bool {
	o, ok := other.(TransportID)
	return ok && t.Canonical() == o.Canonical()
}

// Whole reports whether it names a port: an iSCSI name without an ISID does not.
func (t TransportID) Whole() bool {
	_, isid, ok := t.ISCSIName()
	return !t.IsZero() && (!ok || isid != "")
}

// NamesHost reports whether it is an iSCSI name.
func (t TransportID) NamesHost() bool {
	_, _, ok := t.ISCSIName()
	return ok
}

// Likens compares this host's port with one that READ FULL STATUS lists. A guessed
// ISID is what open-iscsi makes of the number of the session.
func (t TransportID) Likens(listed pr.Initiator, guessed bool) pr.Likeness {
	o, ok := listed.(TransportID)
	if !ok {
		return pr.Unlike
	}
	own, theirs := t.Canonical(), o.Canonical()
	if own == theirs && (own.Whole() || own.IsZero()) {
		return pr.Alike
	}
	name, isid, ok := own.ISCSIName()
	name2, isid2, ok2 := theirs.ISCSIName()
	switch {
	case !ok || !ok2:
		return pr.Unlike
	case name != name2:
		return pr.Unlike
	case isid == "" || isid2 == "":
		// The same initiator, through some port of it.
		return pr.Perhaps
	}
	isid, isid2 = wholeISID(isid), wholeISID(isid2)
	switch {
	case isid == isid2:
		return pr.Alike
	case guessed && !strings.HasPrefix(isid2, openISCSI):
		return pr.Perhaps
	}
	return pr.Unlike
}

// wholeISID adds the leading zeros that some devices leave out.
func wholeISID(isid string) string {
	return strings.Repeat("0", max(0, 12-len(isid))) + isid
}
