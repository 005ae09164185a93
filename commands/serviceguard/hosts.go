package serviceguard

import (
	"errors"
	"fmt"

	"lunguard/cluster"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// compareHosts compares by what host identifier namespaces know this node with what the
// config says of its nodes.
func (a *application) compareHosts(luns []*protocol.LUN) error {
	var errs []error
	for _, l := range luns {
		for _, p := range l.Paths {
			host := session.HostOf(p.Identity().Initiator)
			id, _ := cluster.PlainHostID(host)
			e := &hostIDError{device: p.Name(), host: host, node: a.Node.Name}
			for _, n := range a.merge.Config.Nodes {
				switch {
				case n.HostID() == "" || host == "":
				case n.Name == a.Node.Name && n.HostID() != id:
					e.wanted = n.HostID()
				case n.Name != a.Node.Name && n.HostID() == id:
					e.owner = n.Name
				}
			}
			if e.wanted != "" || e.owner != "" {
				errs = append(errs, e)
				break
			}
		}
	}
	return errors.Join(errs...)
}

// hostIDError says that a namespace knows this node by another host identifier than the
// config has for it.
type hostIDError struct {
	device, host, node string
	// wanted is the node's own in the config, owner the other node that has the one in
	// use there; empty if it does not say.
	wanted, owner string
}

func (e *hostIDError) Error() string {
	text := fmt.Sprintf("%s: to the namespace this node is %s", e.device, e.host)
	if e.owner != "" {
		return text + ", which is the NODE_NVME_HOSTID of " + e.owner
	}
	return text + ", and the NODE_NVME_HOSTID of " + e.node + " is " + e.wanted
}

func (e *hostIDError) Message() words.Message {
	hint := "correct the config, or /etc/nvme/hostid of this node, and connect its controllers anew"
	if e.owner != "" {
		hint = "two machines with one host identifier cannot be fenced one by one: give this node its own in /etc/nvme/hostid, and connect its controllers anew"
	}
	return words.Message{What: e.Error(), Hint: hint, Status: words.ExitFailed}
}
