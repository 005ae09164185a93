//go:build lab

package guest

import (
	"context"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"lunguard/pr"
	"lunguard/pr/pathtest"
	"lunguard/scsi"
	"lunguard/scsi/prtest"
	"lunguard/vg"
)

// TestConformance runs the suite that the simulator has to pass on the kernel's target,
// through the product's own transport, by three initiators on one target port, and that of
// paths, on which the protocols rely. It stands in
// the last file because it leaves an array behind.
func TestConformance(t *testing.T) {
	array := NewArray(t, "conformance", 1, 64)
	// A SPEC_I_PT that the target refuses costs it a reference to the initiator's ACL.
	array.Abandon()
	var paths [3]prtest.Path
	var disks [3]string
	for i, n := range array.LoginAll(t, 1, "a", "b", "c") {
		disks[i] = n.Disk(0, 0)
		d, err := scsi.OpenSG(disks[i], scsi.OpenReadOnly)
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
	deviations := prtest.LIO(kernelVersion(t))
	prtest.Run(t, func(t *testing.T) *prtest.Bench {
		if err := prtest.Clear(t.Context(), paths); err != nil {
			t.Fatal(err)
		}
		return &prtest.Bench{Paths: paths, Deviations: deviations}
	})
	t.Run("Path", func(t *testing.T) {
		pathtest.Run(t, func(t *testing.T) *pathtest.Bench {
			if err := prtest.Clear(t.Context(), paths); err != nil {
				t.Fatal(err)
			}
			return pathBench(disks, paths)
		})
	})
}

// kernelVersion are the first two numbers of the kernel's version.
func kernelVersion(t *testing.T) (major, minor int) {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	t.Logf("kernel %s", release)
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		t.Fatalf("%s: %v", release, err)
	}
	return major, minor
}

// pathBench makes paths of disks and their transports.
func pathBench(disks [3]string, paths [3]prtest.Path) *pathtest.Bench {
	bench, system := &pathtest.Bench{}, vg.NewSystem()
	for i, disk := range disks {
		identity := func() pr.Identity {
			d, err := system.Paths(disk)
			if err != nil {
				return pr.Identity{}
			}
			return d.Paths[0].Identity
		}
		bench.Paths[i] = scsi.NewUnit(disk, &scsi.Retry{Transport: paths[i].Transport, AfterStateChange: true}).WithIdentity(identity)
	}
	bench.Write = func(ctx context.Context, path int) error {
		t := &scsi.Retry{Transport: paths[path].Transport, AfterStateChange: true}
		return scsi.Write{BlockSize: 512, Data: make([]byte, 512)}.Execute(ctx, t)
	}
	return bench
}
