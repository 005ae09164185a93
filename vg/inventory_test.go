package vg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/vg/lvmmeta"
	"lunguard/vg/lvmmeta/lvmtest"
)

// fileDevice is a file that stands for a block device.
type fileDevice struct{ *os.File }

// openFile opens one, whatever its number.
func openFile(node, _ string) (device, error) {
	f, err := os.Open(node)
	if err != nil {
		return nil, err
	}
	return fileDevice{f}, nil
}

// machine is a made-up one: sysfs in root, device files in root/dev.
type machine struct {
	*stack
	numbers int
}

func newMachine(t *testing.T) *machine { return &machine{stack: newStack(t)} }

// system reads the machine's disks.
func (m *machine) system() *System {
	return &System{sysfs: m.root, noLVM: true, disks: inventories{scan: scanner{
		sysfs: m.root, dev: filepath.Join(m.root, "dev"), wait: 5 * time.Second, open: openFile,
	}}}
}

// block makes a block device of what is in it. The name may be of a partition,
// as in sda/sda1; nothing in it is a device without size.
func (m *machine) block(name string, content []byte) {
	m.t.Helper()
	m.numbers++
	kind := "disk"
	if strings.Contains(name, "/") {
		kind = "partition"
	}
	m.write(name+"/uevent", fmt.Sprintf("MAJOR=8\nMINOR=%d\nDEVNAME=%s\nDEVTYPE=%s\n", m.numbers, name, kind))
	m.write(name+"/size", fmt.Sprintf("%d\n", len(content)/512))
	m.write("dev/"+filepath.Base(name), string(content))
	class := filepath.Join(m.root, "class", "block")
	if err := os.MkdirAll(class, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(m.root, name), filepath.Join(class, filepath.Base(name))); err != nil {
		m.t.Fatal(err)
	}
}

