package session

import (
	"context"
	"fmt"

	"lunguard/commands/front"
	"lunguard/protocol"
)

// CopyKeys copies within the LUNs of the run. What is pending on their paths is fetched
// first, and all is read after that.
func (r *PackageRun) CopyKeys(ctx context.Context) ([]protocol.Copied, error) {
	protocol.Drain(ctx, r.Run)
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
