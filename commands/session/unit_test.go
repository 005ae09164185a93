package session

import (
	"errors"
	"path/filepath"
	"testing"

	"lunguard/pr"
	"lunguard/scsi/simlun"
	"lunguard/vg/simhost"
)

// A path on which each command is sent once is asked, too, which unit it leads to: before
// the first command, and again when the device tells that units were exchanged.
func TestOpenExpects(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	if _, err := simhost.CreateArray(dir, simhost.Spec{Nodes: []string{"jack3"}, LUNs: 2, Paths: 1, LUN: simlun.Config{Blocks: 16}}); err != nil {
		t.Fatal(err)
	}
	host, err := simhost.Open(filepath.Join(dir, "jack3"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := host.Disk("/dev/sda")
	if err != nil {
		t.Fatal(err)
	}
	plan := func(text string) {
		t.Helper()
		p, err := simlun.ParsePlan(text)
		if err == nil {
			err = simlun.SetFaults(filepath.Join(dir, "array/lun0"), p)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	open := func(wwid string) OpenPath {
		t.Helper()
		p, err := Open(host, d.Paths[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		p.Expect(wwid, "")
		return p
	}
	p := open(d.WWID)
	if _, err := pr.List(t.Context(), p); err != nil {
		t.Error(err)
	}
	plan("any@every:elsewhere")
	if _, err := pr.List(t.Context(), open(d.WWID)); !errors.Is(err, pr.ErrWrongDevice) {
		t.Errorf("another unit: %v", err)
	}
	// Nobody has told: this path is not asked again, and one without a name never.
	for _, p := range []OpenPath{p, open("")} {
		if _, err := pr.List(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
	for _, sense := range []string{"6/3f/0e", "6/3f/03"} {
		p := open("")
		plan("")
		p.Expect(d.WWID, "")
		if _, err := pr.List(t.Context(), p); err != nil {
			t.Error(err)
		}
		plan("prin@1:sense=" + sense + " any@every:elsewhere")
		if _, err := pr.List(t.Context(), p); !errors.Is(err, pr.ErrUnitAttention) {
			t.Errorf("%s: %v", sense, err)
		}
		if _, err := pr.List(t.Context(), p); !errors.Is(err, pr.ErrWrongDevice) {
			t.Errorf("another unit after %s: %v", sense, err)
		}
	}
}