// hold says that one device holds others.
func (m *machine) hold(holder string, below ...string) {
	m.t.Helper()
	for _, b := range below {
		dir := filepath.Join(m.root, b, "holders")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			m.t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(m.root, holder), filepath.Join(dir, holder)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// wants fails unless a group is found on these devices, named without /dev.
func (m *machine) wants(s *System, group string, devices ...string) {
	m.t.Helper()
	g, err := s.Group(context.Background(), group)
	if err != nil {
		m.t.Fatal(err)
	}
	want := &Group{Name: g.Name}
	for _, d := range devices {
		want.Volumes = append(want.Volumes, filepath.Join(m.root, "dev", d))
	}
	if diff := cmp.Diff(want, g); diff != "" {
		m.t.Errorf("%s (-want +got):\n%s", group, diff)
	}
}

// refuses fails unless a group is not found for that reason, in those words.
func (m *machine) refuses(s *System, group string, class error, says ...string) error {
	m.t.Helper()
	g, err := s.Group(context.Background(), group)
	var ge *GroupError
	if g != nil || !errors.Is(err, class) || !errors.As(err, &ge) || ge.Group != group {
		m.t.Fatalf("%s: %+v, %v; %v expected", group, g, err, class)
	}
	for _, w := range says {
		if !strings.Contains(err.Error(), w) {
			m.t.Errorf("%v does not say %q", err, w)
		}
	}
	return err
}

const imageSize = 1 << 20

// image is a physical volume with a text.
func image(pv, text string) []byte {
	return lvmtest.Disk{UUID: lvmtest.UUID(pv), Size: imageSize, Areas: []lvmtest.Area{{Start: 4096, Size: imageSize - 4096, Text: text, Offset: 4608}}}.Image()
}

// bare is a physical volume without a metadata area.
func bare(pv string) []byte { return lvmtest.Disk{UUID: lvmtest.UUID(pv), Size: imageSize}.Image() }

// members are physical volumes that were on sda, sdb and so on.
func members(pvs ...string) []lvmtest.Member {
	var list []lvmtest.Member
	for i, pv := range pvs {
		list = append(list, lvmtest.Member{UUID: lvmtest.UUID(pv), Hint: "/dev/sd" + string(rune('a'+i))})
	}
	return list
}

// text is the metadata of a group.
func text(name, uuid string, seqno int, m []lvmtest.Member) string {
	return lvmtest.Group{Name: name, UUID: lvmtest.UUID(uuid), Seqno: seqno, Members: m}.Text()
}

// uuid is a UUID as errors show it.
func uuid(word string) string {
	u, err := lvmmeta.ParseUUID(lvmtest.UUID(word))
	if err != nil {
		return err.Error()
	}
	return u.String()
}

// Groups are found by the metadata that all their volumes have.
func TestGroupOnDisks(t *testing.T) {
	m := newMachine(t)
	both := text("vg1", "vg1", 3, members("p1", "p2", "p3"))
	m.block("sda", image("p1", both))
	m.block("sdb", image("p2", both))
	m.block("sdc", bare("p3"))
	m.block("sdd", image("p4", text("vg2", "vg2", 1, members("p4"))))
	m.block("sde", image("p5", ""))
	m.block("sdf", make([]byte, imageSize))
	m.block("sdg", image("gone", text("vg3", "vg3", 1, members("p9", "gone"))))
	m.block("sdh", nil)
	s := m.system()
	for _, name := range []string{"vg1", "/dev/vg1", uuid("vg1")} {
		m.wants(s, name, "sda", "sdb", "sdc")
	}
	m.wants(s, "vg2", "sdd")
	for _, name := range []string{"before", "vg", "", "/dev/", "p1", uuid("p1"), "vg1/"} {
		m.refuses(s, name, ErrNoGroup)
	}
}

// What is wrong with a group is told with what is needed to put it right.
func TestGroupOnDisksRefused(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("part", "part", 1, members("p1", "p2"))))
	m.block("sdb", image("p3", text("same", "same1", 1, members("p3"))))
	m.block("sdc", image("p4", text("same", "same2", 1, members("p4"))))
	m.block("sdd", image("p5", text("twice", "twice", 1, members("p5", "p6"))))
	m.block("sde", image("p6", text("twice", "twice", 1, members("p5"))))
	m.block("sdf", image("p7", text("moved1", "moved1", 1, members("p7", "p8"))))
	m.block("sdg", image("p8", text("moved2", "moved2", 1, members("p8"))))
	returned := members("p9", "pa", "pb")
	returned[1].Missing, returned[1].Used, returned[2].Missing = true, true, true
	m.block("sdh", image("p9", text("back", "back", 2, returned)))
	m.block("sdi", image("pa", text("back", "back", 1, members("p9", "pa", "pb"))))
	m.block("sdj", image("pb", text("back", "back", 1, members("p9", "pa", "pb"))))
	s := m.system()
	err := m.refuses(s, "part", ErrMissingVolume, uuid("p2")+" (last seen as /dev/sdb)")
	var me *MissingError
	if !errors.As(err, &me) || len(me.Volumes) != 1 || me.Volumes[0] != (MissingVolume{UUID: uuid("p2"), Hint: "/dev/sdb"}) {
		t.Errorf("%+v", me)
	}
	m.refuses(s, "same", ErrSameName, uuid("same1")+", "+uuid("same2"))
	m.wants(s, uuid("same2"), "sdc")
	m.refuses(s, "twice", ErrContradiction, "/dev/sdd", "/dev/sde", "change 1")
	m.refuses(s, "moved1", ErrContradiction, "moved2", uuid("p8"))
	m.refuses(s, "moved2", ErrContradiction, "moved1")
	m.refuses(s, "back", ErrMissingVolume, uuid("pa")+" (returned as "+m.root+"/dev/sdi)")
	m.refuses(s, "none", ErrNoGroup)
}

