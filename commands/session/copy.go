package session

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"lunguard/commands/front"
	"lunguard/protocol"
)

// CopyKeys copies within the LUNs of the run. What other nodes did to them before it
// began is pending on each path as a unit attention, once; on a path that is used for
// the first time when something is to be changed, that would look like a change
// beside this one, and end it. So it is fetched first, and all is read after that.
func (r *PackageRun) CopyKeys(ctx context.Context) ([]protocol.Copied, error) {
	limit := r.Parallel
	if limit == 0 {
		limit = protocol.DefaultParallel
	}
	makeRoom(min(len(r.LUNs), limit))
	var g errgroup.Group
	g.SetLimit(limit)
	for _, l := range r.LUNs {
		g.Go(func() error {
			for _, p := range l.Paths {
				// What is wrong with the path shows when it is used.
				_ = p.Drain(ctx)
			}
			return nil
		})
	}
	_ = g.Wait() // no function has an error
	return r.Copy(ctx)
}

// PrintCopiedKeys tells what was copied, in the vendor's words.
func PrintCopiedKeys(c *front.Call, copied []protocol.Copied) {
	for _, l := range copied {
		for _, k := range l.Keys {
			fmt.Fprintf(c.Out, "Successfully copied registration key %s to %s\n", k, l.LUN)
		}
		if l.Holder != 0 {
			fmt.Fprintf(c.Out, "Successfully copied reservation key %s to %s\n", l.Holder, l.LUN)
		}
	}
}
