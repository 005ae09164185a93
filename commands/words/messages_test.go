package words

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"lunguard/child"
	"lunguard/cluster"
	"lunguard/commands/catalogue"
	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/vg"
)

// errorsByTopic are errors of the packages below that TestWords does not have, by topic.
func errorsByTopic() map[string][]error {
	lun := func(err error) error { return &protocol.LUNError{LUN: "/dev/sda", Err: err} }
	path := func(op string, err error) error { return &os.PathError{Op: op, Path: "/run/lunguard", Err: err} }
	return map[string][]error{
		"copy": {
			&protocol.DisagreeError{Model: "/dev/sda", LUN: "/dev/sdb", Missing: []pr.Key{1}, Extra: []pr.Key{2}},
			&protocol.IncompleteError{LUN: "/dev/sdb", Nodes: []string{"jack4"}}, protocol.ErrNothingToCopy,
			lun(fmt.Errorf("%w: it has no reservation", protocol.ErrNotCopied)),
			lun(fmt.Errorf("%w: 0x1 is not registered for iqn.x,i,0x1", protocol.ErrNotCopied)),
		},
		"unregistered": {lun(protocol.ErrNotRegistered)},
		"removed":      {lun(protocol.ErrRemoved), lun(protocol.ErrFenced)},
		"contradict":   {contradiction()},
		"pr_fence":     {lun(protocol.ErrKeyHolds), lun(protocol.ErrCameToHold)},
		"protocol":     {lun(protocol.ErrOtherType), lun(protocol.ErrUnlisted), lun(fmt.Errorf("%w: 2f6e1c5a has the key of jack4", protocol.ErrSameHost)), lun(fmt.Errorf("%w: iqn.x,i,0x1 has the key of jack4", protocol.ErrShifted)), lun(protocol.ErrUnsettled), lun(protocol.ErrUnresolved), lun(errors.Join(protocol.ErrUnresolved, pr.ErrUnsupported))},
		"config": {
			&cluster.ConfigError{File: "cluster.conf", Expected: "at least one NODE_NAME line was expected"},
			&cluster.ConfigError{File: "cluster.conf", Line: 4, Word: "jack3", Expected: "a host identifier was expected, as in /etc/nvme/hostid: 32 hexadecimal digits, or 16, not all zero"},
			&cluster.ConfigError{File: "cluster.conf", Line: 7, Word: "jack3", Expected: "a host identifier of its own was expected, node jack3 has this one: to a namespace the two are one host"},
			&cluster.ConfigError{File: "cluster.conf", Line: 2, Word: "absent.conf", Expected: "nodes of corosync were expected there: no such file or directory"},
			&cluster.ConfigError{File: "cluster.conf", Line: 3, Word: "jack3", Expected: "no NODE_NAME line was expected: NODES_FROM names where the nodes are"},
			&cluster.ConfigError{File: "cluster.conf", Line: 2, Word: "id", Expected: "a NODES_FROM line was expected with it"},
			&cluster.ConfigError{File: "cluster.conf", Line: 7, Word: "vgs", Expected: "unknown parameter; after package_name, those of packages are expected", Near: "vg"},
		},
		"control": controlErrors(),
		"nolun":   {&cluster.NoLUNError{Package: &cluster.Package{Name: "pkg1"}}, &cluster.NoLUNError{Package: &cluster.Package{Name: "pkg1", Control: &cluster.Control{}}}},
		"group": {
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w that can be read: %w", vg.ErrNoLVM, syscall.EIO)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w; read without it, %w: %w", vg.ErrNoGroup, vg.ErrNoLVM, &child.HungError{Program: "lvm", Limit: 20 * time.Second})},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: %w", vg.ErrNoGroup, vg.ErrReadWithoutLVM)}, &vg.GroupError{Group: "/dev/vg1/lv1", Err: vg.ErrNoGroup}, &vg.GroupError{Group: "/dev/mapper/mpatha", Err: vg.ErrNoGroup},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w, lvm2 says: WARNING: outdated PV /dev/sdb seqno 3 has been removed in current VG vg1 seqno 4", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: /dev/sda and /dev/sdb differ about change 7 of U", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: /dev/sdb (change 3) is no volume of the group that /dev/sda has (change 4)", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: /dev/sdb is of change 3, /dev/sda of change 4", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: /dev/sdb is of vg2 by what is on it, and of vg1 by /dev/sda", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: /dev/sdb is in no group by what is on it, and in vg1 by /dev/sda", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: vg1 and vg2 (/dev/sdb) both have the physical volume U", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: &vg.UnreadError{Err: vg.ErrMissingVolume, Devices: []*vg.DeviceError{
				{Device: "/dev/dm-3", Err: errors.New("suspended")}, {Device: "/dev/dm-4", Err: errors.New("no path to it works")},
			}}},
		},
		"lun": {
			lun(protocol.ErrNoAbort),
			catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Sense(scsi.UnitAttention, 0x2a03)),
			lun(&nvme.OpError{Device: "/dev/nvme0n1", Op: "Reservation Report", Class: fmt.Errorf("%w: %w", nvme.ErrNoPath, syscall.EAGAIN)}),
			lun(&nvme.OpError{Device: "/dev/nvme0n1", Op: "Identify", Class: pr.ErrNotShared}),
			lun(&nvme.OpError{Device: "/dev/nvme0n1", Op: "Identify", Class: &nvme.WrongNamespaceError{Want: "uuid.1"}}),
			catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Answer{Reply: scsi.Reply{Status: scsi.CheckCondition}}),
			catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Sense(scsi.NotReady, scsi.CommunicationFailure)),
			lun(&scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE IN, READ KEYS", Class: fmt.Errorf("not sent, %w: %w", context.Canceled, pr.ErrTimeout)}),
			lun(fmt.Errorf("%w: %w", protocol.ErrNoPath, &scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE OUT, REGISTER", Class: fmt.Errorf("not sent, an earlier command of this host is %w: %w", pr.ErrStillUnderWay, pr.ErrTimeout)})),
			lun(fmt.Errorf("%w: %w", protocol.ErrNoPath, &scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE OUT, REGISTER", Class: fmt.Errorf("not sent, an earlier command may be under way: %w: %w", path("trust", pr.ErrNotTrusted), pr.ErrTransport)})),
			lun(&scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE OUT, CLEAR", Class: fmt.Errorf("%w: %w: %w", pr.ErrTimeout, pr.ErrStillUnderWay, context.DeadlineExceeded)}),
		},
		"device": {
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: dm-0 lies on nothing", vg.ErrStacked)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: dm-0 lies on sdc, which is gone", vg.ErrStacked)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: dm-0 has paths to naa.1 and naa.2", vg.ErrStacked)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: SCSI device of type 5", vg.ErrNotSCSIDisk)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("dm-0 lies on sdc: %w", syscall.EIO)},
			&vg.DeviceError{Device: "/dev/sda", Err: vg.ErrOtherDevice},
			&vg.DeviceError{Device: "/dev/sda", Err: &vg.MisnamedError{Link: "/dev/disk/by-id/wwn-0x5000000000000001", Stated: "naa.5000000000000001", WWID: "naa.5000000000000002"}},
			&vg.DeviceError{Device: "/dev/nvme0", Err: vg.ErrController},
			&vg.DeviceError{Device: "/dev/nvme0n1", Err: fmt.Errorf("%w: %q", vg.ErrNoName, "nvme.1b36")},
			&vg.DeviceError{Device: "/dev/nvme0n1", Err: fmt.Errorf("%w: nvme0", vg.ErrNoHostID)}, &vg.DeviceError{Device: "/dev/nvme0n1", Err: vg.ErrNoHostID},
			&vg.DeviceError{Device: "/dev/nvme0n1", Err: &vg.HostIDsError{Hosts: map[string]nvme.HostID{"nvme0": {}}}},
			&vg.DeviceError{Device: "/dev/nvme0n1", Err: simns.ErrNotSimulated},
			&vg.DeviceError{Device: "/dev/nvme0n1", Err: fmt.Errorf("%w: no controller", vg.ErrNoPath)},
			&vg.DeviceError{Device: "/dev/sda", Err: errors.New("a device file has either lun and nexus, or paths, or part, or namespace, host and controllers")},
			&vg.DeviceError{Device: "/dev/sda", Err: errors.New(`line "lun" of a device file`)},
			&vg.DeviceError{Device: "/dev/sda", Err: errors.New("too many devices lie on one another")},
			&vg.DeviceError{Device: "/sys", Err: vg.ErrNoSysfs}, &vg.DeviceError{Device: "sda", Err: fs.ErrNotExist},
			&vg.DeviceError{Device: "/dev/dm-0", Err: fmt.Errorf("%w: dm-0 lies on sdc, which is gone", vg.ErrNoPath)},
			&vg.DeviceError{Device: "/dev/nvme0n1", Err: fmt.Errorf("%w: no controller", vg.ErrNoPath)},
		},
	}
}

