package words

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"lunguard/cluster"
	"lunguard/commands/catalogue"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// said is an error with what must come of it.
type said struct {
	err    error
	status int
	// names must stand in the message, such as the device.
	names []string
	// hint says that there is a next step.
	hint bool
}

// everyError has each kind of error that a command may end with.
func everyError() map[string]said {
	conf := &cluster.Config{Path: "cluster.conf", Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	pkg := &cluster.Package{Name: "pkg1", Type: cluster.MultiNode, Nodes: []string{"jack4"}}
	nodes := protocol.Members{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}
	lun := func(err error) error { return &protocol.LUNError{LUN: "/dev/sda", Err: err} }
	group := func(err error) error { return &vg.GroupError{Group: "vg1", Err: err} }
	device := func(err error) error { return &vg.DeviceError{Device: "/dev/sda", Err: err} }
	onA, onPath := []string{"/dev/sda"}, []string{"/dev/sda", "/dev/sdb"}
	return map[string]said{
		"fault in the config":     {&cluster.ConfigError{File: "cluster.conf", Line: 3, Word: "0", Expected: "a key was expected"}, ExitFailed, []string{`cluster.conf:3: "0"`}, false},
		"unknown node":            {&cluster.UnknownNodeError{Name: "jack9", Config: conf}, ExitFailed, []string{"jack9", "cluster.conf"}, true},
		"unknown package":         {&cluster.UnknownPackageError{Name: "pkg9", Config: conf}, ExitFailed, []string{"pkg9"}, true},
		"not on this node":        {&cluster.NotMemberError{Node: "jack3", Package: pkg}, ExitFailed, []string{"pkg1", "jack3"}, true},
		"one LUN twice":           {&protocol.SharedLUNError{Names: []string{"/dev/sda", "/dev/sdb"}, WWID: "naa.6"}, ExitFailed, onPath, true},
		"foreign key":             {&protocol.ForeignKeyError{LUN: "/dev/sda", Keys: []pr.Key{0xdead}}, ExitFailed, onA, true},
		"lost to a node":          {&protocol.LostError{LUN: "/dev/sda", Winner: 2, Node: "jack4"}, ExitFailed, []string{"/dev/sda", "jack4", "0x2"}, true},
		"lost to a key":           {&protocol.LostError{LUN: "/dev/sda", Winner: 9}, ExitFailed, []string{"/dev/sda", "0x9"}, true},
		"lost to nobody":          {&protocol.LostError{LUN: "/dev/sda"}, ExitFailed, []string{"/dev/sda", "cleared"}, true},
		"no group":                {group(vg.ErrNoGroup), ExitNode, []string{"vg1"}, true},
		"pattern fits nothing":    {group(&vg.DeviceError{Device: "/dev/mapper/mpaht*", Err: vg.ErrNoMatch}), ExitNode, []string{"vg1", "/dev/mapper/mpaht*"}, true},
		"no lvm2":                 {group(vg.ErrNoLVM), ExitNode, []string{"vg1"}, true},
		"group incomplete":        {group(fmt.Errorf("%w: [unknown]", vg.ErrMissingVolume)), ExitNode, []string{"vg1"}, true},
		"groups of one name":      {group(fmt.Errorf("%w: A, B", vg.ErrSameName)), ExitNode, []string{"vg1"}, true},
		"volume twice":            {group(fmt.Errorf("%w: U: /dev/sda, /dev/sdb", vg.ErrDuplicateVolume)), ExitNode, []string{"vg1", "/dev/sdb"}, true},
		"paths without a map":     {group(&vg.DuplicateError{UUID: "U", Devices: []string{"/dev/sda", "/dev/sdb"}, Paths: true}), ExitNode, []string{"vg1", "/dev/sdb"}, true},
		"a copy beside it":        {group(&vg.DuplicateError{UUID: "U", Devices: []string{"/dev/sda", "/dev/sdb"}}), ExitNode, []string{"vg1", "/dev/sdb"}, true},
		"volume missing":          {group(&vg.MissingError{Volumes: []vg.MissingVolume{{UUID: "U", Hint: "/dev/sdc"}}}), ExitNode, []string{"vg1", "/dev/sdc"}, true},
		"volume returned":         {group(&vg.MissingError{Volumes: []vg.MissingVolume{{UUID: "U", Returned: "/dev/sdc"}}}), ExitNode, []string{"vg1", "/dev/sdc"}, true},
		"devices unread":          {group(&vg.UnreadError{Err: vg.ErrNoGroup, Devices: []*vg.DeviceError{{Device: "/dev/sdc", Err: syscall.EIO}}}), ExitNode, []string{"vg1", "/dev/sdc"}, true},
		"metadata at odds":        {group(vg.ErrContradiction), ExitNode, []string{"vg1"}, true},
		"not a SCSI disk":         {device(vg.ErrNotSCSIDisk), ExitFailed, onA, true},
		"not simulated":           {device(simlun.ErrNotSimulated), ExitFailed, onA, true},
		"stacked":                 {device(fmt.Errorf("%w: dm-0 over sdc", vg.ErrStacked)), ExitFailed, append(onA, "sdc"), true},
		"no such device":          {device(syscall.ENOENT), ExitNode, onA, true},
		"device node without one": {device(syscall.ENXIO), ExitNode, onA, true},
		"device, no files":        {device(syscall.EMFILE), ExitNode, onA, true},
		"device, no files at all": {device(syscall.ENFILE), ExitNode, onA, true},
		"device, no memory":       {device(syscall.ENOMEM), ExitNode, onA, true},
		"SG_IO, no memory":        {catalogue.OnLUN("/dev/sda", "/dev/sda", catalogue.Errno(syscall.ENOMEM)), ExitNode, onA, true},
		"path, no memory":         {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Errno(syscall.ENOMEM)), ExitNode, onPath, true},
		"path, no files":          {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Errno(syscall.EMFILE)), ExitNode, onPath, true},
		"path, no files at all":   {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Errno(syscall.ENFILE)), ExitNode, onPath, true},
		"device not permitted":    {device(syscall.EACCES), ExitNode, onA, true},
		"device fails":            {device(syscall.EIO), ExitNode, onA, true},
		"not a simulated host":    {fmt.Errorf("/tmp: %w", simhost.ErrNotHost), ExitFailed, []string{"/tmp"}, true},
		"not a simulated array":   {fmt.Errorf("/tmp: %w", simhost.ErrNotArray), ExitFailed, []string{"/tmp"}, true},
		"no path":                 {lun(protocol.ErrNoPath), ExitNode, onA, true},
		"no path, with a reason":  {lun(fmt.Errorf("%w: %w", protocol.ErrNoPath, catalogue.OnPath("/dev/sdb", catalogue.Unreached()))), ExitNode, onPath, true},
		"path lost, strict":       {lun(fmt.Errorf("%w: %w", protocol.ErrPathLost, catalogue.OnPath("/dev/sdb", catalogue.Unreached()))), ExitNode, onPath, true},
		"paths gone":              {device(fmt.Errorf("%w in dm-0", vg.ErrNoPath)), ExitNode, append(onA, "dm-0"), true},
		"disk removed":            {device(vg.ErrGone), ExitNode, onA, true},
		"disks not joined":        {device(&vg.UnjoinedError{WWID: "naa.6", Disks: []string{"sda", "sdb"}}), ExitNode, append(onA, "sdb", "naa.6"), true},
		"never at rest":           {lun(errors.Join(protocol.ErrUnsettled, pr.ErrReservationConflict)), ExitNode, onA, true},
		"stale nexus":             {lun(protocol.ErrStaleNexus), ExitNode, onA, true},
		"not resolved":            {lun(errors.Join(protocol.ErrUnresolved, &scsi.OpError{Device: "/dev/sdb", Op: "LOGICAL UNIT RESET", Class: pr.ErrTimeout})), ExitNode, onPath, true},
		"still pending":           {lun(errors.Join(protocol.ErrPending, &scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE OUT, CLEAR", Class: fmt.Errorf("%w: %w: %w", pr.ErrTimeout, pr.ErrStillUnderWay, context.DeadlineExceeded)})), ExitNode, onPath, true},
		"not sure":                {lun(protocol.ErrUnsure), ExitNode, onA, true},
		"too slow":                {lun(protocol.ErrTooSlow), ExitNode, onA, true},
		"another LUN":             {lun(&scsi.OpError{Device: "/dev/sdb", Op: "INQUIRY", Class: &scsi.WrongUnitError{Want: "naa.6", Got: "naa.5"}}), ExitNode, append(onPath, "naa.6", "naa.5"), true},
		"another LUN, its path":   {lun(&scsi.OpError{Device: "/dev/sda", Op: "INQUIRY", Class: &scsi.WrongUnitError{Want: "naa.6", Got: "naa.5"}}), ExitNode, onA, true},
		"two answers":             {lun(protocol.ErrTwoAnswers), ExitNode, onA, true},
		"removed":                 {lun(protocol.ErrRemoved), ExitFailed, onA, true},
		"a port with another key": {&protocol.StrayPortError{LUN: "/dev/sda", Port: scsi.FCTransportID(7), Key: 3, Node: "jack5", Victim: "jack4"}, ExitNode, append(onA, "jack5", "jack4"), true},
		"not undone":              {lun(protocol.ErrNotUndone), ExitNode, onA, true},
		"keys left":               {lun(protocol.ErrKeysLeft), ExitNode, onA, true},
		"not up here":             {&protocol.NotUpHereError{LUN: "/dev/sda", Mode: protocol.Exclusive, Up: nodes[1:]}, ExitNode, onA, true},
		"not among those":         {&protocol.NotUpHereError{LUN: "/dev/sda", Mode: protocol.Shared, Up: nodes}, ExitNode, onA, true},
		"up nowhere":              {&protocol.NotUpHereError{LUN: "/dev/sda", Mode: protocol.Shared}, ExitNode, onA, true},
		"other keys":              {&protocol.OtherKeysError{LUN: "/dev/sda", Key: 9, There: []pr.Key{1, 0xdead}, Members: nodes}, ExitFailed, append(onA, "0x9"), true},
		"no keys":                 {&protocol.OtherKeysError{LUN: "/dev/sda", Key: 9}, ExitFailed, append(onA, "0x9"), true},
		"a node holds":            {&protocol.ProtectedError{LUN: "/dev/sda", Nodes: nodes, Holder: nodes[1]}, ExitFailed, append(onA, "from jack3, jack4; jack4 holds"), true},
		"a stranger beside it":    {&protocol.ProtectedError{LUN: "/dev/sda", Nodes: nodes[:1], Holder: nodes[0], Foreign: []pr.Key{0xdead}}, ExitFailed, append(onA, "from jack3; jack3 holds"), true},
		"strangers beside it":     {&protocol.ProtectedError{LUN: "/dev/sda", Nodes: nodes[:1], Holder: nodes[0], Foreign: []pr.Key{0xbeef, 0xdead}}, ExitFailed, onA, true},
		"a stranger holds":        {&protocol.ProtectedError{LUN: "/dev/sda", Nodes: nodes[:1], Foreign: []pr.Key{0xdead}}, ExitFailed, append(onA, "jack3"), true},
		"no worldwide name":       {lun(protocol.ErrNoWWID), ExitFailed, onA, true},
		"no type of ours":         {lun(protocol.ErrNoReservationType), ExitFailed, onA, true},
		"SG_IO not permitted":     {catalogue.OnLUN("/dev/sda", "/dev/sda", catalogue.Errno(syscall.EPERM)), ExitNode, onA, true},
		"SG_IO no access":         {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Errno(syscall.EACCES)), ExitNode, onPath, true},
		"SG_IO unknown":           {catalogue.OnLUN("/dev/sda", "/dev/sda", catalogue.Errno(syscall.ENOTTY)), ExitFailed, onA, true},
		"SG_IO gone":              {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Errno(syscall.ENODEV)), ExitNode, onPath, true},
		"no reservations":         {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Sense(scsi.IllegalRequest, scsi.InvalidOpcode)), ExitFailed, onPath, true},
		"field not known":         {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Sense(scsi.IllegalRequest, scsi.InvalidFieldInCDB)), ExitNode, onPath, true},
		"hardware error":          {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Sense(4, 0x4400)), ExitNode, onPath, true},
		"unit attentions":         {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Sense(scsi.UnitAttention, scsi.PowerOnOrReset)), ExitNode, onPath, true},
		"conflict":                {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Answer{Reply: scsi.Reply{Status: scsi.ReservationConflict}}), ExitNode, onPath, true},
		"busy":                    {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Answer{Reply: scsi.Reply{Status: scsi.Busy}}), ExitNode, onPath, true},
		"path lost":               {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Unreached()), ExitNode, onPath, true},
		"timeout":                 {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Answer{Reply: scsi.Reply{Host: scsi.HostTimeOut}}), ExitNode, onPath, true},
		"deadline":                {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Answer{Err: context.DeadlineExceeded}), ExitNode, onPath, true},
		"nonsense":                {catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Answer{Reply: scsi.Reply{Resid: 8}}), ExitNode, onPath, true},
	}
}

