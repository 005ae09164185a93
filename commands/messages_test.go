package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/runpkg"
	"lunguard/commands/watchdog"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/vg"
)

// spoken is a message of the catalogue, with sample names.
type spoken struct {
	// topic is where it is explained: a file of man/shared, or an applet.
	topic string
	// kind is error, warning, step or finding.
	kind   string
	text   string
	hint   string
	status int
}

// catalogue is every error, warning and hint that the commands can print.
func catalogue(t *testing.T) []spoken {
	t.Helper()
	var list []spoken
	for _, e := range everyError() {
		list = append(list, spokenError(topicOf(e.err), e.err))
	}
	for topic, errs := range ownErrors() {
		for _, err := range errs {
			list = append(list, spokenError(topic, err))
		}
	}
	list = append(list, spokenEvents()...)
	list = append(list, spokenFindings()...)
	list = append(list, spokenWatch()...)
	list = append(list, spokenRuns(t)...)
	list = append(list, spokenSgPersist(t)...)
	slices.SortStableFunc(list, func(a, b spoken) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.text, b.text))
	})
	return slices.Compact(list)
}

func spokenError(topic string, err error) spoken {
	m := words(err)
	return spoken{topic, "error", joinedLines(m.text()), m.hint, m.status}
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
	case *usageError:
		return "operand"
	case *cluster.ConfigError, *configFileError, *cluster.UnknownNodeError:
		return "config"
	case *cluster.UnknownPackageError:
		return "package"
	case *cluster.NotMemberError:
		return "member"
	case *protocol.ForeignKeyError:
		return "foreign"
	case *protocol.StrayPortError:
		return "pr_fence"
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
	case is(protocol.ErrOtherKeys):
		return "pr_cleanup"
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
	case lun != nil && !errors.As(err, &op) && !is(protocol.ErrNoPath):
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

// ownErrors are the errors that commands have of their own, and what package
// cluster says of copies, by topic.
func ownErrors() map[string][]error {
	conf := &cluster.Config{Path: "cluster.conf", Name: "bla"}
	pkg := &cluster.Package{Name: "pkg1"}
	at := cluster.Position{File: "pkg1.conf", Line: 7}
	setting := cluster.Setting{Name: "external_script", Value: "/etc/x.sh", At: at}
	lun := func(err error) error { return &protocol.LUNError{LUN: "/dev/sda", Err: err} }
	device := func(err error) error { return watchdogWords(&watchdog.DeviceError{Device: "/dev/watchdog", Err: err}) }
	job := func(err error) error { return &jobError{"pkg1", "/var/log/lunguard/pkg1.log", err} }
	path := func(op string, err error) error { return &os.PathError{Op: op, Path: "/run/lunguard", Err: err} }
	step := func(err error) error {
		return job(&runpkg.StepError{Action: runpkg.Start, Step: "volume group vg1", Err: err})
	}
	stop := func(step, command string, code int) error {
		return job(&runpkg.StepError{Action: runpkg.Stop, Step: step, Err: &runpkg.ExitError{Command: command, Code: code}})
	}
	parameter := func(name, value, reason string) error {
		return job(&runpkg.ParameterError{Name: name, Value: value, Reason: reason})
	}
	inUse := func(u vg.Usage) error { return &inUseError{"/dev/sda", "0xbcb00002 (jack4)", u} }
	return map[string][]error{
		"copy": {
			&protocol.DisagreeError{Model: "/dev/sda", LUN: "/dev/sdb", Missing: []scsi.Key{1}, Extra: []scsi.Key{2}},
			&protocol.IncompleteError{LUN: "/dev/sdb", Nodes: []string{"jack4"}}, protocol.ErrNothingToCopy,
			lun(fmt.Errorf("%w: it has no reservation", protocol.ErrNotCopied)),
			lun(fmt.Errorf("%w: 0x1 is not registered for iqn.x,i,0x1", protocol.ErrNotCopied)),
		},
		"unregistered": {lun(protocol.ErrNotRegistered)},
		"removed":      {lun(protocol.ErrRemoved)},
		"protocol":     {lun(protocol.ErrOtherType), lun(protocol.ErrUnsettled)},
		"config": {
			&configFileError{path("read", syscall.EISDIR)},
			&cluster.ConfigError{File: "cluster.conf", Expected: "at least one NODE_NAME line was expected"},
		},
		"group": {
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w that can be read: %w", vg.ErrNoLVM, syscall.EIO)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: /dev/sda and /dev/sdb differ about change 7 of U", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: fmt.Errorf("%w: vg1 and vg2 (/dev/sdb) both have the physical volume U", vg.ErrContradiction)},
			&vg.GroupError{Group: "vg1", Err: &vg.UnreadError{Err: vg.ErrMissingVolume, Devices: []*vg.DeviceError{
				{Device: "/dev/dm-3", Err: errors.New("suspended")}, {Device: "/dev/dm-4", Err: errors.New("no path to it works")},
			}}},
		},
		"lun": {
			failed("/dev/sda", "/dev/sdb", checked(scsi.UnitAttention, 0x2a03)),
			failed("/dev/sda", "/dev/sdb", answered{reply: scsi.Reply{Status: scsi.CheckCondition}}),
			failed("/dev/sda", "/dev/sdb", checked(scsi.NotReady, scsi.CommunicationFailure)),
			lun(&scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE IN, READ KEYS", Class: fmt.Errorf("not sent, %w: %w", context.Canceled, scsi.ErrTimeout)}),
			lun(fmt.Errorf("%w: %w", protocol.ErrNoPath, &scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE OUT, REGISTER", Class: fmt.Errorf("not sent, an earlier command of this host is %w: %w", scsi.ErrStillUnderWay, scsi.ErrTimeout)})),
			lun(fmt.Errorf("%w: %w", protocol.ErrNoPath, &scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE OUT, REGISTER", Class: fmt.Errorf("not sent, an earlier command may be under way: %w: %w", path("trust", scsi.ErrPendingDir), scsi.ErrTransport)})),
			lun(&scsi.OpError{Device: "/dev/sdb", Op: "PERSISTENT RESERVE OUT, CLEAR", Class: fmt.Errorf("%w: %w: %w", scsi.ErrTimeout, scsi.ErrStillUnderWay, context.DeadlineExceeded)}),
		},
		"device": {
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: dm-0 lies on nothing", vg.ErrStacked)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: dm-0 lies on sdc, which is gone", vg.ErrStacked)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: dm-0 has paths to naa.1 and naa.2", vg.ErrStacked)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: SCSI device of type 5", vg.ErrNotSCSIDisk)},
			&vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("dm-0 lies on sdc: %w", syscall.EIO)},
			&vg.DeviceError{Device: "/dev/sda", Err: errors.New("the device file is another device's")},
			&vg.DeviceError{Device: "/dev/sda", Err: errors.New("a device file has either lun and nexus, or paths, or part")},
			&vg.DeviceError{Device: "/dev/sda", Err: errors.New(`line "lun" of a device file`)},
			&vg.DeviceError{Device: "/dev/sda", Err: errors.New("too many devices lie on one another")},
			&vg.DeviceError{Device: "/dev/dm-0", Err: fmt.Errorf("%w: dm-0 lies on sdc, which is gone", vg.ErrNoPath)},
		},
		"owner": {
			&twoPackagesError{lun: "/dev/sda", wwid: "naa.6", pkg: "pkg1", others: []ownedDisk{{"pkg2", &vg.Disk{Device: "/dev/sda"}}}},
			&twoPackagesError{lun: "/dev/sda1", pkg: "pkg1", others: []ownedDisk{{"pkg2", &vg.Disk{Device: "/dev/sda2"}}}},
		},
		"use": {
			inUse(vg.Usage{Uses: []vg.Use{{Kind: vg.Mounted, Device: "/dev/mapper/vg1-lv1", At: "/mnt"}, {Kind: vg.Mounted, Device: "/dev/sda2"}, {Kind: vg.Swap, Device: "/dev/sda3"}, {Kind: vg.Array, Device: "/dev/md0"}, {}, {}}}),
			inUse(vg.Usage{Uses: []vg.Use{{Kind: vg.Opened, Device: "/dev/mapper/vg1-lv2"}, {Kind: vg.Claimed, Device: "/dev/sda1"}}}),
			inUse(vg.Usage{Err: &vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("mountinfo: %w", syscall.EIO)}}),
			inUse(vg.Usage{Err: &vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("sda: holders: %w", syscall.EIO)}}),
			inUse(vg.Usage{Err: &vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("swaps: %w", syscall.EIO)}}),
		},
		"ended":     endedErrors(),
		"pr_fence":  {&notBegunError{[]*cluster.Package{pkg}}},
		"vg_pr_key": {&notCopiedError{[]string{"vg1", "vg2"}}},
		"pr_check":  {&publishError{path("open", syscall.EACCES)}},
		"pr_watchdog": {
			&notUpError{Package: "pkg1", LUN: "/dev/sda", Key: "0x1"}, &notUpError{Package: "pkg1", LUN: "/dev/sda", Key: "0x1", registered: true},
			&unknownLUNError{"/dev/sda", &vg.DeviceError{Device: "/dev/sda", Err: watchdog.ErrNoAnswer}},
			device(watchdog.ErrStillArmed), device(watchdog.ErrInUse), device(watchdog.ErrArmed),
			device(fmt.Errorf("%w: %w", watchdog.ErrNotWatchdog, syscall.ENOTTY)),
			device(fmt.Errorf("%w of 10s, it has 60s", watchdog.ErrTimeout)),
			device(fmt.Errorf("%w of 10s, it has 2s, and 5s is the least", watchdog.ErrTimeout)),
			device(fmt.Errorf("%w of 10s: it does not tell its own: %w", watchdog.ErrTimeout, syscall.EIO)),
			device(watchdog.ErrNotWatchdog), device(watchdog.ErrAlarmOnly), device(syscall.EACCES), device(syscall.ENOENT),
		},
		"cmapplyconf": {&unconfirmedError{"/etc/lunguard/cluster.conf"}},
		"files": {
			&inputFileError{&os.PathError{Op: "open", Path: "pkg1.conf", Err: syscall.ENOENT}}, &inputFileError{&os.PathError{Op: "open", Path: "pkg1.conf", Err: syscall.EACCES}},
			&unknownModeError{pkg}, parameter("fs_umount_opt", "-l", "a lazy umount does not tell when the file system is no longer written to"),
			&unsupportedError{at, "ip_subnet", unsupported(cluster.Setting{Name: "ip_subnet"})},
			&unsupportedError{at, "service_fail_fast_enabled", unsupported(cluster.Setting{Name: "service_fail_fast_enabled", Value: "yes"})},
			&unsupportedError{at, "kill_processes_accessing_raw_devices", unsupported(cluster.Setting{Name: "kill_processes_accessing_raw_devices", Value: "yes"})},
			&unsupportedError{at, "dependency_name", unsupported(cluster.Setting{Name: "dependency_name"})},
			&scriptError{setting, "its full name is not known, a variable is not set"},
			&scriptError{setting, "it is no program"}, &scriptError{setting, "no such file or directory"}, &scriptError{setting, "validate took too long"},
			&scriptError{setting, "validate: exit status 2"},
			&unsupportedError{at, "cluster_interconnect_subnet", unsupported(cluster.Setting{Name: "cluster_interconnect_subnet"})},
			&unsupportedError{at, "generic_resource_name", unsupported(cluster.Setting{Name: "generic_resource_name"})},
			&unsupportedError{at, "monitored_subnet", unsupported(cluster.Setting{Name: "monitored_subnet"})},
			&unsupportedError{at, "weight_name", unsupported(cluster.Setting{Name: "weight_name"})},
		},
		"cmgetpkgenv": {&unknownModeError{pkg}},
		"cmviewcl":    {&otherClusterError{"blub", conf}},
		"cmrunpkg": {
			&halfUpError{"pkg1", "jack3", runpkg.Starting}, &halfUpError{"pkg1", "jack3", runpkg.Halting}, &halfUpError{"pkg1", "jack3", runpkg.Failed}, &cutOffError{"pkg1", "jack3", []string{"jack4"}}, &cutOffError{"pkg1", "jack3", nil},
		},
		"job": {
			stop("file system /mnt", "umount /mnt", 32), stop("volume group vg1", "vgchange -a n vg1", 5),
			&elsewhereError{pkg: "pkg1", node: "jack3", others: []string{"jack4"}},
			&elsewhereError{pkg: "pkg1", node: "jack3", others: []string{"jack4"}, halt: true},
			&otherNodeError{"jack4", "jack3"},
			&notBegunError{[]*cluster.Package{pkg}},
			&stateError{path("trust", ownfile.ErrNotTrusted)}, &stateError{path("trust", ownfile.ErrNotFolder)}, &stateError{path("open", ownfile.ErrNotFile)}, &stateError{path("open", ownfile.ErrSymlink)}, &stateError{path("trust", ownfile.ErrSymlink)}, &stateError{path("mkdir", syscall.EACCES)},
			job(&stateError{&runpkg.BusyError{Package: "pkg1"}}),
			job(&runpkg.KeptError{Reason: "volume group vg1 is still active: lv1", Skipped: []string{"external_pre_script /etc/x.sh"}}),
			job(&runpkg.UnfinishedError{Steps: []string{"volume group vg1"}, Cause: &runpkg.TimeoutError{Parameter: "halt_script_timeout", Limit: time.Minute}}),
			job(&runpkg.ParameterError{Name: "vgchange_cmd", Value: "", Reason: "a command was expected"}),
			step(&runpkg.ExitError{Command: "vgchange", Code: 5}), step(&runpkg.ExitError{Command: "vgchange", Signal: syscall.SIGSEGV}),
			step(&runpkg.KilledError{Command: "vgchange", Cause: &runpkg.TimeoutError{Parameter: "run_script_timeout", Limit: time.Minute}}),
			step(&runpkg.StuckError{What: "vgchange", PIDs: []int{7}}), step(&runpkg.ServiceError{Service: "s1", Reason: "process 7 of an earlier start still runs"}),
			step(&runpkg.ServiceError{Service: "s1", Reason: "it could not be started: fork failed"}),
			step(&runpkg.MountedError{Directory: "/mnt"}), step(&runpkg.ActiveError{Group: "vg1", Volumes: []string{"lv1"}}),
			step(&runpkg.InUseError{Device: "/dev/vg1/lv1"}), step(&runpkg.InUseError{Device: "/dev/vg1/lv1", Err: syscall.EIO}),
			step(&runpkg.KilledError{Command: "vgchange", Cause: &signalError{syscall.SIGTERM}}),
			step(errors.New("vgchange: no such program")), step(fmt.Errorf("process 7: %w", errors.New("malformed stat file of a process"))),
			step(errors.New(`"../x" cannot be the name of a file`)),
			parameter("script_log_file", "log", "its full name was expected"), parameter("vgchange_cmd", "vgchange 'x", "a closing quote was expected"),
			parameter("script_log_file", "/mnt/log", "it lies on a file system of the package, which could not be unmounted"),
			parameter("service_name", "s1", "the package has another service of that name"),
			parameter("vg", "vg1", "it does not go with run_script and halt_script"),
			parameter("halt_script", "", "it is missing, run_script and halt_script go together"),
			parameter("fs_umount_opt", "-l", "a lazy umount does not tell when the file system is no longer written to"),
			step(&runpkg.UnsetError{File: "$SGCONF/x.sh", Variable: "SGCONF"}),
		},
		"lunguard": {&noPageError{"frobnicate"}},
	}
}

