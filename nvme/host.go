package nvme

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"lunguard/pr"
)

// HostID is the host identifier, by which a namespace knows who is registered: 16 bytes,
// or 8 on controllers that know no longer one. The bytes are in the order of the wire,
// in which Linux sends the UUID of /etc/nvme/hostid. The zero value is no host: on a
// controller that has none yet every controller is a host of its own, and on fabrics all
// who state 0 are one.
//
// It is the [pr.Initiator] of NVMe. Values can be compared.
type HostID struct {
	id [longHostID]byte
	// short says that only the first 8 bytes are there.
	short bool
}

// Lengths of a host identifier.
const (
	shortHostID = 8
	longHostID  = 16
)

var _ pr.Initiator = HostID{}

// ErrBadHostID says that a text or a field is no host identifier.
var ErrBadHostID = errors.New("not a host identifier")

// MakeHostID takes the 8 or 16 bytes of the wire. The error is ErrBadHostID.
func MakeHostID(b []byte) (HostID, error) {
	h := HostID{short: len(b) == shortHostID}
	if len(b) != shortHostID && len(b) != longHostID {
		return HostID{}, fmt.Errorf("%w: %d bytes", ErrBadHostID, len(b))
	}
	copy(h.id[:], b)
	return h, nil
}

// ParseHostID reads 16 or 32 hexadecimal digits; dashes, as in a UUID, do not count.
// The error is ErrBadHostID.
func ParseHostID(text string) (HostID, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), "-", ""))
	if err != nil {
		return HostID{}, fmt.Errorf("%w: %q", ErrBadHostID, text)
	}
	return MakeHostID(b)
}

// Bytes are those of the wire.
func (h HostID) Bytes() []byte {
	if h.short {
		return h.id[:shortHostID]
	}
	return h.id[:]
}

// IsZero reports whether it is no identifier.
func (h HostID) IsZero() bool { return h.id == [longHostID]byte{} }

// Short reports whether it has 8 bytes.
func (h HostID) Short() bool { return h.short }

// String is a UUID, or 16 digits.
func (h HostID) String() string {
	d := hex.EncodeToString(h.Bytes())
	if h.short {
		return d
	}
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
}

// Host is the identifier itself: all paths of a host have one.
func (h HostID) Host() string { return h.String() }

// Same reports whether the other one is the same host. None is the same as no one.
func (h HostID) Same(other pr.Initiator) bool {
	o, ok := other.(HostID)
	return ok && h == o && !h.IsZero()
}

// Whole reports whether it names a host.
func (h HostID) Whole() bool { return !h.IsZero() }

// NamesHost is false: an identifier may have been made anew.
func (h HostID) NamesHost() bool { return false }

// Likens compares this host with one that a report lists. An identifier of 0 may be any
// controller's that has none.
func (h HostID) Likens(listed pr.Initiator, _ bool) pr.Likeness {
	o, ok := listed.(HostID)
	switch {
	case !ok:
		return pr.Unlike
	case h.Same(o):
		return pr.Alike
	case h.IsZero() && o.IsZero():
		return pr.Perhaps
	}
	return pr.Unlike
}

// Identity is that of a path of this host. All of a host's paths are one registration.
func (h HostID) Identity() pr.Identity {
	if h.IsZero() {
		return pr.Identity{}
	}
	return pr.Identity{Initiator: h, AllPorts: true}
}
