package scsi

import "strings"

// Identity is what a host knows of one of its own I_T nexuses without asking
// the device. The zero value is one of which nothing is known.
type Identity struct {
	// Initiator names the initiator port. An iSCSI name alone (format 00b)
	// stands for a port whose ISID is not known.
	Initiator TransportID
	// GuessedISID says that nobody told the ISID: it is what open-iscsi makes
	// of the number of the session.
	GuessedISID bool
	// RelativePort is the RELATIVE TARGET PORT IDENTIFIER of the port of the
	// device that the path leads to; 0 if it is not known.
	RelativePort uint16
}

// Likeness tells whether a registration is that of a nexus.
type Likeness uint8

// Answers of [Identity.Likens].
const (
	// Unlike: it is another nexus's.
	Unlike Likeness = iota
	// Perhaps: too little is known of the nexus.
	Perhaps
	// Alike: it is that of the nexus.
	Alike
)

// openISCSI begins every ISID that open-iscsi makes.
const openISCSI = "00023d"

// Likens compares the nexus with one that READ FULL STATUS lists.
func (id Identity) Likens(r FullStatus) Likeness {
	if !r.AllTgtPort && id.RelativePort != 0 && r.RelativePort != 0 && id.RelativePort != r.RelativePort {
		return Unlike
	}
	like := id.LikensInitiator(r)
	if like == Alike && !r.AllTgtPort && (id.RelativePort == 0 || r.RelativePort == 0) {
		return Perhaps
	}
	return like
}

// LikensInitiator compares the initiator ports alone: a device may register all
// of its target ports for one, and a path to a port may be away.
func (id Identity) LikensInitiator(r FullStatus) Likeness {
	if id.Initiator.IsZero() || r.TransportID.IsZero() {
		return Perhaps
	}
	own, theirs := id.Initiator.Canonical(), r.TransportID.Canonical()
	name, isid, ok := own.ISCSIName()
	name2, isid2, ok2 := theirs.ISCSIName()
	switch {
	case !ok || !ok2:
		if own == theirs {
			return Alike
		}
		return Unlike
	case name != name2:
		return Unlike
	case isid == "" || isid2 == "":
		// The same initiator, through some port of it.
		return Perhaps
	}
	isid, isid2 = wholeISID(isid), wholeISID(isid2)
	switch {
	case isid == isid2:
		return Alike
	case id.GuessedISID && !strings.HasPrefix(isid2, openISCSI):
		return Perhaps
	}
	return Unlike
}

// wholeISID adds the leading zeros that some devices leave out.
func wholeISID(isid string) string {
	return strings.Repeat("0", max(0, 12-len(isid))) + isid
}
