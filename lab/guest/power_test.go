//go:build lab

package guest

import (
	"slices"
	"testing"
)

// TestPowerCycle shows that the protection outlives a power loss of the array: whoever had
// not registered before it cannot write after it.
func TestPowerCycle(t *testing.T) {
	c := rawCluster(t, 2)
	c.jack3.MustRun(t, "pr_start", "pkg1")
	c.wantOwner(t, c.jack3)
	var before [][]Registration
	for _, s := range c.look(t) {
		before = append(before, s.Full)
	}
	c.array.PowerCycle(t)
	c.owns(t, "", c.luns...) // disks may have other names now
	for i, s := range c.look(t) {
		if !slices.Equal(s.Full, before[i]) || s.Holder != key1 || s.Type != TypeWERO {
			t.Errorf("LUN %d after the power loss: %+v, before it: %+v", c.luns[i], s, before[i])
		}
	}
	for _, lun := range c.luns {
		if got := DirectWrite(t, c.jack4.Disk(lun, 0)); got != WriteConflict {
			t.Errorf("write of jack4 to LUN %d after the power loss: %v", lun, got)
		}
	}
	// A restarted owner has a new session beside the registration of the old one.
	wantExit(t, typed(t, c.jack3, "pr_start -v pkg1"), 0)
	if got := DirectWrite(t, c.jack3.Disk(0, 0)); got != WriteOK {
		t.Errorf("write of jack3 after its start: %v", got)
	}
	wantExit(t, typed(t, c.jack4, "pr_start -v pkg1"), 0)
	c.wantOwner(t, c.jack4)
	wantExit(t, typed(t, c.jack3, "pr_halt pkg1"), 0)
	c.wantOwner(t, c.jack4)
}
