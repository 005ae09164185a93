//go:build lab

package guest

import (
	"strings"
	"testing"
	"time"
)

// TestProbe tries the kernel's own target. Two runs on two nodes that meet on the LUN find it
// fit; one node's two paths are one initiator where a port of them holds, and that is not
// enough. Nothing is left.
func TestProbe(t *testing.T) {
	array := NewArray(t, "probe", 1, 64)
	// A SPEC_I_PT that the target refuses costs it a reference to the initiator's ACL.
	array.Abandon()
	nodes := array.LoginAll(t, 2, "a", "b")
	says := func(r Result, began time.Time, status int, verdict string) {
		t.Helper()
		t.Logf("%v\n%s%s", time.Since(began).Round(time.Second), r.Stdout, r.Stderr)
		wantExit(t, r, status)
		if !strings.Contains(r.Stdout, ": "+verdict) || strings.Contains(r.Stdout, "\nbroken ") {
			t.Errorf("the verdict is not %s", verdict)
		}
	}
	probe := func(device string, options ...string) []string {
		return append(append([]string{"pr_probe", "--destroy-reservations", device, "--scratch", "7"}, options...), device)
	}
	began := time.Now()
	other := nodes[1].Start(t, nil, probe(nodes[1].Disk(0, 0), "--two-hosts")...)
	one := nodes[0].Run(t, probe(nodes[0].Disk(0, 0), "--two-hosts")...)
	says(one, began, 0, "fit")
	says(other.Wait(t), began, 0, "fit")
	began = time.Now()
	alone := nodes[0].Run(t, probe(nodes[0].Multipath(t, 0))...)
	says(alone, began, 2, "unknown")
	if !strings.Contains(alone.Stdout, "SameIQNBlocked") {
		t.Error("that one port of a node is passed over while another holds was not seen")
	}
	if state := Witness(t, nodes[0].Disk(0, 0)); len(state.Keys) > 0 || state.Holder != 0 {
		t.Errorf("left is %+v", state)
	}
}
