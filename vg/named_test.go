package vg

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What a name states of a LUN is compared with what the LUN is called; names that state
// nothing, or nothing that is spelt alike everywhere, are of any LUN.
func TestCheckName(t *testing.T) {
	const (
		regext = "naa.600140500000000100000000000000aa"
		reg    = "naa.5000c50012345678"
		eui    = "eui.0011223344556677"
		nguid  = "eui.00112233445566778899aabbccddeeff"
		uuid   = "uuid.ab000000-0000-0000-0000-000000000001"
	)
	links := map[string]string{
		"/dev/disk/by-id/mine": "wwn-0x600140500000000100000000000000aa", "/dev/lun": "disk/by-id/mine", "/dev/round": "round",
		"/dev/disk/by-id/wwn-0x600140500000000100000000000000aa": "../../sdb",
	}
	readlink := func(name string) (string, error) {
		if to, ok := links[name]; ok {
			return to, nil
		}
		return "", fs.ErrNotExist
	}
	for name, c := range map[string]struct {
		stated string
		other  string
	}{
		"/dev/disk/by-id/wwn-0x600140500000000100000000000000aa":                  {regext, "naa.600140500000000100000000000000ab"},
		"/dev/disk/by-id/wwn-0x600140500000000100000000000000AA-part12":           {regext, "naa.600140500000000100000000000000ab"},
		"/dev/disk/by-id/wwn-0x5000c50012345678":                                  {reg, "naa.5000c50012345679"},
		"/dev/disk/by-id/scsi-3600140500000000100000000000000aa":                  {regext, "naa.600140500000000100000000000000ab"},
		"/dev/disk/by-id/scsi-35000c50012345678-part1":                            {reg, "naa.5000c50012345679"},
		"/dev/disk/by-id/scsi-20011223344556677":                                  {eui, "eui.0011223344556678"},
		"/dev/disk/by-id/nvme-eui.00112233445566778899aabbccddeeff":               {nguid, "eui.00112233445566778899aabbccddeefe"},
		"/dev/disk/by-id/nvme-eui.0011223344556677-part3":                         {eui, "eui.0011223344556678"},
		"/dev/disk/by-id/nvme-uuid.ab000000-0000-0000-0000-000000000001":          {uuid, "uuid.ab000000-0000-0000-0000-000000000002"},
		"/dev/disk/by-id/dm-uuid-mpath-3600140500000000100000000000000aa":         {regext, "naa.600140500000000100000000000000ab"},
		"/dev/disk/by-id/dm-uuid-part1-mpath-35000c50012345678":                   {reg, "naa.5000c50012345679"},
		"/dev/disk/by-id/dm-uuid-mpath-uuid.ab000000-0000-0000-0000-000000000001": {uuid, "uuid.ab000000-0000-0000-0000-000000000002"},
		"/dev/disk/by-id/dm-name-3600140500000000100000000000000aa":               {regext, "naa.600140500000000100000000000000ab"},
		"/dev/mapper/3600140500000000100000000000000aa":                           {regext, "naa.600140500000000100000000000000ab"},
		"/dev/mapper/3600140500000000100000000000000aap1":                         {regext, "naa.600140500000000100000000000000ab"},
		"/dev/mapper/eui.00112233445566778899aabbccddeeff":                        {nguid, "eui.00112233445566778899aabbccddeefe"},
		"/dev/disk/by-id/mine":                                                    {regext, "naa.600140500000000100000000000000ab"},
		"/dev/lun":                                                                {regext, "naa.600140500000000100000000000000ab"},
	} {
		for _, known := range [][]string{{c.stated}, {"t10.LIO", c.stated}, {c.other, c.stated}} {
			if got, err := CheckName(name, readlink, known); err != nil || got != c.stated {
				t.Errorf("%s of %v: %v, %v", name, known, got, err)
			}
		}
		// What the kernel does not know the device is asked for.
		for _, known := range [][]string{nil, {""}, {"t10.LIO"}} {
			if got, err := CheckName(name, readlink, known); err != nil || got != c.stated {
				t.Errorf("%s of %v: %v, %v", name, known, got, err)
			}
		}
		var wrong *MisnamedError
		if _, err := CheckName(name, readlink, []string{"t10.LIO", c.other}); !errors.As(err, &wrong) || !errors.Is(err, ErrMisnamed) || wrong.Stated != c.stated || wrong.WWID != c.other {
			t.Errorf("%s of %s: %v", name, c.other, err)
		}
	}
	for _, name := range []string{
		"/dev/sda", "/dev/sda1", "/dev/mapper/mpatha", "/dev/mapper/mpathp1", "/dev/mapper/vg1-lv1", "/dev/round", "/dev/vg1/3600140500000000100000000000000aa",
		"/dev/disk/by-id/wwn-0x6", "/dev/disk/by-id/wwn-0x1000c50012345678", "/dev/disk/by-id/scsi-SLIO-ORG_disk1_abc", "/dev/disk/by-id/scsi-1LIO-ORG_disk1",
		"/dev/disk/by-id/ata-DISK_35000c50012345678", "/dev/disk/by-id/nvme-DISK_1", "/dev/disk/by-id/dm-uuid-LVM-3600140500000000100000000000000aa", "/dev/disk/by-id/dm-name-vg1-lv1",
		"/dev/disk/by-id/wwn-0x5000c500123456780000000000000000", "/dev/disk/by-id/nvme-eui.00", "/dev/disk/by-id/nvme-nvme.1b36-31-51454d55-00000001", "/dev/disk/by-path/pci-0000:00",
	} {
		if got, err := CheckName(name, readlink, []string{regext, "naa.5000c50012345679", eui}); err != nil || got != "" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	// udev's WWN is the first half.
	const half = "/dev/disk/by-id/wwn-0x6001405000000001"
	if got, err := CheckName(half, readlink, []string{regext}); err != nil || got != "" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := CheckName(half, readlink, []string{"naa.600140500000000200000000000000aa"}); !errors.Is(err, ErrMisnamed) {
		t.Errorf("%v", err)
	}
}

// A name of a LUN leads to no namespace whose name the kernel prefers to all others, and
// such a namespace has no name beside it that contradicts. EUI-64 and NGUID name both.
func TestCheckNameNamespace(t *testing.T) {
	nowhere := func(string) (string, error) { return "", fs.ErrNotExist }
	const uuid, serial, nguid = "uuid.ab000000-0000-0000-0000-000000000001", "nvme.1b36-31-51454d55-00000001", "eui.00112233445566778899aabbccddeeff"
	for _, c := range []struct {
		name, wwid string
		refused    bool
	}{
		{"wwn-0x600140500000000100000000000000aa", uuid, true},
		{"wwn-0x6001405000000001", uuid, true},
		{"wwn-0x6001405000000001", serial, true},
		{"scsi-35000c50012345678", uuid, true},
		{"scsi-35000c50012345678-part1", serial, true},
		{"nvme-" + uuid, serial, true},
		{"nvme-" + nguid, serial, true},
		{"nvme-" + nguid, uuid, false},
		{"nvme-eui.0011223344556677", uuid, false},
		{"nvme-" + uuid, uuid, false},
		{"wwn-0x600140500000000100000000000000aa", nguid, false},
		{"nvme-" + serial, serial, false},
	} {
		if _, err := CheckName("/dev/disk/by-id/"+c.name, nowhere, []string{c.wwid}); errors.Is(err, ErrMisnamed) != c.refused {
			t.Errorf("%s of %s: %v", c.name, c.wwid, err)
		}
	}
}

// A link that states another LUN than it leads to leads nowhere, and is none of the names
// that are shown.
func TestMisnamed(t *testing.T) {
	page := page83(designator(1, 3, "\x50\x00\x00\x00\x00\x00\x00\x01"), designator(1, 3, "\x60\x01\x40\x50\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), designator(1, 2, "\x00\x11\x22\x33\x44\x55\x66\x77"))
	root := sysTree(t, map[string]string{
		"block/sda/device/type": "0\n", "block/sda/device/scsi_level": "6\n", "block/sda/device/vpd_pg83": page, "block/sda/dev": "8:0\n",
		"dev/block/": "", "class/": "",
	})
	byID := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "block", "sda"), filepath.Join(root, "dev", "block", "8:0")); err != nil {
		t.Fatal(err)
	}
	s := &System{sysfs: root, byID: byID, number: func(string) (string, string, error) { return "block", "8:0", nil }}
	for name, stated := range map[string]string{
		"wwn-0x60014050000000000000000000000001": "naa.60014050000000000000000000000001", "scsi-35000000000000001": "naa.5000000000000001",
		"scsi-20011223344556677": "eui.0011223344556677", "scsi-360014050000000000000000000000002": "", "wwn-0x5000000000000002": "",
	} {
		link := filepath.Join(byID, name)
		if err := os.Symlink("../../sda", link); err != nil {
			t.Fatal(err)
		}
		for _, find := range []func(string) (*Disk, error){s.Disk, s.Paths} {
			d, err := find(link)
			var of *DeviceError
			switch {
			case stated == "" && (!errors.Is(err, ErrMisnamed) || !errors.As(err, &of) || of.Device != link):
				t.Errorf("%s: %v, %v", name, d, err)
			case stated != "" && (err != nil || d.Stated != stated):
				t.Errorf("%s: %v, %v", name, d, err)
			}
		}
	}
	d, err := s.Disk("/dev/sda")
	if err != nil {
		t.Fatal(err)
	}
	got := honest(s, lastingNames(byID)["sda"], d)
	want := []string{"/dev/disk/by-id/scsi-20011223344556677", "/dev/disk/by-id/scsi-35000000000000001", "/dev/disk/by-id/wwn-0x60014050000000000000000000000001"}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
