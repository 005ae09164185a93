package vg

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/nvme"
)

const (
	hostA  = "2f6e1c5a-0b1d-4c3e-8f90-a1b2c3d4e5f6"
	hostB  = "11111111-2222-3333-4444-555555555555"
	nsUUID = "uuid.5eed0000-0000-0000-0000-000000000001"
)

// nvmeTree is a made-up sysfs: a subsystem with the namespace's head, and controllers,
// each with a hostid, or none for "".
func nvmeTree(t *testing.T, wwid string, hostids ...string) (root string) {
	t.Helper()
	files := map[string]string{
		"subsys0/subsysnqn": "nqn.x\n", "subsys0/nvme0n1/nsid": "1\n", "subsys0/nvme0n1/wwid": wwid + "\n",
		"subsys0/nvme0n1/dev": "259:0\n", "subsys0/nvme0n1/nvme0n1p1/partition": "1\n", "subsys0/ng0n1/dev": "238:0\n", "block/": "",
	}
	for i, id := range hostids {
		at := "ctl/nvme" + string(rune('0'+i)) + "/"
		files[at+"cntlid"], files[at+"subsysnqn"], files[at+"transport"] = "1\n", "nqn.x\n", "tcp\n"
		if id != "" {
			files[at+"hostid"] = id + "\n"
		}
	}
	root = sysTree(t, files)
	for i := range hostids {
		name := "nvme" + string(rune('0'+i))
		if err := os.Symlink(filepath.Join("..", "ctl", name), filepath.Join(root, "subsys0", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../subsys0/nvme0n1", filepath.Join(root, "block", "nvme0n1")); err != nil {
		t.Fatal(err)
	}
	return root
}

func hostID(t *testing.T, text string) nvme.HostID {
	t.Helper()
	h, err := nvme.ParseHostID(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The head of native multipath is one path, whichever of its devices is named.
func TestNamespace(t *testing.T) {
	a := hostID(t, hostA)
	head := Device{Name: "/dev/nvme0n1", Number: "259:0", Namespace: true, Identity: a.Identity()}
	mute := head
	mute.Identity = nvme.HostID{}.Identity()
	for name, c := range map[string]struct {
		wwid    string
		hostids []string
		dir     string
		want    Device
		err     error
	}{
		"head":                      {nsUUID, []string{hostA, hostA}, "subsys0/nvme0n1", head, nil},
		"partition":                 {nsUUID, []string{hostA}, "subsys0/nvme0n1/nvme0n1p1", head, nil},
		"character device":          {nsUUID, []string{hostA}, "subsys0/ng0n1", Device{Name: "/dev/x", Number: "char 238:0", Namespace: true, Identity: a.Identity()}, nil},
		"NGUID":                     {"eui.5eed0000000000000000000000000001", []string{hostA}, "subsys0/nvme0n1", head, nil},
		"PCIe, which does not tell": {nsUUID, []string{"", ""}, "subsys0/nvme0n1", mute, nil},
		"one of two tells":          {nsUUID, []string{hostA, ""}, "subsys0/nvme0n1", mute, nil},
		"two hosts":                 {nsUUID, []string{hostA, hostB}, "subsys0/nvme0n1", Device{}, ErrHostIDs},
		"no host":                   {nsUUID, []string{hostA, strings.Repeat("0", 32)}, "subsys0/nvme0n1", Device{}, ErrNoHostID},
		"no host identifier":        {nsUUID, []string{"nonsense"}, "subsys0/nvme0n1", Device{}, nvme.ErrBadHostID},
		"a name of many":            {"nvme.1b36-31-51-00000001", []string{hostA}, "subsys0/nvme0n1", Device{}, ErrNoName},
		"no name":                   {"", []string{hostA}, "subsys0/nvme0n1", Device{}, ErrNoName},
		"controller":                {nsUUID, []string{hostA}, "ctl/nvme0", Device{}, ErrController},
	} {
		t.Run(name, func(t *testing.T) {
			root := nvmeTree(t, c.wwid, c.hostids...)
			d, err := (&System{sysfs: root}).diskIn("/dev/x", filepath.Join(root, c.dir), false)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("%v", err)
			}
			if err != nil {
				return
			}
			want := &Disk{Device: "/dev/x", WWID: c.wwid, Paths: []Device{c.want}}
			if diff := cmp.Diff(want, d, cmp.AllowUnexported(nvme.HostID{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Without native multipath a namespace has a disk for each controller, which a multipath
// map has to join.
func TestNamespacePaths(t *testing.T) {
	files := map[string]string{"dm-0/dm/uuid": "mpath-x\n", "dm-0/dev": "253:0\n", "block/": ""}
	for _, n := range []string{"0", "1"} {
		at := "ctl/nvme" + n + "/"
		files[at+"cntlid"], files[at+"subsysnqn"], files[at+"hostid"] = "1\n", "nqn.x\n", hostA+"\n"
		files[at+"nvme"+n+"n1/nsid"], files[at+"nvme"+n+"n1/wwid"], files[at+"nvme"+n+"n1/dev"] = "1\n", nsUUID+"\n", "259:"+n+"\n"
		files["ctl/nvme0/nvme0c1n1/wwid"], files["ctl/nvme0/nvme0c1n1/hidden"], files["ctl/nvme0/nvme0c1n1/nsid"] = nsUUID+"\n", "1\n", "1\n"
	}
	for name, mapped := range map[string]bool{"a map": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			root := sysTree(t, files)
			link := func(to, at string) {
				if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, at)), 0o755), os.Symlink(filepath.Join(root, to), filepath.Join(root, at))); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range []string{"0", "1"} {
				link("ctl/nvme"+n+"/nvme"+n+"n1", "block/nvme"+n+"n1")
				if mapped {
					link("ctl/nvme"+n+"/nvme"+n+"n1", "dm-0/slaves/nvme"+n+"n1")
					link("dm-0", "ctl/nvme"+n+"/nvme"+n+"n1/holders/dm-0")
				}
			}
			link("ctl/nvme0/nvme0c1n1", "block/nvme0c1n1")
			s := &System{sysfs: root}
			if !mapped {
				var unjoined *UnjoinedError
				if d, err := s.diskIn("/dev/x", filepath.Join(root, "ctl/nvme0/nvme0n1"), false); !errors.As(err, &unjoined) || len(unjoined.Disks) != 2 {
					t.Errorf("%v, %v", d, err)
				}
				return
			}
			for _, dir := range []string{"dm-0", "ctl/nvme0/nvme0n1"} {
				d, err := s.diskIn("/dev/x", filepath.Join(root, dir), false)
				if err != nil || len(d.Paths) != 2 || d.WWID != nsUUID || d.Paths[0].Name != "/dev/nvme0n1" || d.Paths[1].Name != "/dev/nvme1n1" || !d.Paths[1].Namespace {
					t.Errorf("%s: %+v, %v", dir, d, err)
				}
			}
		})
	}
}

// What was found as a namespace is not opened as another device.
func TestOpenNamespaceRefuses(t *testing.T) {
	for path, want := range map[Device]error{
		{Name: "/dev/null", Number: "char 1:3", Namespace: true}: ErrNotSCSIDisk,
		{Name: "/dev/nosuch", Namespace: true}:                   os.ErrNotExist,
	} {
		p, err := NewSystem().OpenNamespace(path)
		var e *DeviceError
		if !errors.Is(err, want) || p != nil || !errors.As(err, &e) || e.Device != path.Name {
			t.Errorf("%s: %v", path.Name, err)
		}
	}
}