// endedErrors are what a command says when a signal has ended it.
func endedErrors() []error {
	node := cluster.Node{Name: "jack3", Key: 1}
	run := newPackageRun(&cluster.Config{Nodes: []cluster.Node{node, {Name: "jack4", Key: 2}}}, &cluster.Package{Name: "pkg1"}, node, nil)
	state := func(held scsi.Key, how scsi.Type, keys ...scsi.Key) protocol.Status {
		s := protocol.Status{LUN: "/dev/sda", State: &scsi.State{}}
		for _, k := range keys {
			s.State.Registrations = append(s.State.Registrations, pr.Registration{Key: k})
		}
		if held != 0 || how.AllRegistrants() {
			s.State.Reservation = &pr.Reservation{Key: held, Type: how}
		}
		return s
	}
	shared := scsi.WriteExclusiveRegistrantsOnly
	unread := protocol.Status{LUN: "/dev/sda", Err: failed("/dev/sda", "/dev/sdb", answered{reply: scsi.Reply{Host: scsi.HostNoConnect}})}
	list := []error{&signalError{syscall.SIGTERM}}
	for _, d := range []deed{deedStart, deedHalt, deedFence, deedCleanup, deedCopy, deedRepair} {
		t := task{deed: d, victim: cluster.Node{Name: "jack4", Key: 2}}
		list = append(list, &leftError{"all LUNs", t.nothing(), t.next(run)})
		for _, s := range []protocol.Status{
			unread, state(0, 0), state(0, 0, 1), state(0, 0, 1, 2), state(0, 0, 2), state(1, shared, 1), state(1, shared, 1, 2), state(2, shared, 1, 2), state(2, shared, 2), state(protocol.Taking(1), shared, 1, protocol.Taking(1), 2), state(0, scsi.WriteExclusiveAllRegistrants, 2),
		} {
			for _, changes := range [][]string{nil, {"REGISTER 0x1"}} {
				if text := t.left(run, s, changes); text != "" {
					list = append(list, &leftError{s.LUN, text, t.next(run)})
				}
			}
		}
	}
	return list
}

