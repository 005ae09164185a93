package scsi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"lunguard/pr"
)

var classes = map[string]error{
	"conflict": ErrReservationConflict, "changed": ErrStateChanged, "attention": ErrUnitAttention,
	"unsupported": ErrUnsupported, "transport": ErrTransport, "timeout": ErrTimeout, "busy": ErrBusy,
	"malformed": ErrMalformed, "device": ErrDevice, "stale": ErrStale,
}

// classOf names all the classes that err is of, in the order of the table.
func classOf(err error) string {
	var list []string
	for _, name := range []string{"conflict", "changed", "attention", "unsupported", "timeout", "transport", "busy", "malformed", "device", "stale"} {
		if errors.Is(err, classes[name]) {
			list = append(list, name)
		}
	}
	return strings.Join(list, " ")
}

func TestReplyErr(t *testing.T) {
	sense := func(key SenseKey, asc ASC) Reply { return check(key, asc) }
	deferred := func(key SenseKey, asc ASC) Reply {
		return Reply{Status: CheckCondition, Driver: driverSense, Sense: Sense{Key: key, ASC: asc, Deferred: true}.Fixed()}
	}
	with := func(r Reply, host HostStatus) Reply { r.Host = host; return r }
	for _, tc := range []struct {
		name  string
		reply Reply
		// class is empty for success.
		class   string
		unknown bool
	}{
		{"GOOD", Reply{}, "", false},
		{"CONDITION MET", Reply{Status: ConditionMet}, "", false},
		{"CHECK CONDITION without sense data", Reply{Status: CheckCondition, Driver: driverSense}, "malformed", true},
		{"CHECK CONDITION with unknown sense data", Reply{Status: CheckCondition, Sense: []byte{0x7f, 1, 2, 3}}, "malformed", true},
		{"BUSY", Reply{Status: Busy}, "busy", false},
		{"RESERVATION CONFLICT", Reply{Status: ReservationConflict}, "conflict", false},
		{"TASK SET FULL", Reply{Status: TaskSetFull}, "busy", false},
		{"ACA ACTIVE", Reply{Status: ACAActive}, "device", true},
		{"TASK ABORTED", Reply{Status: TaskAborted}, "device", true},
		{"obsolete status", Reply{Status: 0x10}, "device", true},
		{"unknown status", Reply{Status: 0xfe}, "device", true},

		{"conflict, old kernel", Reply{Status: ReservationConflict, Host: HostNexusFailure}, "conflict", false},
		{"conflict by the host status alone", Reply{Host: HostNexusFailure}, "conflict", false},
		{"conflict with another host status", Reply{Status: ReservationConflict, Host: HostError}, "conflict", false},
		{"conflict with a driver status", Reply{Status: ReservationConflict, Driver: 0x06}, "conflict", false},

		{"timeout", Reply{Host: HostTimeOut}, "timeout transport", true},
		{"timeout, old kernel", Reply{Host: HostTimeOut, Driver: 0x06}, "timeout transport", true},
		{"no path", Reply{Host: HostNoConnect}, "transport", true},
		{"bus busy", Reply{Host: HostBusBusy}, "transport", true},
		{"host status beside GOOD", Reply{Status: Good, Host: HostTransportDisrupted}, "transport", true},
		{"host status beside a unit attention", with(sense(UnitAttention, RegistrationsPreempted), HostError), "transport", true},
		{"unknown host status", Reply{Host: 0xff}, "transport", true},
		{"driver status", Reply{Driver: 0x07}, "transport", true},
		{"driver status beside BUSY", Reply{Status: Busy, Driver: 0x04}, "transport", true},
		{"driver suggestion only", Reply{Driver: 0x10}, "", false},
		{"driver sense only", Reply{Driver: 0x28}, "", false},
		{"target failure repeats the sense, old kernel", with(sense(IllegalRequest, InvalidFieldInCDB), HostTargetFailure), "unsupported", false},
		{"medium error repeats the sense, old kernel", with(sense(MediumError, 0x1100), HostMediumError), "device", true},
		{"allocation failure repeats the sense, old kernel", with(sense(DataProtect, 0x2707), HostAllocFailure), "device", false},
		{"target failure without sense", Reply{Host: HostTargetFailure}, "transport", true},

		{"recovered", sense(RecoveredError, 0x1700), "", false},
		{"recovered, but an earlier command", deferred(RecoveredError, 0x1700), "device", true},
		{"illegal request of an earlier command", deferred(IllegalRequest, InvalidFieldInCDB), "device", true},
		{"medium error of an earlier command", deferred(MediumError, 0x0c00), "device", true},
		{"becoming ready, of an earlier command", deferred(NotReady, BecomingReady), "device", true},
		{"no sense", sense(NoSense, 0), "device", true},
		{"power on", sense(UnitAttention, PowerOnOrReset), "attention", false},
		{"preempted", sense(UnitAttention, ReservationsPreempted), "changed attention", false},
		{"released", sense(UnitAttention, ReservationsReleased), "changed attention", false},
		{"registrations preempted", sense(UnitAttention, RegistrationsPreempted), "changed attention", false},
		{"registrations preempted, descriptor format", Reply{Status: CheckCondition, Sense: Sense{Key: UnitAttention, ASC: RegistrationsPreempted}.Descriptor()}, "changed attention", false},
		{"mode parameters changed", sense(UnitAttention, 0x2a01), "attention", false},
		{"no such command", sense(IllegalRequest, InvalidOpcode), "unsupported", false},
		{"invalid field in CDB", sense(IllegalRequest, InvalidFieldInCDB), "unsupported", false},
		{"invalid field in list", sense(IllegalRequest, InvalidFieldInParameterList), "unsupported", false},
		{"list length", sense(IllegalRequest, ParameterListLengthError), "device", false},
		{"invalid release", sense(IllegalRequest, InvalidRelease), "device", false},
		{"no room", sense(IllegalRequest, InsufficientRegistrations), "device", false},
		{"becoming ready", sense(NotReady, BecomingReady), "busy", false},
		{"in progress", sense(NotReady, OperationInProgress), "busy", false},
		{"ALUA transition", sense(NotReady, AsymmetricTransition), "busy", false},
		{"ALUA standby", sense(NotReady, TargetPortStandby), "device", false},
		{"ALUA unavailable", sense(NotReady, TargetPortUnavailable), "device", false},
		{"could not be stored", sense(NotReady, CommunicationFailure), "device", true},
		{"reservations lost", sense(DataProtect, ReservationInformationLost), "device", false},
		{"aborted", sense(AbortedCommand, 0), "device", true},
		{"hardware", sense(HardwareError, 0x4400), "device", true},
		{"medium", sense(MediumError, 0x1100), "device", true},
		{"vendor's key", sense(9, 0x8000), "device", true},

		{"sense announced by the driver alone", Reply{Driver: driverSense, Sense: Sense{Key: UnitAttention, ASC: RegistrationsPreempted}.Fixed()}, "device", true},
		{"sense of a good command", Reply{Driver: driverSense, Sense: Sense{Key: RecoveredError, ASC: 0x1700}.Fixed()}, "", false},
		{"completed", Reply{Driver: driverSense, Sense: Sense{Key: completed}.Descriptor()}, "", false},
		{"stale sense", Reply{Sense: Sense{Key: HardwareError}.Fixed()}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, op := range []Opcode{OpPROut, OpPRIn} {
				_, err := Exec(context.Background(), &fake{t: t, script: []answer{{reply: tc.reply}}}, "NAME", &Request{CDB: []byte{byte(op)}})
				diff(t, "class", tc.class, classOf(err))
				diff(t, "OutcomeUnknown", tc.unknown, pr.OutcomeUnknown(err))
				if (err == nil) != (tc.class == "") {
					t.Fatalf("error %v", err)
				}
				if err == nil {
					continue
				}
				var e *OpError
				asOp(t, err, &e)
				diff(t, "reply", tc.reply, e.Reply)
				diff(t, "op", "NAME", e.Op)
				if !strings.HasPrefix(err.Error(), "NAME: ") || strings.Contains(err.Error(), "\n") {
					t.Errorf("text %q", err)
				}
			}
		})
	}
}

