package catalogue

import (
	"context"
	"os"
	"syscall"

	"lunguard/protocol"
	"lunguard/scsi"
)

// Answer is what a transport says to each command.
type Answer struct {
	Reply scsi.Reply
	Err   error
}

// Do gives the answer.
func (a Answer) Do(context.Context, *scsi.Request) (scsi.Reply, error) { return a.Reply, a.Err }

// Sense is CHECK CONDITION with that sense data.
func Sense(key scsi.SenseKey, asc scsi.ASC) Answer {
	sense := []byte{0x70, 0, byte(key), 0, 0, 0, 0, 10, 0, 0, 0, 0, byte(asc >> 8), byte(asc), 0, 0, 0, 0}
	return Answer{Reply: scsi.Reply{Status: scsi.CheckCondition, Sense: sense}}
}

// Unreached is that of a path which does not lead to the device any more.
func Unreached() Answer { return Answer{Reply: scsi.Reply{Host: scsi.HostNoConnect}} }

// Errno is that of a system call on /dev/sdb.
func Errno(e syscall.Errno) Answer {
	return Answer{Err: &os.PathError{Op: "SG_IO", Path: "/dev/sdb", Err: e}}
}

// OnPath is the error that package scsi makes of an answer.
func OnPath(path string, a Answer) error {
	_, err := scsi.NewUnit(path, a).Capabilities(context.Background())
	return err
}

// OnLUN is the error that a protocol makes of the answer on a path of a LUN.
func OnLUN(lun, path string, a Answer) error {
	return &protocol.LUNError{LUN: lun, Err: OnPath(path, a)}
}