// Devices that are one physical volume are an error, unless they lie on one
// multipath map.
func TestDuplicateVolumes(t *testing.T) {
	content := image("p1", text("vg1", "vg1", 1, members("p1")))
	make := func(names ...string) *machine {
		m := newMachine(t)
		for _, n := range names {
			m.block(n, content)
		}
		return m
	}
	m := make("sda", "sdb")
	m.disk("sda", 1)
	m.disk("sdb", 2)
	err := m.refuses(m.system(), "vg1", ErrDuplicateVolume, m.root+"/dev/sda, "+m.root+"/dev/sdb (copies)", uuid("p1"))
	var de *DuplicateError
	if !errors.As(err, &de) || len(de.Devices) != 2 || de.Paths || de.UUID != uuid("p1") {
		t.Errorf("%+v", de)
	}
	m.block("sdc", image("p2", text("vg2", "vg2", 1, members("p2"))))
	m.wants(m.system(), "vg2", "sdc")

	m = make("sda", "sdb")
	m.disk("sda", 1)
	m.disk("sdb", 1)
	m.refuses(m.system(), "vg1", ErrDuplicateVolume, "without a multipath map")
	m.over("dm-0", "dm", "mpath-36001", "sda", "sdb")
	m.hold("dm-0", "sda", "sdb")
	m.block("dm-0", content)
	m.wants(m.system(), "vg1", "dm-0")
	m.write("dm-0/dm/name", "mpatha\n")
	m.write("dev/mapper/mpatha", string(content))
	m.wants(m.system(), "vg1", "mapper/mpatha")
	m.over("dm-1", "dm", "", "dm-0")
	m.block("dm-1", content)
	m.wants(m.system(), "vg1", "dm-1")

	m = make("loop0", "loop1")
	m.refuses(m.system(), "vg1", ErrDuplicateVolume, "copies")
}

// A group is what all its volumes say, or it is not found: the newest text does not
// tell which is right, and a volume that is left out would stay unprotected.
func TestContradictions(t *testing.T) {
	of := func(seqno int, pvs ...string) string { return text("vg1", "vg1", seqno, members(pvs...)) }
	areas := func(pv string, texts ...string) []byte {
		d := lvmtest.Disk{UUID: lvmtest.UUID(pv), Size: imageSize}
		for i, text := range texts {
			d.Areas = append(d.Areas, lvmtest.Area{Start: 4096 + i*(256<<10), Size: 256 << 10, Text: text, Offset: 4608})
		}
		return d.Image()
	}
	damaged := func(b []byte) []byte {
		b[9000]++
		return b
	}
	usual := of(3, "p1", "p2")
	for name, c := range map[string]struct {
		disks [][]byte
		says  string
	}{
		"a stranger with the newest":   {[][]byte{image("p1", usual), image("p2", usual), image("px", of(9, "p1"))}, "change 9"},
		"a stranger with the same":     {[][]byte{image("p1", usual), image("p2", usual), image("px", usual)}, "is no volume of the group"},
		"a stranger with one change":   {[][]byte{image("p1", usual), image("p2", usual), image("px", of(3, "p1"))}, "is no volume of the group"},
		"removed while it was away":    {[][]byte{image("p1", of(4, "p1")), image("p2", usual)}, "(change 3) is no volume of the group"},
		"by itself no member":          {[][]byte{image("p1", usual), image("p2", of(4, "p1"))}, "change 4"},
		"older on a member":            {[][]byte{image("p1", of(4, "p1", "p2")), image("p2", usual)}, "is of change 3"},
		"older in a second area":       {[][]byte{image("p1", usual), areas("p2", usual, of(2, "p1", "p2"))}, "is of change 2"},
		"one change, other members":    {[][]byte{image("p1", usual), image("p2", of(3, "p1", "p2", "p3")), bare("p3")}, "differ about change 3"},
		"one change, other words":      {[][]byte{image("p1", usual), image("p2", strings.Replace(usual, "pe_count = 15", "pe_count = 16", 1))}, "differ about change 3"},
		"an area without a text":       {[][]byte{image("p1", usual), image("p2", "")}, "is in no group"},
		"a second area without a text": {[][]byte{image("p1", usual), areas("p2", usual, "")}, "is in no group"},
		"an area that is damaged":      {[][]byte{image("p1", usual), damaged(image("p2", usual))}, "wrong checksum"},
		"the second area of another":   {[][]byte{image("p1", usual), areas("p2", usual, text("vg2", "vg2", 1, members("p9")))}, "is of vg2"},
		"more areas than lvm2 makes":   {[][]byte{image("p1", usual), areas("p2", usual, usual, usual)}, "3 metadata areas"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			for i, d := range c.disks {
				m.block("sd"+string(rune('a'+i)), d)
			}
			m.refuses(m.system(), "vg1", ErrContradiction, c.says)
		})
	}
	// None of this is a contradiction.
	m := newMachine(t)
	later := strings.Replace(usual, "creation_time = ", "creation_time = 9", 1)
	m.block("sda", areas("p1", usual, later))
	m.block("sdb", image("p2", later))
	m.block("sdc", image("px", text("vg2", "vg2", 9, members("px"))))
	m.wants(m.system(), "vg1", "sda", "sdb")
}