// Do's own errors are never taken for an answer.
func TestTransportErrors(t *testing.T) {
	for _, tc := range []struct {
		name    string
		err     error
		class   string
		unknown bool
		is      error
	}{
		{"EIO", &os.PathError{Op: "SG_IO", Path: "/dev/sdq", Err: syscall.EIO}, "transport", true, syscall.EIO},
		{"EINTR", &os.PathError{Op: "SG_IO", Path: "/dev/sdq", Err: syscall.EINTR}, "transport", true, syscall.EINTR},
		{"ENOTTY", &os.PathError{Op: "SG_IO", Path: "/dev/sdq", Err: syscall.ENOTTY}, "unsupported", false, syscall.ENOTTY},
		{"EPERM", &os.PathError{Op: "SG_IO", Path: "/dev/sdq", Err: syscall.EPERM}, "transport", false, os.ErrPermission},
		{"EACCES", syscall.EACCES, "transport", false, os.ErrPermission},
		{"deadline", fmt.Errorf("waiting: %w", context.DeadlineExceeded), "timeout transport", true, context.DeadlineExceeded},
		{"deadline of a file", os.ErrDeadlineExceeded, "timeout transport", true, os.ErrDeadlineExceeded},
		{"cancelled on the way", context.Canceled, "transport", true, context.Canceled},
		{"unsupported", fmt.Errorf("here: %w", ErrUnsupported), "unsupported", false, ErrUnsupported},
		{"any other", io.ErrUnexpectedEOF, "transport", true, io.ErrUnexpectedEOF},
		{"not sent", unsent("/dev/sdq", context.Canceled), "timeout transport", false, context.Canceled},
		{"wrapped OpError", fmt.Errorf("far away: %w", &OpError{Class: ErrBusy}), "busy", false, ErrBusy},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// Even if the buffer has been filled with what looks like an answer.
			f := &fake{t: t, script: []answer{{err: tc.err, data: hx(t, "00000001 00000000")}}}
			keys, err := ReadKeys{}.Execute(context.Background(), f)
			isClass(t, err, tc.is)
			diff(t, "class", tc.class, classOf(err))
			diff(t, "OutcomeUnknown", tc.unknown, pr.OutcomeUnknown(err))
			if keys != nil {
				t.Errorf("%+v with an error", keys)
			}
			var e *OpError
			asOp(t, err, &e)
			diff(t, "op", "PERSISTENT RESERVE IN, READ KEYS", e.Op)
		})
	}
}

