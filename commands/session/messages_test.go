package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"lunguard/child"
	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/catalogue"
	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/vg"
)

// errorsByTopic are errors, by topic.
func errorsByTopic() map[string][]error {
	pkg := &cluster.Package{Name: "pkg1"}
	path := func(op string, err error) error { return &os.PathError{Op: op, Path: "/run/lunguard", Err: err} }
	inUse := func(u vg.Usage) error { return &inUseError{"/dev/sda", "0xbcb00002 (jack4)", u} }
	return map[string][]error{
		"config": {
			&ConfigFileError{path("read", syscall.EISDIR)}, &ConfigFileError{&fs.PathError{Op: "open", Path: "cluster.conf", Err: syscall.EMFILE}},
			&ConfigFileError{&fs.PathError{Op: "open", Path: "cluster.conf", Err: syscall.ENOENT}},
			&ConfigFileError{&fs.PathError{Op: "trust", Path: "/etc/x", Err: ownfile.ErrNotTrusted}},
			&ConfigFileError{&fs.PathError{Op: "lock", Path: "/etc/x", Err: ownfile.ErrBeingWritten}},
			&ConfigFileError{&fs.PathError{Op: "write", Path: "/etc/x", Err: ownfile.ErrChanged}},
			&ConfigFileError{&fs.PathError{Op: "trust", Path: "/etc/x", Err: &ownfile.WayError{At: "/etc"}}},
			&ConfigFileError{&fs.PathError{Op: "open", Path: "/etc/x", Err: ownfile.ErrNotFile}},
			&ConfigFileError{&fs.PathError{Op: "open", Path: "/etc/x", Err: syscall.EACCES}},
		},
		"fence_lunguard": {
			&ShiftedError{"jack4", "0xbcb00002"},
			&joinedError{"/run/lunguard/joined", errors.New("unexpected end of JSON input")},
			&unaskedError{"/dev/sda", &protocol.LUNError{LUN: "/dev/sda", Err: protocol.ErrTwoAnswers}}, &unaskedError{"naa.6001405000000001", vg.ErrGone},
		},
		"pr_check": {&memoryError{"pkg1", path("trust", ownfile.ErrNotTrusted)}, &unlistedError{"pkg1"}},
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
		"ended":    endedErrors(),
		"protocol": {&awayError{"pkg1", "naa.6", vg.ErrGone}},
		"pr_fence": {&notBegunError{[]*cluster.Package{pkg}}},
		"job":      {&notBegunError{[]*cluster.Package{pkg}}},
	}
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range errorsByTopic() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	list = append(list, catalogue.New("group", "warning", (&child.HungError{Program: "lvm", Limit: 20 * time.Second, PID: 7}).Error()+"; the volume groups were read without it"))
	for _, device := range []string{"/dev/sda", "/dev/sda2"} {
		two := &twoPackagesError{lun: "/dev/sda", wwid: "naa.6", pkg: "pkg1", others: []ownedDisk{{"pkg2", &vg.Disk{Device: device}}}}
		rep := protocol.Report{LUN: "/dev/sda"}
		list = append(list, catalogue.New("finding", "finding", "/dev/sda: "+words.Finding(nil, rep, protocol.Finding{Kind: words.InTwoPackages, Err: two})))
	}
	list = append(list, catalogue.New("nolun", "warning", (&lunlessError{"pkg1"}).Error()+": nothing is protected"))
	list = append(list, catalogue.New("warning", "warning", notRemembered("pkg1", syscall.ENOSPC)), catalogue.New("warning", "warning", openedWords("pkg1", "jack3")))
	list = append(list, catalogue.New("config", "warning", simulatedWords("/sim/jack3", "/etc/lunguard/cluster.conf")))
	return catalogue.Sort(list)
}

// endedErrors are what a command says when a signal has ended it.
func endedErrors() []error {
	node := cluster.Node{Name: "jack3", Key: 1}
	run := NewPackageRun(&cluster.Config{Nodes: []cluster.Node{node, {Name: "jack4", Key: 2}}}, &cluster.Package{Name: "pkg1"}, node, newOpened(access{}))
	state := func(held pr.Key, how pr.Type, keys ...pr.Key) protocol.Status {
		s := protocol.Status{LUN: "/dev/sda", State: &pr.State{}}
		for _, k := range keys {
			s.State.Registrations = append(s.State.Registrations, pr.Registration{Key: k})
		}
		if held != 0 || how.AllRegistrants() {
			s.State.Reservation = &pr.Reservation{Key: held, Type: how}
		}
		return s
	}
	shared := pr.WriteExclusiveRegistrantsOnly
	unread := protocol.Status{LUN: "/dev/sda", Err: catalogue.OnLUN("/dev/sda", "/dev/sdb", catalogue.Unreached())}
	var list []error
	for _, d := range []front.Deed{front.DeedStart, front.DeedKeep, front.DeedHalt, front.DeedFence, front.DeedEvict, front.DeedCleanup, front.DeedCopy, front.DeedRepair} {
		t := Task{Deed: d, Victim: cluster.Node{Name: "jack4", Key: 2}, Evicts: 2}
		list = append(list, &leftError{"all LUNs", t.nothing(), t.next(run)})
		for _, s := range []protocol.Status{
			unread, state(0, 0), state(0, 0, 1), state(0, 0, 1, 2), state(0, 0, 2), state(1, shared, 1), state(1, shared, 1, 2), state(2, shared, 1, 2), state(2, shared, 2), state(protocol.Taking(1), shared, 1, protocol.Taking(1), 2), state(0, pr.WriteExclusiveAllRegistrants, 2),
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

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