// Every message is one line that names what it is about, once, with a hint where
// there is a next step. Run with -v it lists them.
func TestWords(t *testing.T) {
	for name, e := range everyError() {
		t.Run(name, func(t *testing.T) {
			m := Of(e.err)
			line := JoinedLines(m.Text())
			t.Logf("status %d\n%s\n%s", m.Status, line, m.Hint)
			if m.Status != e.status {
				t.Errorf("exit status %d, %d expected", m.Status, e.status)
			}
			if (m.Hint != "") != e.hint {
				t.Errorf("hint %q, one expected: %v", m.Hint, e.hint)
			}
			for _, n := range e.names {
				if strings.Count(line, n) != 1 {
					t.Errorf("%s should stand in %q once", n, line)
				}
			}
		})
	}
}

// Every warning and every step names the LUN, and the path where there is one.
func TestEventWords(t *testing.T) {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	reason := catalogue.OnPath("/dev/sdb", catalogue.Unreached())
	for _, a := range []protocol.Action{
		protocol.Registered, protocol.Readmitted, protocol.Unregistered, protocol.Reserved, protocol.Preempted, protocol.Cleared,
		protocol.PathFailed, protocol.NotPersistent, protocol.PathsMissing, protocol.PerHost, protocol.Kept, protocol.TakingOpen,
	} {
		e := protocol.Event{Action: a, LUN: "/dev/sda", Path: "/dev/sdb", Key: 1, Victim: 2, Err: reason}
		text := Event(conf, e)
		t.Log(text)
		if !strings.HasPrefix(text, "/dev/sda: path /dev/sdb: ") || strings.Count(text, "/dev/sdb") != 1 {
			t.Errorf("%s: %s", a, text)
		}
		if strings.HasSuffix(text, string(a)) {
			t.Errorf("%s has no words", a)
		}
		if e.Path = e.LUN; !strings.HasPrefix(Event(conf, e), "/dev/sda: ") || strings.Contains(Event(conf, e), "path /dev/sda") {
			t.Errorf("%s: %s", a, Event(conf, e))
		}
	}
	for key, want := range map[pr.Key]string{1: "0x1 (jack3)", 2 | protocol.LeavingMark: "0x8000000000000002 (jack4, leaving)", 9: "0x9"} {
		if got := KeyOf(conf, key); got != want {
			t.Errorf("key %v: %s, want %s", key, got, want)
		}
	}
}

// A name that no group can have is told from one that is not there.
func TestVolumeName(t *testing.T) {
	for name, want := range map[string]string{
		"vg1": "", "/dev/vg1": "", "/dev/sdata": "", "/dev/vdb": "a device", "/dev/nvme": "", "sda": "", "/dev/sda": "a device", "/dev/sdaa3": "a device", "/dev/nvme0n1p2": "a device", "/dev/dm-3": "a device",
		"/dev/mapper/mpatha": "a device", "/dev/disk/by-id/wwn-0x6": "a device", "/dev/vg1/lv1": "a logical volume of group vg1",
	} {
		if got := volumeName(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