// Six disks with the worst that can be on them cost little more memory than one.
func TestHostileDisksCost(t *testing.T) {
	m := newMachine(t)
	large := text("vg1", "vg1", 3, members("p1")) + strings.Repeat("#\n", 7<<20)
	const size = 32 << 20
	for i := range 6 {
		name := string(rune('a' + i))
		d := lvmtest.Disk{UUID: lvmtest.UUID("p" + name), Size: size, Areas: []lvmtest.Area{
			{Start: 4096, Size: size/2 - 4096, Text: large + name, Offset: 512}, {Start: size / 2, Size: size / 2, Text: large + name + "=", Offset: 512},
		}}
		m.block("sd"+name, d.Image())
	}
	s := m.system()
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var most atomic.Uint64
	s.disks.scan.open = func(node, number string) (device, error) {
		d, err := openFile(node, number)
		return heapWatch{d, &most}, err
	}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	m.refuses(s, "vg1", ErrNoGroup)
	if grown := most.Load() - before.HeapAlloc; grown > 100<<20 {
		t.Errorf("%d MB in use at once", grown>>20)
	}
}

// heapWatch takes note of the largest heap while a device is read.
type heapWatch struct {
	device
	most *atomic.Uint64
}

func (h heapWatch) ReadAt(b []byte, off int64) (int, error) {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	for {
		old := h.most.Load()
		if now.HeapAlloc <= old || h.most.CompareAndSwap(old, now.HeapAlloc) {
			return h.device.ReadAt(b, off)
		}
	}
}

// Damage is named where it may be the reason, and nowhere else.
func TestDamage(t *testing.T) {
	m := newMachine(t)
	good := text("vg1", "vg1", 1, members("p1", "p2"))
	broken := image("p2", good)
	broken[9000]++
	m.block("sda", image("p1", good))
	m.block("sdb", broken)
	label := image("p3", text("vg3", "vg3", 1, members("p3")))
	label[600]++
	m.block("sdc", label)
	m.block("sdd", image("p4", strings.Replace(good, "seqno", "seqnr", 1)))
	s := m.system()
	m.block("sde", image("p5", text("vg5", "vg5", 1, members("p5"))))
	m.wants(s, "vg5", "sde")
	err := m.refuses(s, "vg3", ErrNoGroup, "/dev/sdb: metadata text at byte", "/dev/sdc: label at byte 512: wrong checksum", "/dev/sdd: metadata text")
	var ue *UnreadError
	if !errors.As(err, &ue) || len(ue.Devices) != 3 {
		t.Errorf("%+v", ue)
	}
	if got := (&UnreadError{Err: ErrNoGroup, Devices: append(ue.Devices, ue.Devices...)}).Error(); !strings.Contains(got, "/dev/sdb") {
		t.Error(got)
	}
	many := &UnreadError{Err: ErrNoGroup}
	for range 20 {
		many.Devices = append(many.Devices, ue.Devices...)
	}
	if got := many.Error(); !strings.HasSuffix(got, ", and 52 more") {
		t.Error(got)
	}
}