// spokenEvents are the warnings of protocols.
func spokenEvents() []spoken {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	reason := errors.Unwrap(failed("", "/dev/sdb", answered{reply: scsi.Reply{Host: scsi.HostNoConnect}}))
	var list []spoken
	for _, a := range []protocol.Action{
		protocol.Registered, protocol.Readmitted, protocol.Unregistered, protocol.Reserved, protocol.Preempted, protocol.Cleared, protocol.Introduced,
		protocol.Marked, protocol.MarkedTaking, protocol.Unmarked, protocol.Reset, protocol.Moved, protocol.PathFailed, protocol.NotPersistent, protocol.PathsMissing, protocol.PerHost, protocol.Kept, protocol.TakingOpen,
		protocol.NothingLeft, protocol.Unmoved, protocol.PastLeft,
	} {
		e := protocol.Event{Action: a, LUN: "/dev/sda", Path: "/dev/sda", Key: 1, Victim: 2, Heir: 2, Heirs: []scsi.Key{2}, Err: reason}
		switch {
		case a == protocol.NothingLeft || e.Change():
			list = append(list, spoken{topic: "", kind: "step", text: eventWords(conf, e) + outcomeWords(e)})
			e.Anew = true
			list = append(list, spoken{topic: "", kind: "step", text: eventWords(conf, e) + outcomeWords(e)})
			e.Anew, e.From = false, "/dev/sdc"
			list = append(list, spoken{topic: "", kind: "step", text: eventWords(conf, e) + outcomeWords(e)})
			e.From = ""
			e.Heir, e.Victim, e.Err = 0, 0, nil
			list = append(list, spoken{topic: "", kind: "step", text: eventWords(conf, e) + outcomeWords(e)})
		case a == protocol.PathFailed || a == protocol.NotPersistent:
			e.Path = "/dev/sdb"
			fallthrough
		default:
			list = append(list, spoken{topic: map[protocol.Action]string{protocol.Unmoved: "unmoved"}[a], kind: "warning", text: eventWords(conf, e)})
		}
	}
	for i, s := range list {
		if s.kind == "warning" && s.topic == "" {
			list[i].topic = "warning"
		}
	}
	for _, k := range []scsi.Key{protocol.Leaving(2), protocol.Taking(2), 2 | protocol.Marks} {
		list = append(list, spoken{topic: "", kind: "step", text: keyWithNode(conf, k)})
	}
	return list
}

