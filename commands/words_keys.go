package commands

import (
	"fmt"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/picture"
	"lunguard/protocol"
	"lunguard/scsi"
)

// keyWords are the words for the keys of one volume.
type keyWords struct{ device, keys, holder, node string }

// Words that stand where there is no key, and where it cannot be told.
const (
	none    = "NONE"
	unknown = "UNKNOWN"
)

func wordsOf(conf *cluster.Config, s protocol.Status) keyWords {
	if s.Err != nil || s.State == nil {
		return keyWords{picture.Printable(s.LUN), unknown, unknown, unknown}
	}
	w := keyWords{picture.Printable(s.LUN), none, none, none}
	if keys := s.State.Keys(); len(keys) > 0 {
		w.keys = keyList(keys)
	}
	held := s.State.Reservation
	if held == nil {
		return w
	}
	holders := []scsi.Key{held.Key}
	if held.Type.AllRegistrants() {
		holders = s.State.Keys()
	}
	w.holder, w.node = keyList(holders), nodeList(conf, holders)
	return w
}

func keyList(keys []scsi.Key) string {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = k.String()
	}
	return strings.Join(words, ",")
}

// nodeList names the nodes that the keys belong to.
func nodeList(conf *cluster.Config, keys []scsi.Key) string {
	var names []string
	for _, k := range keys {
		name := unknown
		if n, ok := conf.NodeOf(k); ok {
			name = n.Name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// keyWithNode names a key and whose it is.
func keyWithNode(conf *cluster.Config, k scsi.Key) string {
	n, ok := conf.NodeOf(k)
	if !ok {
		return k.String()
	}
	return fmt.Sprintf("%s (%s%s)", k, n.Name, markWords(k))
}

// markWords says which mark a node's key has.
func markWords(k scsi.Key) string {
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

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
