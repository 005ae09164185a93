package words

import (
	"fmt"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/likeness"
	"lunguard/commands/picture"
	"lunguard/pr"
	"lunguard/protocol"
)

// KeyWords are the words for the keys of one volume.
type KeyWords struct {
	Device, Keys, Holder, Node string
	// All says that all registrants hold.
	All bool
}

// AllRegistrants is who holds a reservation that everybody holds who is registered.
const AllRegistrants = "all registrants"

// Words that stand where there is no key, and where it cannot be told.
const (
	None    = "NONE"
	Unknown = "UNKNOWN"
)

// OfKeys says who is on a volume; unknown if it could not be read.
func OfKeys(conf *cluster.Config, s protocol.Status) KeyWords {
	if s.Err != nil || s.State == nil {
		return KeyWords{Device: picture.Printable(s.LUN), Keys: Unknown, Holder: Unknown, Node: Unknown}
	}
	w := KeyWords{Device: picture.Printable(s.LUN), Keys: None, Holder: None, Node: None}
	if keys := s.State.Keys(); len(keys) > 0 {
		w.Keys = Keys(keys)
	}
	held := s.State.Reservation
	if held == nil {
		return w
	}
	holders := []pr.Key{held.Key}
	if held.Type.AllRegistrants() {
		holders, w.All = s.State.Keys(), true
	}
	w.Holder, w.Node = Keys(holders), Nodes(conf, holders)
	return w
}

// Keys lists keys.
func Keys(keys []pr.Key) string {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = k.String()
	}
	return strings.Join(words, ",")
}

// Nodes names the nodes that the keys belong to.
func Nodes(conf *cluster.Config, keys []pr.Key) string {
	var names []string
	for _, k := range keys {
		name := Unknown
		if n, ok := conf.NodeOf(k); ok {
			name = n.Name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// KeyOf names a key and whose it is.
func KeyOf(conf *cluster.Config, k pr.Key) string {
	n, ok := conf.NodeOf(k)
	if !ok {
		return k.String()
	}
	return fmt.Sprintf("%s (%s%s)", k, n.Name, Mark(k))
}

// LooksLike says what made keys of this form, and never more than that; empty if no form
// is known.
func LooksLike(k pr.Key) string {
	// A form may have the bits of our marks for itself.
	like := likeness.Of(k)
	if plain := protocol.Plain(k); like == "" && plain != k {
		if like = likeness.Of(plain); like != "" {
			like += Mark(k)
		}
	}
	if like == "" {
		return ""
	}
	return "looks like " + like
}

// Mark says which mark a node's key has, behind its name; nothing if it has none.
func Mark(k pr.Key) string {
	switch {
	case k&protocol.Marks == protocol.Marks:
		return ", leaving and taking"
	case k&protocol.LeavingMark != 0:
		return ", leaving"
	case k&protocol.TakingMark != 0:
		return ", taking"
	}
	return ""
}

// Plural is a number with its noun.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
