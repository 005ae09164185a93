//go:build lab

package guest

import (
	"strings"
	"testing"
	"time"
)

// TestProbe tries the kernel's own target: it is fit, by two runs on two nodes that meet on
// the LUN, and by the two paths of one node. Nothing is left.
func TestProbe(t *testing.T) {
	array := NewArray(t, "probe", 1, 64)
	// A SPEC_I_PT that the target refuses costs it a reference to the initiator's ACL.
	array.Abandon()
	nodes := array.LoginAll(t, 2, "a", "b")
	fit := func(r Result, began time.Time) {
		t.Helper()
		t.Logf("%v\n%s%s", time.Since(began).Round(time.Second), r.Stdout, r.Stderr)
		wantExit(t, r, 0)
		// An old kernel does not tell its commands: that is fit with other ways.
		if !strings.Contains(r.Stdout, ": fit") {
			t.Error("it is not fit")
		}
	}
	probe := func(device string, options ...string) []string {
		return append(append([]string{"pr_probe", "--destroy-reservations", device, "--scratch", "7"}, options...), device)
	}
	began := time.Now()
	other := nodes[1].Start(t, nil, probe(nodes[1].Disk(0, 0), "--two-hosts")...)
	one := nodes[0].Run(t, probe(nodes[0].Disk(0, 0), "--two-hosts")...)
	fit(one, began)
	fit(other.Wait(t), began)
	began = time.Now()
	fit(nodes[0].Run(t, probe(nodes[0].Multipath(t, 0))...), began)
	if state := Witness(t, nodes[0].Disk(0, 0)); len(state.Keys) > 0 || state.Holder != 0 {
		t.Errorf("left is %+v", state)
	}
}
