package session

import (
	"context"
	"errors"
	"fmt"
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
