package watchdog

import (
	"fmt"
	"os"
)

// Deadman is what is written to console and syslog when a node is given up.
const Deadman = "DEADMAN: Time expired, initiating system restart."

// Forgotten is what is written there when LUNs have lost their registrations.
const Forgotten = "RESERVATIONS LOST: a LUN has forgotten who is registered, and keeps nobody out"

// Alarm writes where it outlasts the node: on the console, and in the system's log.
type Alarm struct {
	// Console, Socket and KernelLog are where; empty is nowhere.
	Console, Socket, KernelLog string
}

// SystemAlarm is the alarm of a real machine.
func SystemAlarm() Alarm {
	return Alarm{Console: "/dev/console", Socket: "/dev/log", KernelLog: "/dev/kmsg"}
}

// Priorities of syslog(3): facility times 8, plus severity.
const (
	daemonEmergency = 3*8 + 0 // which goes to every terminal
	kernelCritical  = 3*8 + 2
)

// Raise writes, without waiting: a console may block for ever. done is called
// for each place, from another goroutine.
func (a Alarm) Raise(name, text string, done func(place string, err error)) {
	if a.Console != "" {
		go func() { done(a.Console, writeTo(a.Console, "\r\n"+text+"\r\n")) }()
	}
	if a.Socket != "" {
		go func() { done(a.log(name, text)) }()
	}
}

// log writes to the system's log, or, if nobody takes it there, to the
// kernel's.
func (a Alarm) log(name, text string) (place string, err error) {
	err = sendDatagram(a.Socket, fmt.Sprintf("<%d>%s[%d]: %s", daemonEmergency, name, os.Getpid(), text))
	if err == nil || a.KernelLog == "" {
		return a.Socket, err
	}
	return a.KernelLog, writeTo(a.KernelLog, fmt.Sprintf("<%d>%s: %s\n", kernelCritical, name, text))
}

// writeTo writes to a device that is there, in one piece.
func writeTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|noControllingTTY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close() // the other error tells more
		return err
	}
	return f.Close()
}
