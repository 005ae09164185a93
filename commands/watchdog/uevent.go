package watchdog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Hints tells, without a promise, that reservations may have changed: the kernel passes
// on what an NVMe controller announces, as events of its devices. A controller may be told
// not to announce, and what nobody has read in time is lost.
type Hints struct {
	// C has a value after an event.
	C <-chan struct{}
	f *os.File
}

// kernelGroup is the multicast group of the kernel's own events. Who is not root cannot
// send to it.
const kernelGroup = 1

// eventSize is more than any event has.
const eventSize = 8 << 10

// ListenHints begins to listen. The error says why this process may not.
func ListenHints() (*Hints, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("no events of the kernel: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		return nil, errors.Join(fmt.Errorf("no events of the kernel: %w", err), unix.Close(fd))
	}
	return newHints(os.NewFile(uintptr(fd), "uevent")), nil
}

// newHints listens to a socket that carries events.
func newHints(f *os.File) *Hints {
	c := make(chan struct{}, 1)
	h := &Hints{C: c, f: f}
	go h.listen(c)
	return h
}

// Close ends it.
func (h *Hints) Close() error { return h.f.Close() }

func (h *Hints) listen(c chan<- struct{}) {
	event := make([]byte, eventSize)
	for {
		n, err := h.f.Read(event)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			// Some were lost, and may have been such ones.
		case err != nil:
			return
		case !announcesReservation(event[:n]):
			continue
		}
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// An asynchronous event as the completion of its command has it: type 2:0, information
// 15:8, log page 23:16. That of a reservation is Reservation Log Page Available, I/O
// command specific status, with the log page of reservation notifications. Sections 5.1.2,
// 5.1.12.1.22.
const (
	eventMask        = 0xffff07
	reservationEvent = 0x80<<16 | 0<<8 | 6
)

// announcesReservation reports whether an event of the kernel is a controller's that has
// something to tell of a reservation: words that end with a zero, one of which Linux calls
// NVME_AEN.
func announcesReservation(event []byte) bool {
	for word := range bytes.SplitSeq(event, []byte{0}) {
		value, ok := bytes.CutPrefix(word, []byte("NVME_AEN="))
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(string(value), 0, 32)
		return err == nil && n&eventMask == reservationEvent
	}
	return false
}
