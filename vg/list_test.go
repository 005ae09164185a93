package vg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/child"
)

// Every disk is shown once, under the name that people use, with all paths of its LUN.
func TestLUNs(t *testing.T) {
	tr := newTree(t)
	a, b := fcAdapter(1, "0x2100000000000001"), fcAdapter(2, "0x2100000000000002")
	sda, sdb := tr.sd("sda", a, 1, 1), tr.sd("sdb", b, 1, 2)
	tr.sd("sdaa", a, 2, 1)
	tr.sd("sdc", b, 2, 2) // no map joins them
	sdd := tr.sd("sdd", a, 0, 1)
	tr.write(sdd+"/device/vendor", "ACME\x1b  \n")
	tr.write(sdd+"/device/model", "Disk 1\n")
	dm := tr.dm("dm-0", "mpath-36001", "/dev/mapper/mpatha", sda, sdb)
	tr.write(dm+"/dm/name", "mpatha\n")
	tr.write(dm+"/size", "2048\n")
	tr.write(dm+"/dev", "253:0\n")
	s := tr.system()
	s.byID = t.TempDir()
	for link, to := range map[string]string{"wwn-0x6001": "../../dm-0", "dm-name-mpatha": "../../dm-0", "scsi-1": "../../sdd"} {
		if err := os.Symlink(to, filepath.Join(s.byID, link)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.LUNs()
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Name, Vendor, Model string
		Paths, Links        []string
		Size                uint64
	}
	var list []shown
	for _, l := range got {
		list = append(list, shown{l.Device, l.Vendor, l.Model, named(l.Paths), l.Links, l.Size})
	}
	want := []shown{
		{"/dev/mapper/mpatha", "", "", []string{"/dev/sda", "/dev/sdb"}, []string{"/dev/disk/by-id/dm-name-mpatha", "/dev/disk/by-id/wwn-0x6001"}, 1 << 20},
		{"/dev/sdc", "", "", []string{"/dev/sdc", "/dev/sdaa"}, nil, 64 << 20},
		{"/dev/sdd", "ACME?", "Disk 1", []string{"/dev/sdd"}, []string{"/dev/disk/by-id/scsi-1"}, 64 << 20},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.sysfs = t.TempDir()
	if _, err := s.LUNs(); !errors.Is(err, ErrNoSysfs) {
		t.Errorf("without sysfs: %v", err)
	}
}

// Of NVMe namespaces the heads are listed, and not the paths that the kernel keeps.
func TestNamespacesListed(t *testing.T) {
	tr := newTree(t)
	for name, hidden := range map[string]string{"nvme0n1": "0", "nvme0c0n1": "1", "nvme1n10": "0", "nvme1n2": "0"} {
		dir := "devices/virtual/" + name
		tr.write(dir+"/nsid", "1\n")
		tr.write(dir+"/wwid", "uuid.x\n")
		tr.write(dir+"/hidden", hidden+"\n")
		tr.link("class/block/"+name, dir)
	}
	tr.write("devices/virtual/nvme0n1/nvme0n1p1/partition", "1\n")
	tr.link("class/block/nvme0n1p1", "devices/virtual/nvme0n1/nvme0n1p1")
	var got []string
	for _, dir := range namespaces(tr.root) {
		got = append(got, filepath.Base(dir))
	}
	if diff := cmp.Diff([]string{"nvme0n1", "nvme1n2", "nvme1n10"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A group is for several hosts if lvm2 says that it is clustered or shared.
func TestGroupShared(t *testing.T) {
	for attr, want := range map[string]bool{"wz--n-": false, "wz--ns": true, "wz--nc": true, "wzx-ns": true, "wz--n": false, "": false, "wz-s--": false} {
		if got := (lvmVolume{Attr: attr}).shared(); got != want {
			t.Errorf("%q: %v", attr, got)
		}
	}
}

// The groups are those of lvm2's report, or of what is on the disks.
func TestGroups(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("vg1", "vg1", 1, members("p1"))))
	m.block("sdb", image("p2", text("vg2", "vg2", 1, members("p2", "p3"))))
	want := []Group{{Name: "vg1", Volumes: []string{"/dev/sda"}}, {Name: "vg2", Volumes: []string{"/dev/sdb"}}}
	s := m.system()
	s.noLVM = true
	got, err := s.Groups(context.Background())
	for i := range got {
		for j, v := range got[i].Volumes {
			got[i].Volumes[j] = filepath.Join("/dev", filepath.Base(v))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, on the disks (-want +got):\n%s", err, diff)
	}
	s.noLVM = false
	s.lvm.run = func(context.Context, ...string) (child.Answer, error) {
		return child.Answer{Out: []byte(`{"report":[{"pv":[{"pv_name":"/dev/sdb","vg_name":"vg2"},{"pv_name":"[unknown]","vg_name":"vg2"},{"pv_name":"/dev/sda","vg_name":"vg1","vg_attr":"wz--ns"},{"pv_name":"/dev/sdz","vg_name":""}]}]}`)}, nil
	}
	want[0].Shared = true
	got, err = s.Groups(context.Background())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, of lvm2 (-want +got):\n%s", err, diff)
	}
}

// What it takes to list disks grows with their number, and not with its square: by what is
// allocated, since time is the machine's.
func TestLUNsGrowth(t *testing.T) {
	const few, many = 50, 800
	for name, make := range map[string]func(tr *tree, i int){
		"disks": func(tr *tree, i int) {
			tr.sd("sd"+letters(i), fcAdapter(1+i%4, fmt.Sprintf("0x210000000000000%d", i%4)), 1+i/2, 1+i%2)
		},
		"namespaces": func(tr *tree, i int) {
			name := fmt.Sprintf("nvme%dn1", i)
			dir := "devices/virtual/" + name
			tr.write(dir+"/nsid", "1\n")
			tr.write(dir+"/wwid", fmt.Sprintf("uuid.00000000-0000-4000-8000-%012d\n", i+1))
			tr.write(dir+"/dev", fmt.Sprintf("259:%d\n", i))
			tr.link("class/block/"+name, dir)
			tr.link("block/"+name, dir)
		},
	} {
		t.Run(name, func(t *testing.T) {
			cost := func(n int) float64 {
				tr := newTree(t)
				for i := range n {
					make(tr, i)
				}
				return testing.AllocsPerRun(1, func() {
					got, err := tr.system().LUNs()
					if err != nil || len(got) != n && len(got) != n/2 {
						t.Fatalf("%d, %v", len(got), err)
					}
				})
			}
			few, many := cost(few)/few, cost(many)/many
			t.Logf("%.0f allocations a disk of few, %.0f of many", few, many)
			if many > 2*few {
				t.Errorf("a disk takes %.0f allocations among few, and %.0f among many", few, many)
			}
		})
	}
}

// letters counts as disks do: a to z, aa, ab, ...
func letters(n int) string {
	s := ""
	for n++; n > 0; n = (n - 1) / 26 {
		s = string(rune('a'+(n-1)%26)) + s
	}
	return s
}
