//go:build lab

package guest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lunguard/vg/lvmmeta"
)

// lvmDisks is how many LUNs lvmCases need, and lvmDiskMB how large they are.
const lvmDisks, lvmDiskMB = 8, 16

// lvmCase is a state of disks that lvm2 has made.
type lvmCase struct {
	name string
	// script returns what to type; d are the disks.
	script func(d []string) string
	// groups are asked for, by name.
	groups []string
	// parts says that the first disk has two partitions, which are d[0] and d[1].
	parts bool
	// wraps says that the group is changed until its metadata goes over the end of the
	// first disk's ring.
	wraps bool
}

// lvmCases is what a volume group can look like. keep and back save the beginning of a
// disk and put it back, lose overwrites it.
func lvmCases() []lvmCase {
	return []lvmCase{
		{name: "one", groups: []string{"one"}, script: func(d []string) string { return "vgcreate one " + d[0] + "\npvcreate " + d[1] }},
		{name: "eight", groups: []string{"eight"}, script: func(d []string) string { return "vgcreate eight " + strings.Join(d, " ") }},
		{name: "eight-back", groups: []string{"eight"}, script: func(d []string) string {
			d = slices.Clone(d)
			slices.Reverse(d)
			return "vgcreate eight " + strings.Join(d, " ")
		}},
		{name: "extended", groups: []string{"extended", "other"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate extended %s\nvgcreate other %s\nvgextend extended %s", d[2], d[0], d[1])
		}},
		{name: "renamed", groups: []string{"before", "renamed"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate before %s %s\nvgrename before renamed", d[0], d[1])
		}},
		{name: "missing", groups: []string{"missing"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate missing %s %s %s\nlose %s", d[0], d[1], d[2], d[1])
		}},
		{name: "reduced", groups: []string{"reduced"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate reduced %s %s\nkeep %s\nlose %s\nvgreduce --removemissing reduced\nback %[2]s", d[0], d[1], d[1], d[1])
		}},
		{name: "returned", groups: []string{"returned"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate returned %s %s %s\nlvcreate -y -Wn -an -l2 -n lv0 returned %[2]s\nkeep %[2]s\nkeep %[3]s\nlose %[2]s\nlose %[3]s\n"+
				"vgreduce --removemissing returned || true\nback %[2]s\nback %[3]s", d[0], d[1], d[2])
		}},
		{name: "foreign", groups: []string{"theirs", "mine"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate mine %s\nvgcreate --systemid elsewhere theirs %s %s", d[0], d[1], d[2])
		}},
		{name: "copies", groups: []string{"copies"}, script: func(d []string) string {
			return fmt.Sprintf("pvcreate --pvmetadatacopies 2 %s\nvgcreate copies %[1]s %s", d[0], d[1])
		}},
		{name: "without", groups: []string{"without"}, script: func(d []string) string {
			return fmt.Sprintf("pvcreate --pvmetadatacopies 0 %s\nvgcreate without %s %[1]s", d[0], d[1])
		}},
		{name: "ignored", groups: []string{"ignored", "after"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate ignored %s %s\npvchange --metadataignore y %[1]s\nvgrename ignored after", d[0], d[1])
		}},
		{name: "stale", groups: []string{"stale"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate stale %[1]s %[2]s\nkeep %[1]s\nvgextend stale %[3]s\nback %[1]s", d[0], d[1], d[2])
		}},
		{name: "same", groups: []string{"same"}, script: func(d []string) string {
			return fmt.Sprintf("vgcreate same %s\nkeep %[1]s\nlose %[1]s\nvgcreate same %s\nback %[1]s", d[0], d[1])
		}},
		{name: "ring", wraps: true, groups: []string{"ring"}, script: func(d []string) string {
			// Each change writes 35 KB, so that it does not take many to go round.
			tags := ""
			for i := range 320 {
				tags += fmt.Sprintf(" --addtag %s%03d", strings.Repeat("t", 100), i)
			}
			return fmt.Sprintf("pvcreate --metadatasize 252k --dataalignment 256k %s %s\nvgcreate ring %[1]s %[2]s\nvgchange%[3]s ring", d[0], d[1], tags)
		}},
		{name: "parts", groups: []string{"parts"}, parts: true, script: func(d []string) string {
			return fmt.Sprintf("vgcreate --dataalignment 1m parts %s %s %s", d[1], d[0], d[2])
		}},
	}
}

// lvmShell are the words of the scripts that lvm2 does not have.
const lvmShell = `set -e
keep() { dd if=$1 of=/run/lab/kept-$(basename $1) bs=1M count=2 iflag=direct status=none; }
back() { dd if=/run/lab/kept-$(basename $1) of=$1 bs=1M count=2 oflag=direct status=none; }
lose() { dd if=/dev/zero of=$1 bs=1M count=2 oflag=direct status=none; }
`

// build makes the case on disks of a node and returns the devices that lvm2 may see.
func (c lvmCase) build(t *testing.T, n *Node, disks []string) []string {
	t.Helper()
	if c.parts {
		disks = append(partition(t, n, disks[0]), disks[1:]...)
	}
	letLVMSee(t, n, disks)
	if r := n.Shell(t, lvmShell+c.script(disks)); r.Exit != 0 {
		t.Fatalf("%s: %v", c.name, r)
	}
	for i := 0; c.wraps && !goesOverTheEnd(t, disks[0]); i++ {
		if i == 100 {
			t.Fatal("the metadata never goes over the end of the ring")
		}
		n.MustRun(t, "vgchange", "--addtag", fmt.Sprintf("b%d", i), c.groups[0])
	}
	return disks
}

// goesOverTheEnd reports whether the newest text of a disk's first metadata area begins
// before the end of the ring and ends behind its beginning.
func goesOverTheEnd(t *testing.T, disk string) bool {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A map of memory is aligned as direct reads want it.
	b, err := unix.Mmap(-1, 0, lvmmeta.HeadSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	a, err := lvmmeta.DecodeArea(b[4096:], 4096)
	if err != nil {
		t.Fatal(err)
	}
	return len(a.Pieces()) == 2
}

// partition makes two partitions of 7 MiB on a disk, as fdisk would.
func partition(t *testing.T, n *Node, disk string) []string {
	t.Helper()
	table := make([]byte, 512)
	for i, start := range []uint32{2048, 16384} {
		e := table[446+16*i:]
		e[4] = 0x8e
		binary.LittleEndian.PutUint32(e[8:], start)
		binary.LittleEndian.PutUint32(e[12:], 14336)
	}
	table[510], table[511] = 0x55, 0xaa
	n.RunInput(t, string(table), "dd", "of="+disk, "bs=512", "count=1", "conv=notrunc,fsync", "status=none")
	n.MustRun(t, "blockdev", "--rereadpt", disk)
	return []string{disk + "1", disk + "2"}
}

// letLVMSee makes the node's filter fit.
func letLVMSee(t *testing.T, n *Node, devices []string) {
	t.Helper()
	var filter strings.Builder
	for _, d := range devices {
		fmt.Fprintf(&filter, "\"a|^%s$|\", ", d)
	}
	text := fmt.Appendf(nil, lvmConfig, filter.String(), filepath.Join(n.dir(), "backup"))
	if err := os.WriteFile(filepath.Join(n.dir(), "lvm.conf"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}
