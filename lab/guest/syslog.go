//go:build lab

package guest

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
)

// SystemLog is the guest's /dev/log, as a log daemon has it. It keeps what it gets.
type SystemLog struct {
	conn *net.UnixConn
	mu   sync.Mutex
	text strings.Builder
}

// logSocket is where programs send their lines.
const logSocket = "/dev/log"

// ListenLog takes the lines that programs send from now on, in place of whoever did before.
func ListenLog() (*SystemLog, error) {
	if err := os.Remove(logSocket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: logSocket, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	l := &SystemLog{conn: conn}
	go l.read()
	return l, nil
}

func (l *SystemLog) read() {
	data := make([]byte, 64<<10)
	for {
		n, err := l.conn.Read(data)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.text.Write(append(data[:n:n], '\n'))
		l.mu.Unlock()
	}
}

// Lines are those so far.
func (l *SystemLog) Lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}
