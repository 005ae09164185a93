// Package syslog writes lines to the system log without ever waiting for it: a
// log daemon that hangs must not delay what is logged.
package syslog

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Severity is how much a line matters, as in RFC 3164, 4.1.1.
type Severity int

// Severities that are used.
const (
	Err     Severity = 3
	Warning Severity = 4
	Notice  Severity = 5
)

// facility is that of daemons, LOG_DAEMON.
const facility = 3

const (
	// DefaultSocket is where the system log listens.
	DefaultSocket = "/dev/log"
	// queued is how many lines wait while the daemon does not read.
	queued = 4096
	// tick is how long the pump waits for room before it looks whether it is
	// to end.
	tick = 50 * time.Millisecond
)

// Log is an open system log. It is safe for concurrent use.
type Log struct {
	path, tag string
	mu        sync.Mutex
	fd        int
	queue     []string
	// pumping says that a goroutine sends what is queued; idle is closed when
	// it has ended.
	pumping, closed bool
	idle            chan struct{}
	lost            int
}

// Open connects to the daemon at a socket. The lines have the name of the
// program and the number of the process. Errors: unix.Errno, ENOENT if there
// is no such socket and ECONNREFUSED if nobody listens.
func Open(path, program string, pid int) (*Log, error) {
	l := &Log{path: path, tag: fmt.Sprintf("%s[%d]", program, pid), fd: -1}
	if err := l.connect(); err != nil {
		return nil, err
	}
	return l, nil
}

// connect opens the socket anew.
func (l *Log) connect() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: l.path}); err != nil {
		unix.Close(fd)
		return err
	}
	if l.fd >= 0 {
		unix.Close(l.fd)
	}
	l.fd = fd
	return nil
}

// Say logs a line. It is in the hands of the daemon when Say returns, unless
// that one does not read: then it is queued. Lines that find no room are
// counted.
func (l *Log) Say(s Severity, now time.Time, line string) {
	text := fmt.Sprintf("<%d>%s %s: %s", facility<<3|int(s), now.Format(time.Stamp), l.tag, line)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		l.lost++
		return
	case len(l.queue) == 0:
		err := l.send(text)
		if !full(err) {
			l.count(err)
			return
		}
	case len(l.queue) >= queued:
		l.lost++
		return
	}
	l.queue = append(l.queue, text)
	if !l.pumping {
		l.pumping, l.idle = true, make(chan struct{})
		go l.pump(l.idle)
	}
}

// send gives a line to the daemon, if need be to one that was started anew.
func (l *Log) send(text string) error {
	err := l.try(text)
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.ECONNRESET) {
		if err := l.connect(); err != nil {
			return err
		}
		err = l.try(text)
	}
	return err
}

func (l *Log) try(text string) error {
	return unix.Sendto(l.fd, []byte(text), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
}

// full says that the daemon has as much to read as the kernel keeps for it.
func full(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EINTR)
}

func (l *Log) count(err error) {
	if err != nil {
		l.lost++
	}
}

// pump sends what is queued as the daemon reads, and ends when nothing is left
// or the log was closed.
func (l *Log) pump(idle chan<- struct{}) {
	defer close(idle)
	for {
		l.mu.Lock()
		for len(l.queue) > 0 && !l.closed {
			err := l.send(l.queue[0])
			if full(err) {
				break
			}
			l.count(err)
			l.queue = l.queue[1:]
		}
		fd := l.fd
		if len(l.queue) == 0 || l.closed {
			l.pumping = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		room := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		if n, _ := unix.Poll(room, int(tick.Milliseconds())); n > 0 {
			// There may be room for no whole line yet.
			time.Sleep(time.Millisecond)
		}
	}
}

// Close gives lines that are queued the time to be read, and tells how many
// lines were lost.
func (l *Log) Close(patience time.Duration) (lost int) {
	l.mu.Lock()
	idle := l.idle
	l.mu.Unlock()
	if idle != nil {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-idle:
		case <-timer.C:
		}
	}
	l.mu.Lock()
	l.closed = true
	l.lost += len(l.queue)
	pumping := l.pumping
	l.queue = nil
	l.mu.Unlock()
	if pumping {
		<-idle
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
	}
	return l.lost
}