// spokenFindings are what a check can find.
func spokenFindings() []spoken {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	list := []spoken{
		{"cmrunpkg", "warning", "package pkg1 runs without service s1, which has ended", "", 0},
		{"syslog", "warning", "the system log did not take 3 lines", "", 0},
		{"log", "log", "Failed: vgchange: exit status 5", "", 0},
		{"log", "log", "The reservations are kept: volume group vg1 is still active: lv1", "", 0},
		{"log", "log", "vgchange: exit status 5, trying again", "", 0},
		{"log", "log", "Service s1 has ended (exit status 1), it is started again", "", 0},
		{"log", "log", "Service s1 has ended (exit status 1) and is not started again; package pkg1 stays up without it", "", 0},
		{"log", "log", "Service s1: fork/exec /x: no such file or directory", "", 0},
	}
	rep := protocol.Report{LUN: "/dev/sda", Paths: 2, State: &scsi.State{Reservation: &pr.Reservation{Key: 1, Type: scsi.ExclusiveAccess}}}
	for _, k := range []protocol.FindingKind{protocol.PathsUnregistered, protocol.StaleNexus} {
		// Where nothing tells which registration is which path's.
		list = append(list, spoken{"finding", "finding", "/dev/sda: " + findingWords(conf, rep, protocol.Finding{Kind: k, Keys: []scsi.Key{1}}), "", 0})
	}
	for _, k := range []protocol.FindingKind{
		protocol.Unreadable, protocol.DeadPath, protocol.ForeignKeys, protocol.Unreserved, protocol.WrongType, protocol.LeavingKeys, protocol.TakingKeys,
		protocol.PathsUnregistered, protocol.StaleNexus, protocol.KeysMissing, protocol.SeveralOwners, protocol.DifferentSets, protocol.WrongKey, protocol.NotKept,
	} {
		f := protocol.Finding{Kind: k, Path: "/dev/sdb", Other: "/dev/sdc", Keys: []scsi.Key{1, 2}, Err: failed("/dev/sda", "/dev/sdb", answered{reply: scsi.Reply{Host: scsi.HostNoConnect}})}
		list = append(list, spoken{"finding", "finding", "/dev/sda: " + findingWords(conf, rep, f), "", 0})
	}
	for _, device := range []string{"/dev/sda", "/dev/sda2"} {
		two := &twoPackagesError{lun: "/dev/sda", wwid: "naa.6", pkg: "pkg1", others: []ownedDisk{{"pkg2", &vg.Disk{Device: device}}}}
		list = append(list, spoken{"finding", "finding", "/dev/sda: " + findingWords(conf, rep, protocol.Finding{Kind: inTwoPackages, Err: two}), "", 0})
	}
	return list
}

