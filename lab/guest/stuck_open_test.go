//go:build lab

package guest

import (
	"fmt"
	"testing"
)

// TestStuckFenceMember is TestStuckFence where the node that fences holds the reservation.
func TestStuckFenceMember(t *testing.T) {
	c := newStuck(t, "multi_node")
	mustType(t, c.jack4, "pr_start pkg1")
	mustType(t, c.jack3, "pr_start pkg1")
	c.hangs(t)
	line := fmt.Sprintf("pr_fence --timeout %v jack3 pkg1", stuckTimeout)
	c.takes(t, line)
	c.goesOn(t)
	c.settles(t, line)
}
