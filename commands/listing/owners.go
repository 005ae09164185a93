package listing

import (
	"fmt"

	"lunguard/cluster"
	"lunguard/cluster/corosync"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// owners tells whose a key is. What the config and corosync's say is so; a pattern is
// never more than a likeness.
type owners struct {
	conf     *cluster.Config
	corosync *corosync.Config
}

// ours reports whether a key is that of a node of this cluster, and says which.
func (o owners) ours(k pr.Key) (string, bool) {
	if n, ok := o.conf.NodeOf(k); ok {
		return n.Name + words.Mark(k), true
	}
	if o.corosync != nil {
		if node, by, ok := o.corosync.Recognise(protocol.Plain(k), ""); ok {
			return fmt.Sprintf("%s (corosync, %s)%s", node, by, words.Mark(k)), true
		}
	}
	return "", false
}

// whose says it in words, empty if nothing is known.
func (o owners) whose(k pr.Key) string {
	if node, ok := o.ours(k); ok {
		return node
	}
	plain := protocol.Plain(k)
	if o.conf != nil {
		for _, n := range o.conf.Retired {
			if n.Key == plain {
				return n.Name + ", no member any more" + words.Mark(k)
			}
		}
		if o.conf.Tag != 0 && plain>>16 == pr.Key(o.conf.Tag) {
			return fmt.Sprintf("node %d of this cluster, which the config does not have", plain&0xffff)
		}
	}
	return words.LooksLike(k)
}
