//go:build lab

package guest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Messages of the kernel's iSCSI netlink family (scsi/iscsi_if.h), of which iscsistart
// knows how to make a session but not how to end one.
const (
	ueventDestroySession = 12
	ueventDestroyConn    = 14
	ueventStopConn       = 18

	stopConnTerminate = 1 // the session is not to be recovered
	stopConnRecover   = 3 // the connection was lost; the session waits for another

	// ueventSize is more than sizeof(struct iscsi_uevent), the least the kernel accepts.
	ueventSize = 256

	// ueventSeconds is how long the kernel may take to end a session.
	ueventSeconds = 60
)

// logout ends the session without a word to the target, as a node that dies does: the
// connection closes and the registrations stay. The disks disappear.
func (s *session) logout() error {
	err := s.uevents(
		uevent{kind: ueventStopConn, flag: stopConnTerminate},
		uevent{kind: ueventDestroyConn},
		uevent{kind: ueventDestroySession},
	)
	if err == nil {
		s.disks = nil
	}
	return err
}

// disconnect loses the session's connection.
func (s *session) disconnect() error {
	return s.uevents(uevent{kind: ueventStopConn, flag: stopConnRecover})
}

// uevent is one message about a session and its connection 0.
type uevent struct{ kind, flag uint32 }

// uevents sends messages to the kernel and stops at the first that it refuses.
func (s *session) uevents(events ...uevent) error {
	sid, err := strconv.ParseUint(strings.TrimPrefix(s.name, "session"), 10, 32)
	if err != nil {
		return fmt.Errorf("session name %q: %w", s.name, err)
	}
	text, err := readAttr("/sys/class/iscsi_transport/tcp/handle")
	if err != nil {
		return err
	}
	handle, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("transport handle: %w", err)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ISCSI)
	if err != nil {
		return fmt.Errorf("iSCSI netlink: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: ueventSeconds}); err != nil {
		return err
	}
	for _, ev := range events {
		if err := ev.send(fd, handle, uint32(sid)); err != nil {
			return fmt.Errorf("%s: iSCSI event %d: %w", s.name, ev.kind, err)
		}
	}
	return nil
}

// send sends one message and reads the answer.
func (u uevent) send(fd int, handle uint64, sid uint32) error {
	// struct nlmsghdr, then struct iscsi_uevent: type, error, transport handle, and a
	// union that begins with the session's and the connection's numbers in all events
	// used here; stop_conn goes on with an unused handle and the flag.
	msg := make([]byte, unix.NLMSG_HDRLEN+ueventSize)
	binary.NativeEndian.PutUint32(msg[0:], uint32(len(msg)))
	binary.NativeEndian.PutUint16(msg[4:], uint16(u.kind))
	binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST)
	ev := msg[unix.NLMSG_HDRLEN:]
	binary.NativeEndian.PutUint32(ev[0:], u.kind)
	binary.NativeEndian.PutUint64(ev[8:], handle)
	binary.NativeEndian.PutUint32(ev[16:], sid)
	binary.NativeEndian.PutUint32(ev[32:], u.flag)
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	// Other events of the kernel may come first.
	for buf := make([]byte, 4096); ; {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		if n < unix.NLMSG_HDRLEN+8 {
			return fmt.Errorf("answer of %d bytes", n)
		}
		ev := buf[unix.NLMSG_HDRLEN:n]
		if binary.NativeEndian.Uint32(ev) != u.kind {
			continue
		}
		if code := int32(binary.NativeEndian.Uint32(ev[4:])); code != 0 {
			return unix.Errno(-code)
		}
		return nil
	}
}