// spokenWatch is what pr_watchdog says of what happens.
func spokenWatch() []spoken {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	d := &deadman{call: &call{applet: prWatchdog()}, node: conf.Nodes[0], luns: []*watchdog.LUN{{Name: "/dev/sda", Package: "pkg1"}}}
	d.conf.Store(conf)
	var list []spoken
	say := func(kind, text string) { list = append(list, spoken{"pr_watchdog", kind, text, "", 0}) }
	for _, k := range []watchdog.Kind{
		watchdog.Gone, watchdog.Back, watchdog.Unknown, watchdog.Known, watchdog.Expired, watchdog.Holders,
		watchdog.PathFailed, watchdog.PathBack, watchdog.Late, watchdog.NotFed, watchdog.Fed, watchdog.Unreserved, watchdog.Reserved,
	} {
		e := watchdog.Event{Kind: k, LUN: "/dev/sda", Path: "/dev/sdb", Reading: watchdog.Reading{Keys: []scsi.Key{2}}, For: time.Second, Left: time.Second, Err: syscall.EIO}
		say("event", d.eventWords(e))
		switch k {
		case watchdog.Unknown:
			e.WasGone = true
			say("event", d.eventWords(e))
			d.expire = true
			say("event", d.eventWords(e))
			d.expire, e.Err = false, nil
			say("event", d.eventWords(e))
		case watchdog.Gone:
			e.Registered = true
			say("event", d.eventWords(e))
			e.Reservation = &scsi.Reservation{Key: 2}
			say("event", d.eventWords(e))
		case watchdog.Expired:
			e.Err = nil
			say("event", d.eventWords(e))
			e.Registered = true
			say("event", d.eventWords(e))
		case watchdog.Holders:
			e.Keys = nil
			say("event", d.eventWords(e))
		}
	}
	kernel := &kernelDevice{&watchdog.Kernel{Path: "/dev/watchdog", Identity: "softdog", NoWayOut: true, NoMagic: true}}
	what, warnings := kernel.words()
	simulated, _ := (&fileDevice{watchdog.File{Name: "/dev/watchdog"}}).words()
	d.device, d.timing = kernel, watchdog.Timing{Interval: time.Second, Grace: 5 * time.Second, Timeout: 10 * time.Second}
	for _, w := range warnings {
		say("warning", w)
	}
	for _, w := range []string{what, simulated} {
		say("event", fmt.Sprintf("%s: %s; a fence restarts this node within %v (interval %v, grace %v, watchdog %v)", w, d.watching(), 16*time.Second, time.Second, 5*time.Second, 10*time.Second))
	}
	say("event", "/dev/watchdog: disarmed, ended in order")
	say("event", "reloaded: "+d.watching())
	late := &vg.DeviceError{Device: "/dev/sdb", Err: fmt.Errorf("%w, asked 1s ago", watchdog.ErrNoAnswer)}
	say("event", d.eventWords(watchdog.Event{Kind: watchdog.Unknown, LUN: "/dev/sda", Err: late}))
	for _, other := range []string{"naa.2", "one without a name"} {
		say("event", d.eventWords(watchdog.Event{Kind: watchdog.Unknown, LUN: "/dev/sda", Err: &vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: %s instead of naa.1", watchdog.ErrOtherLUN, other)}}))
	}
	say("event", d.eventWords(watchdog.Event{Kind: watchdog.NotFed, Err: &watchdog.DeviceError{Device: "/dev/watchdog", Err: errors.New("0 of 1 bytes were taken")}}))
	for _, text := range []string{
		watchdog.Deadman,
		"memory is not locked: operation not permitted; on a machine in trouble the feeding may come too late",
		"no real-time priority: operation not permitted; on a machine in trouble the feeding may come too late",
		"reload failed: goes on with what it has watched, " + d.watching(),
		"cluster.conf: the key of jack3 is 0x3 now, 0x1 is watched: a new key needs a new start",
	} {
		say("warning", text)
	}
	return list
}

// The catalogue lists each message once, and each error has what a reader
// needs. Run with -v it prints the list.
func TestMessagesCatalogue(t *testing.T) {
	for _, m := range catalogue(t) {
		text := m.text
		if m.kind == "error" {
			text += fmt.Sprintf("  [status %d]", m.status)
		}
		if m.hint != "" {
			text += "\n        hint: " + m.hint
		}
		t.Logf("%-12s %-7s %s", m.topic, m.kind, text)
		switch {
		case strings.Contains(m.text, "\n"), strings.Contains(m.text, "%!"), strings.Contains(m.hint, "%!"):
			t.Errorf("%q is not one line of words", m.text)
		case strings.HasSuffix(m.text, "."), strings.HasSuffix(m.hint, "."):
			if !strings.HasPrefix(m.text, "ERROR: ") && m.text != watchdog.Deadman {
				t.Errorf("%q: a message has no full stop", m.text)
			}
		case m.kind == "error" && m.status != exitFailed && m.status != exitNode:
			t.Errorf("%q: exit status %d", m.text, m.status)
		}
	}
}