// controlErrors are those of control scripts.
func controlErrors() []error {
	at := cluster.Position{File: "/etc/cmcluster/pkg1/control.sh", Line: 12}
	var list []error
	for _, reason := range []string{
		"VG cannot be read for certain: its value has a variable", "VG cannot be read for certain: it stands in a function",
		"VG cannot be read for certain: it stands behind &&", "VG cannot be read for certain: VG[0] has another value in line 9",
		"VG cannot be read for certain: set may change it", "VG cannot be read for certain: a quote has no end",
		`"vg*" cannot be the name of a volume group`, "its volume groups cannot be read: it is no shell script",
		"VG cannot be read for certain: eval does what cannot be read here", "LV has /dev/sdb, which is in no group of VG",
		"it activates volume groups, and VG does not name them", "VG has vg01, which package pkg2 has, too",
	} {
		list = append(list, &cluster.ControlError{Package: "pkg1", At: at, Reason: reason})
	}
	for _, reason := range []string{"VG has vg02, which the package does not have", "LV has a volume of vg02, which VG does not have", "it uses vg02, which VG does not have"} {
		list = append(list, &cluster.ControlError{Package: "pkg1", At: at, Reason: reason, Group: "vg02"})
	}
	at.Line = 0
	return append(list, &cluster.ControlError{Package: "pkg1", At: at, Reason: "its volume groups cannot be read: no such file or directory", Err: syscall.ENOENT})
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range errorsByTopic() {
		for _, err := range errs {
			m := Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	for _, e := range everyError() {
		m := Of(e.err)
		list = append(list, catalogue.Message{Topic: topicOf(e.err), Kind: "error", Text: JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
	}
	list = append(list, spokenEvents()...)
	list = append(list, spokenFindings()...)
	return catalogue.Sort(list)
}

// topicOf tells where an error that several commands have is explained.
func topicOf(err error) string {
	var (
		lun    *protocol.LUNError
		group  *vg.GroupError
		device *vg.DeviceError
		op     *scsi.OpError
	)
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
	switch e := err.(type) {
	case *cluster.ConfigError, *cluster.UnknownNodeError:
		return "config"
	case *cluster.UnknownPackageError:
		return "package"
	case *cluster.NotMemberError:
		return "member"
	case *protocol.ForeignKeyError:
		return "foreign"
	case *protocol.StrayPortError:
		return "pr_fence"
	case *protocol.OtherKeysError, *protocol.ProtectedError:
		return "pr_cleanup"
	case *protocol.SharedLUNError:
		return "once"
	case *protocol.LostError:
		return "lost"
	case *protocol.DisagreeError, *protocol.IncompleteError:
		return "copy"
	case *protocol.LUNError:
		lun = e
	}
	switch {
	case is(protocol.ErrPathLost):
		return "strict"
	case is(protocol.ErrNotCopied, protocol.ErrNothingToCopy):
		return "copy"
	case is(protocol.ErrNoWWID, protocol.ErrNoReservationType):
		return "once"
	case is(protocol.ErrRemoved):
		return "removed"
	case is(protocol.ErrUnsure):
		return "lost"
	case is(protocol.ErrUnresolved, protocol.ErrPending, protocol.ErrTooSlow):
		return "protocol"
	case is(protocol.ErrNotRegistered):
		return "unregistered"
	case lun != nil && !errors.As(err, &op) && !is(protocol.ErrNoPath, protocol.ErrTwoAnswers):
		return "protocol"
	case lun != nil:
		return "lun"
	case errors.As(err, &group):
		return "group"
	case errors.As(err, &device):
		return "device"
	}
	return "sim"
}

// spokenEvents are the warnings of protocols.
func spokenEvents() []catalogue.Message {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	reason := catalogue.OnPath("/dev/sdb", catalogue.Unreached())
	var list []catalogue.Message
	for _, a := range []protocol.Action{
		protocol.Registered, protocol.Readmitted, protocol.Unregistered, protocol.Reserved, protocol.Preempted, protocol.Cleared, protocol.Introduced,
		protocol.Marked, protocol.MarkedTaking, protocol.Unmarked, protocol.Reset, protocol.Moved, protocol.PathFailed, protocol.NotPersistent, protocol.Forgets, protocol.PathsMissing, protocol.PerHost, protocol.Kept, protocol.TakingOpen,
		protocol.NothingLeft, protocol.Unmoved, protocol.PastLeft,
	} {
		e := protocol.Event{Action: a, LUN: "/dev/sda", Path: "/dev/sda", Key: 1, Victim: 2, Type: pr.WriteExclusiveRegistrantsOnly, Heir: 2, Heirs: []pr.Key{2}, Err: reason}
		switch {
		case a == protocol.NothingLeft || e.Change():
			list = append(list, catalogue.Message{Kind: "step", Text: Event(conf, e) + Outcome(e)})
			e.Anew = true
			list = append(list, catalogue.Message{Kind: "step", Text: Event(conf, e) + Outcome(e)})
			e.Anew, e.From = false, "/dev/sdc"
			list = append(list, catalogue.Message{Kind: "step", Text: Event(conf, e) + Outcome(e)})
			e.From = ""
			e.Heir, e.Victim, e.Err = 0, 0, nil
			list = append(list, catalogue.Message{Kind: "step", Text: Event(conf, e) + Outcome(e)})
		case a == protocol.PathFailed || a == protocol.NotPersistent:
			e.Path = "/dev/sdb"
			fallthrough
		default:
			list = append(list, catalogue.Message{Topic: map[protocol.Action]string{protocol.Unmoved: "unmoved", protocol.Forgets: "forgets"}[a], Kind: "warning", Text: Event(conf, e)})
		}
	}
	for i, s := range list {
		if s.Kind == "warning" && s.Topic == "" {
			list[i].Topic = "warning"
		}
	}
	for _, k := range []pr.Key{protocol.Leaving(2), protocol.Taking(2), 2 | protocol.Marks} {
		list = append(list, catalogue.Message{Kind: "step", Text: KeyOf(conf, k)})
	}
	return list
}

// spokenFindings are what a check can find.
func spokenFindings() []catalogue.Message {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	var list []catalogue.Message
	rep := protocol.Report{LUN: "/dev/sda", Paths: 2, State: &pr.State{Reservation: &pr.Reservation{Key: 1, Type: pr.ExclusiveAccess}}}
	for _, k := range []protocol.FindingKind{protocol.PathsUnregistered, protocol.StaleNexus} {
		// Where nothing tells which registration is which path's.
		list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, rep, protocol.Finding{Kind: k, Keys: []pr.Key{1}})))
	}
	veritas := protocol.Finding{Kind: protocol.ForeignKeys, Keys: []pr.Key{0x4150475230303031}}
	list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, rep, veritas)))
	for _, s := range []*pr.State{
		{Registrations: []pr.Registration{{Key: 1}}, Reservation: &pr.Reservation{Key: 0xdead, Type: pr.ExclusiveAccess}},
		{Registrations: []pr.Registration{{Key: 1}, {Key: 0xdead}}, Reservation: &pr.Reservation{Type: pr.WriteExclusiveAllRegistrants}},
	} {
		for _, k := range []protocol.FindingKind{protocol.ForeignKeys, protocol.WrongType, protocol.NotKept} {
			r := protocol.Report{LUN: "/dev/sda", State: s}
			list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, r, protocol.Finding{Kind: k, Keys: []pr.Key{0xdead}})))
		}
	}
	list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, rep, protocol.Finding{Kind: protocol.Contradiction, Err: contradiction()})))
	free := protocol.Report{LUN: "/dev/sda", State: &pr.State{}}
	list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, free, protocol.Finding{Kind: cluster.StartedUnregistered, Other: "pr_start"})))
	list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, rep, protocol.Finding{Kind: cluster.StartedUnregistered, Other: cluster.LetIn})))
	for _, k := range []protocol.FindingKind{cluster.StartedUnregistered, cluster.StartedPartly, cluster.StartedTaken, cluster.StartFailed, cluster.Unfinished, cluster.StartedOutside} {
		list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, rep, protocol.Finding{Kind: k, Other: "pr_start", Keys: []pr.Key{2}})))
	}
	list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, rep, protocol.Finding{Kind: cluster.KeptHere, Other: "jack3"})))
	for _, k := range []protocol.FindingKind{
		protocol.Unreadable, protocol.DeadPath, protocol.ForeignKeys, protocol.Unreserved, protocol.WrongType, protocol.LeavingKeys, protocol.TakingKeys,
		protocol.PathsUnregistered, protocol.StaleNexus, protocol.KeysMissing, protocol.SeveralOwners, protocol.DifferentSets, protocol.WrongKey, protocol.NotKept, protocol.NoAbort, protocol.NoType, protocol.SameHost,
	} {
		f := protocol.Finding{Kind: k, Path: "/dev/sdb", Other: "/dev/sdc", Keys: []pr.Key{1, 2}, Err: catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Unreached())}
		list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+Finding(conf, rep, f)))
	}
	return list
}

// contradiction is that of two paths to a LUN.
func contradiction() error {
	held := &pr.State{Generation: 7, Registrations: []pr.Registration{{Key: 1}}, Reservation: &pr.Reservation{Key: 1, Type: pr.WriteExclusiveRegistrantsOnly}}
	return &protocol.LUNError{LUN: "/dev/sda", Err: &protocol.ContradictionError{Paths: [2]string{"/dev/sda", "/dev/sdb"}, States: [2]*pr.State{held, {}}}}
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
