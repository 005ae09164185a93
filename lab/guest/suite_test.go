//go:build lab

package guest

import (
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/prtest"
)

// TestConformance runs the suite that the simulator has to pass on the kernel's target,
// through the product's own transport, by three initiators on one target port. It stands in
// the last file because it leaves an array behind.
func TestConformance(t *testing.T) {
	array := NewArray(t, "conformance", 1, 64)
	// A SPEC_I_PT that the target refuses costs it a reference to the initiator's ACL.
	array.Abandon()
	var paths [3]prtest.Path
	for i, n := range array.LoginAll(t, 1, "a", "b", "c") {
		d, err := scsi.OpenSG(n.Disk(0, 0), scsi.OpenReadOnly)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		paths[i] = prtest.Path{Transport: d}
	}
	prtest.Run(t, func(t *testing.T) *prtest.Bench {
		if err := prtest.Clear(t.Context(), paths); err != nil {
			t.Fatal(err)
		}
		return &prtest.Bench{Paths: paths, Deviations: prtest.LIO()}
	})
}
