package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/vg"
)

// MayTake refuses to take a failover package from another node while something of
// it is in use here: this node has lost the package and does not know it, and what
// it has in memory would go over what the other has written since. That it cannot
// be told is no leave either.
//
// Nothing is sent to a LUN unless there is something to refuse.
func (s *Session) MayTake(ctx context.Context, run *PackageRun) error {
	if run.Package.Type != cluster.Failover {
		return nil
	}
	disks := make([]*vg.Disk, len(run.LUNs))
	for i, l := range run.LUNs {
		disks[i] = run.opened.DiskOf(l)
	}
	look := &protocol.Run{Parallel: run.Parallel, Room: run.Room}
	var used []vg.Usage
	for i, u := range s.Host.InUse(disks) {
		if len(u.Uses) > 0 || u.Err != nil {
			look.LUNs, used = append(look.LUNs, run.LUNs[i]), append(used, u)
		}
	}
	if len(used) == 0 {
		return nil
	}
	var errs []error
	for i, now := range look.Show(ctx) {
		if now.Err != nil {
			errs = append(errs, now.Err)
			continue
		}
		if holder := otherHolder(run, now.State); holder != 0 {
			errs = append(errs, &inUseError{lun: now.LUN, holder: words.KeyOf(run.Config, holder), usage: used[i]})
		}
	}
	return errors.Join(errs...)
}

// otherHolder is the key of another node of the cluster that holds the reservation,
// 0 if there is none.
func otherHolder(run *PackageRun, s *pr.State) pr.Key {
	held := s.Reservation
	if held == nil {
		return 0
	}
	holders := []pr.Key{held.Key}
	if held.Type.AllRegistrants() {
		holders = s.Keys()
	}
	for _, k := range holders {
		if n, ok := run.Config.NodeOf(k); ok && n.Name != run.Node.Name {
			return k
		}
	}
	return 0
}

// inUseError says that another node holds a LUN that is in use here, or of which
// that is not known.
type inUseError struct {
	lun, holder string
	usage       vg.Usage
}

func (e *inUseError) Error() string {
	text := e.lun + ": reserved by " + e.holder
	if len(e.usage.Uses) == 0 {
		return text + ", and whether it is in use on this node is not known: " + words.Reason(e.lun, e.usage.Err)
	}
	const most = 4
	var list []string
	for _, u := range e.usage.Uses[:min(most, len(e.usage.Uses))] {
		list = append(list, words.Use(u))
	}
	if more := len(e.usage.Uses) - most; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	return text + ", and in use on this node: " + strings.Join(list, ", ")
}

// Unwrap is why it is not known.
func (e *inUseError) Unwrap() error { return e.usage.Err }

func (e *inUseError) Message() words.Message {
	if len(e.usage.Uses) == 0 {
		return words.Message{What: e.Error(), Status: words.ExitNode,
			Hint: "nothing was changed: what is in use here while another node has it must not be taken back; see why this node cannot tell, or restart it"}
	}
	return words.Message{What: e.Error(), Status: words.ExitFailed,
		Hint: "nothing was changed: this node has lost the package; end, unmount and deactivate what is left of it here, or restart this node, before it is started here"}
}

// Shifted is the *ShiftedError of what this node remembers, nil if there is none or if it
// cannot be understood.
func (d Diary) Shifted() error {
	var shifted *ShiftedError
	if _, _, err := d.read(); errors.As(err, &shifted) {
		return shifted
	}
	return nil
}

// nodeKeys are the keys of the nodes of a config, which may be nil, by their names.
func nodeKeys(conf *cluster.Config) map[string]string {
	keys := map[string]string{}
	if conf != nil {
		for _, n := range conf.Nodes {
			if n.Name != conf.ByHand {
				keys[n.Name] = n.Key.String()
			}
		}
	}
	return keys
}

// shifted is a *ShiftedError of a node that had another key then: of this one, or of one
// whose key is another node's now.
func (j Joined) shifted(here cluster.Node, conf *cluster.Config) error {
	if here.Key != 0 && j.Key != here.Key.String() {
		return &ShiftedError{here.Name, j.Key}
	}
	now := nodeKeys(conf)
	for _, name := range slices.Sorted(maps.Keys(now)) {
		was := j.Nodes[name]
		for other, key := range now {
			if was == key && other != name {
				return &ShiftedError{name, was}
			}
		}
	}
	return nil
}

// ShiftedError says that a node's key has changed since this node was let in, and which it
// was then.
type ShiftedError struct{ Node, Was string }

func (e *ShiftedError) Error() string {
	return "the key of " + e.Node + " has changed since this node was let in: it was " + e.Was
}

// Message says it to people.
func (e *ShiftedError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: words.ShiftedHint, Status: words.ExitFailed}
}
