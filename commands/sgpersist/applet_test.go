package sgpersist

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"lunguard/commands/front"
	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// Of the paths that --all-paths finds none is opened that is another device by now;
// what is named is opened as it is.
func TestOpenFound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	if _, err := simhost.CreateArray(dir, simhost.Spec{Nodes: []string{"jack3"}, LUNs: 2, Paths: 2, LUN: simlun.Config{Blocks: 16}}); err != nil {
		t.Fatal(err)
	}
	c := front.NewCall(t.Context(), Applet(), front.Streams{}, func(name string) string {
		return map[string]string{front.SimVariable: filepath.Join(dir, "jack3")}[name]
	})
	on := persistOn(c, nil)
	names, err := on.Paths("/dev/mapper/mpatha")
	if err != nil || len(names) != 2 {
		t.Fatal(names, err)
	}
	dev := filepath.Join(dir, "jack3", "dev")
	if err := os.Rename(filepath.Join(dev, "sdd"), filepath.Join(dev, "sdb")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"/dev/sda": nil, "/dev/sdb": vg.ErrOtherDevice, "/dev/sdc": nil} {
		p, err := on.Open(name, true)
		if !errors.Is(err, want) || (p == nil) != (want != nil) {
			t.Errorf("%s: %v, %v; %v expected", name, p, err, want)
		}
		if p != nil {
			p.Close()
		}
	}
	here := front.NewCall(t.Context(), Applet(), front.Streams{}, func(string) string { return "" })
	for _, found := range []vg.Device{{Name: "/dev/null", Number: "char 1:5"}, {Name: "/dev/null"}} {
		if p, err := openRaw(here, "/dev/null", found, true); p != nil || !errors.Is(err, vg.ErrOtherDevice) {
			t.Errorf("found as %v: %v, %v", found, p, err)
		}
	}
	p, err := persistOn(here, nil).Open("/dev/null", true)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
}