// Only a command that the kernel holds is still under way.
func TestStillUnderWay(t *testing.T) {
	given := fmt.Errorf("/dev/sdq: %w: %w", ErrStillUnderWay, context.DeadlineExceeded)
	for _, tc := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"given up", given, true},
		{"given up, with its command", transportErr("NAME", given), true},
		{"given up, wrapped", fmt.Errorf("LUN: %w", transportErr("NAME", given)), true},
		{"no answer in time, for another reason", transportErr("NAME", context.DeadlineExceeded), false},
		{"the kernel has ended it", Reply{Host: HostTimeOut}.Err(), false},
		{"not sent", unsent("", context.DeadlineExceeded), false},
		{"not sent for an earlier one", &OpError{Class: fmt.Errorf("earlier: %w", ErrStillUnderWay)}, false},
	} {
		if got := pr.StillUnderWay(tc.err); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	isClass(t, transportErr("NAME", given), ErrTimeout, ErrTransport, ErrStillUnderWay)
}

func TestErrorText(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply Reply
		want  string
	}{
		{"conflict", Reply{Status: ReservationConflict}, "/dev/sdq: NAME: reservation conflict"},
		{"conflict, old kernel", Reply{Status: ReservationConflict, Host: HostNexusFailure}, "/dev/sdq: NAME: reservation conflict"},
		{"conflict by host status", Reply{Host: HostNexusFailure}, "/dev/sdq: NAME: reservation conflict: DID_NEXUS_FAILURE"},
		{"host", Reply{Host: HostNoConnect}, "/dev/sdq: NAME: transport error: DID_NO_CONNECT"},
		{"unknown host", Reply{Host: 0x77}, "/dev/sdq: NAME: transport error: host status 0x77"},
		{"driver", Reply{Driver: 0x06}, "/dev/sdq: NAME: transport error: driver status 0x06"},
		{"status", Reply{Status: TaskSetFull}, "/dev/sdq: NAME: device stayed busy: TASK SET FULL"},
		{"sense", check(IllegalRequest, InvalidRelease), "/dev/sdq: NAME: device error: ILLEGAL REQUEST, invalid release of persistent reservation (26h/04h)"},
		{"no sense", Reply{Status: CheckCondition}, "/dev/sdq: NAME: malformed answer: CHECK CONDITION with no usable sense data: CHECK CONDITION"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e *OpError
			asOp(t, tc.reply.Err(), &e)
			e.Device, e.Op = "/dev/sdq", "NAME"
			diff(t, "text", tc.want, e.Error())
		})
	}
}

func TestASCOf(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", check(IllegalRequest, InvalidRelease).Err())
	diff(t, "ASC", InvalidRelease, ASCOf(err))
	diff(t, "ASC of a conflict", ASC(0), ASCOf(Reply{Status: ReservationConflict}.Err()))
	diff(t, "ASC of another error", ASC(0), ASCOf(io.EOF))
	diff(t, "ASC of none", ASC(0), ASCOf(nil))
	if pr.OutcomeUnknown(nil) || pr.OutcomeUnknown(io.EOF) {
		t.Error("OutcomeUnknown of what is no failed command")
	}
}
