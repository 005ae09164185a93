package sgpersist

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"lunguard/scsi"
	"lunguard/vg"
)

// nexus is an open device to which commands are sent.
type nexus struct {
	*run
	path vg.Path
}

// command is one SCSI command.
type command struct {
	// lead stands before what is said of it.
	lead string
	cdb  []byte
	dir  scsi.Direction
	data []byte
	// anew says that it registers a nexus without proof that it was: after
	// it was fenced, that must not happen by itself.
	anew bool
}

// do sends a command, again after each unit attention as often as is allowed,
// says what went wrong, and returns how many bytes of data arrived. status is
// the outcome; recovered and noSense are told as success.
func (n *nexus) do(ctx context.Context, c *command) (arrived int, s status) {
	n.announce(c)
	for attentions := 0; ; attentions++ {
		reply, err := n.send(ctx, c)
		if err != nil {
			return 0, n.callFailed(c, err)
		}
		again := attentions < n.opts.retries && mayRepeat(reply, c)
		if again && n.opts.verbose == 0 {
			continue
		}
		arrived, s = n.outcome(c, reply)
		if !again {
			return arrived, s
		}
		n.errorf("%s: unit attention, sent again\n", prog)
	}
}

// announce shows a command before it is sent.
func (n *nexus) announce(c *command) {
	if n.opts.verbose == 0 {
		return
	}
	n.errorf("    %s cdb: [% x]\n", c.lead, c.cdb)
	if n.opts.verbose > 1 && c.dir == scsi.DataOut {
		n.errorf("    %s parameters:\n%s", c.lead, hexLines(c.data, "", hexOffsetASCII))
	}
}

func (n *nexus) send(ctx context.Context, c *command) (scsi.Reply, error) {
	if c.dir == scsi.DataIn {
		clear(c.data)
	}
	began := time.Now()
	reply, err := n.path.Do(ctx, &scsi.Request{CDB: c.cdb, Dir: c.dir, Data: c.data, Timeout: n.opts.timeout})
	if err == nil && n.opts.verbose > 2 {
		n.errorf("      duration=%d ms\n", time.Since(began).Milliseconds())
	}
	return reply, err
}

// mayRepeat reports whether a command was refused for a unit attention and
// may be sent again: it was not performed. One that says that others changed
// the reservations may be the first word of a fence, which is not undone here
// by registering afresh.
func mayRepeat(reply scsi.Reply, c *command) bool {
	err := reply.Err()
	return errors.Is(err, scsi.ErrUnitAttention) && !(c.anew && errors.Is(err, scsi.ErrStateChanged))
}

// callFailed says that no answer came and why.
func (n *nexus) callFailed(c *command, err error) status {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		n.errorf("%s: pass-through timeout\n", c.lead)
		return transportError
	}
	if n.opts.verbose > 1 {
		n.errorf("ioctl(SG_IO v3) failed: %s (errno=%d)\n", errnoText(errno), errno)
	}
	if n.opts.verbose > 0 || errno != syscall.ENXIO {
		n.errorf("%s: pass-through os error: %s\n", c.lead, errnoText(errno))
	}
	if errno == syscall.ENXIO {
		if n.opts.verbose > 2 {
			n.errorf("map ENXIO to SG_LIB_CAT_NOT_READY\n")
		}
		return notReady
	}
	return ofErrno(errno)
}

// outcome says what came back, as far as it was not plain success.
func (n *nexus) outcome(c *command, reply scsi.Reply) (arrived int, s status) {
	if c.dir == scsi.DataIn {
		arrived = min(max(len(c.data)-reply.Resid, 0), len(c.data))
	}
	failed := reply.Host != scsi.HostOK && reply.Host != scsi.HostNexusFailure
	switch err := reply.Err(); {
	case errors.Is(err, scsi.ErrReservationConflict) && !failed:
		return arrived, conflict
	case errors.Is(err, scsi.ErrTransport), errors.Is(err, scsi.ErrReservationConflict):
		n.errorf("%s: transport: %s\n", c.lead, transportErrText(reply.Host, reply.Driver))
		return arrived, transportError
	case hasSense(reply):
		return arrived, n.senseOutcome(c, reply, arrived)
	case reply.Status != scsi.Good:
		s := ofSCSIStatus(reply.Status)
		if s == otherError {
			n.errorf("%s: scsi status: %s\n", c.lead, statusText(byte(reply.Status)))
		}
		return arrived, s
	}
	n.tellArrived(c, arrived, n.opts.verbose > 1)
	if reply.Resid > len(c.data) && c.lead == inquiryLead {
		n.errorf("%s resid (%d) should never exceed requested len=%d\n", c.lead, reply.Resid, len(c.data))
	}
	if n.opts.verbose > 2 && arrived > 0 && c.lead != inquiryLead {
		n.tellResponse(c, arrived)
	}
	return arrived, success
}

// hasSense reports whether the outcome is in the sense data. Kernels before
// 5.14 have drivers that say so in the driver status alone, and a status that
// is long obsolete says so, too.
func hasSense(reply scsi.Reply) bool {
	const driverSense, commandTerminated = 0x08, 0x22
	return reply.Status == scsi.CheckCondition || reply.Status == commandTerminated || reply.Driver&0x0f == driverSense
}

func (n *nexus) senseOutcome(c *command, reply scsi.Reply, arrived int) status {
	s := ofSense(reply.Sense)
	if n.opts.verbose > 0 || !s.quiet() {
		n.errorf("%s:\n%s", c.lead, senseText(reply.Sense, n.opts.verbose > 1))
		n.tellArrived(c, arrived, n.opts.verbose > 2 || s == recovered || s == mediumHard || arrived > 0)
	}
	if s == recovered || s == noSense {
		if sense, err := scsi.DecodeSense(reply.Sense); err == nil && !sense.Deferred {
			return success
		}
		// Deferred sense data is about an earlier command; this one was not
		// performed. SPC-4 4.5.7.
		return otherSense
	}
	return s
}

// tellArrived shows how many bytes arrived, if they are fewer than asked for.
func (n *nexus) tellArrived(c *command, arrived int, wanted bool) {
	if wanted && c.dir == scsi.DataIn && arrived != len(c.data) {
		n.errorf("    %s: pass-through requested %d bytes (data-in), got %d bytes\n", c.lead, len(c.data), arrived)
	}
}

func (n *nexus) tellResponse(c *command, arrived int) {
	const firstBytes = 256
	if n.opts.verbose > 3 {
		n.errorf("    %s: response:\n%s", c.lead, hexLines(c.data[:arrived], "", hexOffsetASCII))
		return
	}
	note := ""
	if arrived > firstBytes {
		note, arrived = fmt.Sprintf(", first %d bytes", firstBytes), firstBytes
	}
	n.errorf("    %s: response%s:\n%s", c.lead, note, hexLines(c.data[:arrived], "", hexBytes))
}
