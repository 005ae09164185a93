package listing

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/cluster"
	"lunguard/cluster/corosync"
	"lunguard/commands/front"
	"lunguard/pr"
	"lunguard/scsi"
)

func TestWhose(t *testing.T) {
	cs, err := corosync.Parse([]byte("totem {\n cluster_name: c\n}\nnodelist {\n node {\n  name: alpha\n  nodeid: 1\n  ring0_addr: 10.0.0.1\n }\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	alpha, err := cs.Key(corosync.ByPosition, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := owners{corosync: cs, conf: &cluster.Config{Tag: 0xbcb0, Nodes: []cluster.Node{{Name: "jack3", Key: 0xbcb00001}}, Retired: []cluster.RetiredNode{{Name: "old", Key: 0xbcb00002}}}}
	for k, want := range map[pr.Key]string{
		0xbcb00001:         "jack3",
		0x80000000bcb00001: "jack3, leaving",
		0xbcb00002:         "old, no member any more",
		0xbcb00009:         "node 9 of this cluster, which the config does not have",
		alpha:              "alpha (corosync, id)",
		0x5646444545443031: "looks like Veritas I/O fencing, cluster 57069, node 1",
		0x4256435300000000: "looks like Veritas Cluster Server, node 1",
		0x415643532d2d2d2d: "looks like Veritas Cluster Server, node 0",
		0x4350475230303034: "looks like Veritas CVM, node 2, disk group 0004",
		0x422d2d2d2d2d2d2d: "looks like Veritas I/O fencing, node 1",
		0x1000000000020003: "looks like LVM (vgchange --persist), host id 3, generation 2",
		0x0100000000000000: "looks like a Linux NFS server with pNFS SCSI layouts",
		0x00006d0a0b0c0d0e: "looks like IBM Storage Scale (GPFS)",
		0x2fcb0001:         "looks like node 1 of the tag 0x2fcb (Serviceguard, lunguard or fence_scsi)",
		0x800000002fcb0001: "looks like node 1 of the tag 0x2fcb (Serviceguard, lunguard or fence_scsi), leaving",
		0x2fcb0011:         "", // more nodes than a cluster has
		5:                  "looks like a key given by hand, or by the resource agent sg_persist",
		0x6e1f8a3c90b2d475: "",
		0x1b0be5c000000001: "looks like a run of pr_probe that was cut short, or is at work",
		0x565a444545443031: "", // VZ
	} {
		if got := o.whose(k); got != want {
			t.Errorf("%v: %q, %q expected", k, got, want)
		}
	}
	for k, ours := range map[pr.Key]bool{0xbcb00001: true, 0x40000000bcb00001: true, alpha: true, 0xbcb00002: false, 0xbcb00009: false} {
		if _, got := o.ours(k); got != ours {
			t.Errorf("%v is ours: %v", k, got)
		}
	}
	if got := (owners{}).whose(0xbcb00001); !strings.HasPrefix(got, "looks like ") {
		t.Errorf("without a config: %q", got)
	}
}

// A pattern that fits everything would be worse than none.
func FuzzWhose(f *testing.F) {
	f.Add(uint64(0x4150475230303031))
	f.Fuzz(func(t *testing.T, k uint64) {
		text := owners{}.whose(pr.Key(k))
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			t.Errorf("%#x: %q", k, text)
		}
	})
}

func TestHosts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names")
	text := "# hosts\n21:00:00:00:00:00:00:0A one\n0x5000000000000001\ttwo # SAS\nnaa.5000000000000002 three\nIQN.2026-01.test:a four\n\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := readHosts(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("10.0.0.5\tfive.test FIVE # six\n10.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h.readKnown(t.Context(), file)
	for _, c := range []struct {
		i    pr.Initiator
		want string
	}{
		{scsi.FCTransportID(0x210000000000000a), "one"},
		{scsi.SASTransportID(0x5000000000000001), "two"},
		{scsi.SASTransportID(0x5000000000000002), "three"},
		{scsi.ISCSIPortTransportID("iqn.2026-01.test:a", 0x23d000001), "four"},
		{scsi.ISCSIPortTransportID("iqn.2026-01.test:b", 0x23d000001), ""},
		{scsi.ISCSIPortTransportID("iqn.2026-01.test:x:Five", 1), "five"},
		{scsi.ISCSIPortTransportID("iqn.2026-01.test:six", 1), ""},
		{scsi.ISCSIPortTransportID("iqn.2026-01.test:five.test", 1), "five.test"},
		{scsi.ISCSIPortTransportID("five", 1), "five"},
		{nil, ""},
	} {
		if got := h.of(c.i); got != c.want {
			t.Errorf("%v: %q, %q expected", c.i, got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "?", 512: "512B", 1 << 20: "1M", 10 << 30: "10G", 1500 << 20: "1.5G", 1 << 60: "1E", 1<<64 - 1: "16E"} {
		if got := front.Size(n); got != want {
			t.Errorf("%d: %q, %q expected", n, got, want)
		}
	}
}

// Two answers are compared by what the LUNs are, not by their names; what is not known is
// not the same.
func TestCompare(t *testing.T) {
	free, held, key, gen := "", "Write Exclusive - Registrants Only", "0x1", uint32(1)
	a := shownLUN{LUN: "/dev/sda", WWID: "naa.1", Known: true, Type: &free, Holder: &free, Generation: &gen}
	b := shownLUN{LUN: "/dev/sdb", WWID: "naa.2", Known: true, Type: &held, Holder: &key, Registrations: []shownRegistration{{Key: key}, {Key: key}}}
	lost := b
	lost.Known, lost.Reason = false, "no answer"
	one := b
	one.Registrations = b.Registrations[:1]
	renamed := a
	renamed.LUN = "/dev/sdc"
	for name, c := range map[string]struct {
		before, now []shownLUN
		want        []difference
	}{
		"same":       {[]shownLUN{a, b}, []shownLUN{b, a}, nil},
		"renamed":    {[]shownLUN{a}, []shownLUN{renamed}, []difference{{"/dev/sdc", "was /dev/sda"}}},
		"new, gone":  {[]shownLUN{a}, []shownLUN{b}, []difference{{"/dev/sdb", "new"}, {"/dev/sda", "no longer here"}}},
		"lost":       {[]shownLUN{b}, []shownLUN{lost}, []difference{{"/dev/sdb", "unknown (no answer), was known"}}},
		"still lost": {[]shownLUN{lost}, []shownLUN{lost}, []difference{{"/dev/sdb", "unknown, as before: no answer"}}},
		"one less":   {[]shownLUN{b}, []shownLUN{one}, []difference{{"/dev/sdb", "gone: 0x1"}}},
	} {
		got := compare(&document{LUNs: c.before}, &document{LUNs: c.now}, false)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(difference{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
