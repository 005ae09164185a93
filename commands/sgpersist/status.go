package sgpersist

import (
	"syscall"

	"lunguard/scsi"
)

// status is an exit status. The numbers are those of sg3_utils(8).
type status int

const (
	success        status = 0
	syntaxError    status = 1
	notReady       status = 2
	mediumHard     status = 3
	illegalRequest status = 5
	unitAttention  status = 6
	dataProtect    status = 7
	invalidOpcode  status = 9
	copyAborted    status = 10
	abortedCommand status = 11
	standby        status = 12
	unavailable    status = 13
	miscompare     status = 14
	fileError      status = 15
	invalidParam   status = 19
	noSense        status = 20
	recovered      status = 21
	lbaOutOfRange  status = 22
	conflict       status = 24
	conditionMet   status = 25
	busy           status = 26
	taskSetFull    status = 27
	acaActive      status = 28
	taskAborted    status = 29
	contradiction  status = 31
	transportError status = 35
	protection     status = 40
	osError        status = 50
	malformed      status = 97
	otherSense     status = 98
	otherError     status = 99
)

// ofErrno gives the status of a system call that failed.
func ofErrno(e syscall.Errno) status {
	if s := osError + status(e); s < malformed {
		return s
	}
	return osError
}

// ofSCSIStatus gives the status of a command that ended with s, which is
// neither GOOD nor CHECK CONDITION. One that SAM-5 does not know is no
// success, whatever it means.
func ofSCSIStatus(s scsi.Status) status {
	switch s {
	case scsi.ReservationConflict:
		return conflict
	case scsi.ConditionMet:
		return conditionMet
	case scsi.Busy:
		return busy
	case scsi.TaskSetFull:
		return taskSetFull
	case scsi.ACAActive:
		return acaActive
	case scsi.TaskAborted:
		return taskAborted
	}
	return otherError
}

// ofSense gives the status of a command that ended with sense data.
func ofSense(sense []byte) status {
	s, err := scsi.DecodeSense(sense)
	if err != nil {
		return otherSense
	}
	switch s.Key {
	case scsi.NoSense:
		return noSense
	case scsi.RecoveredError:
		return recovered
	case scsi.NotReady:
		switch s.ASC {
		case 0x040b:
			return standby
		case 0x040c:
			return unavailable
		}
		return notReady
	case scsi.MediumError, scsi.HardwareError, scsi.BlankCheck:
		return mediumHard
	case scsi.UnitAttention:
		return unitAttention
	case scsi.IllegalRequest:
		switch s.ASC {
		case scsi.InvalidOpcode:
			return invalidOpcode
		case 0x2100:
			return lbaOutOfRange
		case scsi.InvalidFieldInParameterList:
			return invalidParam
		}
		return illegalRequest
	case scsi.AbortedCommand:
		if s.ASC>>8 == 0x10 {
			return protection
		}
		return abortedCommand
	case scsi.Miscompare:
		return miscompare
	case scsi.DataProtect:
		return dataProtect
	case scsi.CopyAborted:
		return copyAborted
	}
	return otherSense
}

// quiet reports whether the library shows the sense data of this category
// only with -v.
func (s status) quiet() bool {
	switch s {
	case recovered, mediumHard, unitAttention, otherSense:
		return false
	}
	return true
}
