package watchdog

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Notifier tells the service manager how the service is. Without one it tells
// nobody. See sd_notify(3).
type Notifier struct {
	socket string
	// usec is how often it wants to hear that the service is alive; 0 never.
	usec time.Duration
	last time.Duration
	// clock counts from anywhere.
	clock Clock
}

// NewNotifier reads from the environment whom to tell.
func NewNotifier(getenv func(string) string, clock Clock) *Notifier {
	n := &Notifier{socket: getenv("NOTIFY_SOCKET"), clock: clock}
	pid := getenv("WATCHDOG_PID")
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.usec = time.Duration(usec) * time.Microsecond
	}
	return n
}

// Tell sends assignments such as READY=1, one a line. It never waits: what the
// service manager cannot take now it does not get.
func (n *Notifier) Tell(text string) {
	if n.socket == "" {
		return
	}
	// A manager that does not listen is no reason to end the watch.
	_ = sendDatagram(n.socket, text)
}

// Alive tells the service manager's own watchdog that the service is alive, if
// it wants to hear so, and as often as it has to.
func (n *Notifier) Alive() {
	// Half the time is what sd_watchdog_enabled(3) recommends; a feed comes
	// only every interval, so a quarter.
	if now := n.clock(); n.usec > 0 && (n.last == 0 || now-n.last >= n.usec/4) {
		n.last = now
		n.Tell("WATCHDOG=1")
	}
}

// sendDatagram sends to a socket in the file system, or, with @ in front, in
// the abstract namespace.
func sendDatagram(socket, text string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// The package turns a leading @ into the abstract namespace's zero byte.
	return unix.Sendto(fd, []byte(text), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: socket})
}
