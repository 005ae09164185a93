package pr

// Initiator is who is registered: an initiator port, or a host, as its storage
// spells it. Values of one kind of storage are compared with each other; another
// kind's is nobody that it knows. nil is one that is not known.
type Initiator interface {
	// String names it for people. It is safe to print.
	String() string
	// Host is what all initiators of one host have in common, as far as their names
	// tell; else it is the initiator's own name.
	Host() string
	// Same reports whether both name one initiator, however each is spelled.
	Same(Initiator) bool
	// Whole reports whether it names one initiator, and not all those of a host.
	Whole() bool
	// NamesHost reports whether Host is a name of the host itself, and not of an adapter or
	// an installation, which may be replaced.
	NamesHost() bool
	// Likens compares a host's own initiator with one that a device lists; guessed
	// says that nobody told the host all of its own name.
	Likens(listed Initiator, guessed bool) Likeness
}

// Same reports whether two initiators are one, or both unknown.
func Same(a, b Initiator) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Same(b)
}

// Likeness tells whether a registration is that of a path.
type Likeness uint8

// Answers of [Identity.Likens].
const (
	// Unlike: it is another path's.
	Unlike Likeness = iota
	// Perhaps: too little is known of the path.
	Perhaps
	// Alike: it is that of the path.
	Alike
)

// Identity is what a host knows of one of its own paths without asking the device.
// The zero value is one of which nothing is known.
type Identity struct {
	// Initiator is this host at the path's end; nil if it is not known.
	Initiator Initiator
	// Guessed says that nobody told all of its name.
	Guessed bool
	// RelativePort is the number that the device gives its port at the other end
	// of the path; 0 if it is not known.
	RelativePort uint16
	// AllPorts says that the device has one registration for the initiator, whatever path
	// made it.
	AllPorts bool
}

// Likens compares the path with a registration that a device lists.
func (id Identity) Likens(r Registration) Likeness {
	if !r.AllPorts && id.RelativePort != 0 && r.RelativePort != 0 && id.RelativePort != r.RelativePort {
		return Unlike
	}
	like := id.LikensInitiator(r)
	if like == Alike && !r.AllPorts && (id.RelativePort == 0 || r.RelativePort == 0) {
		return Perhaps
	}
	return like
}

// LikensInitiator compares the initiators alone: a device may register all of its
// ports for one, and a path to a port may be away.
func (id Identity) LikensInitiator(r Registration) Likeness {
	if id.Initiator == nil || r.Initiator == nil {
		return Perhaps
	}
	return id.Initiator.Likens(r.Initiator, id.Guessed)
}
