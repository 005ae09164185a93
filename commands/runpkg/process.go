package runpkg

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// identity is a process. Numbers are given again, but not with the same start
// time during one boot.
type identity struct {
	PID int `json:"pid"`
	// Start is in ticks of the clock since the boot.
	Start uint64 `json:"start"`
}

// process is what the kernel tells of a process.
type process struct {
	identity
	group, session int
	// ended says that it runs no more and only waits for its parent.
	ended bool
}

// errStat says that the kernel's line about a process has another form.
var errStat = errors.New("malformed stat file of a process")

// readProcess asks the kernel about a process.
func readProcess(pid int) (process, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	return parseProcess(pid, string(text))
}

// parseProcess reads a stat file. See proc_pid_stat(5): the name, in
// parentheses, may have parentheses and blanks of its own.
func parseProcess(pid int, text string) (process, error) {
	at := strings.LastIndexByte(text, ')')
	f := strings.Fields(text[at+1:])
	const state, group, session, start = 0, 2, 3, 19
	if at < 0 || len(f) <= start {
		return process{}, errStat
	}
	p := process{identity: identity{PID: pid}, ended: strings.Contains("ZXx", f[state])}
	var errs [3]error
	p.group, errs[0] = strconv.Atoi(f[group])
	p.session, errs[1] = strconv.Atoi(f[session])
	p.Start, errs[2] = strconv.ParseUint(f[start], 10, 64)
	if errors.Join(errs[:]...) != nil {
		return process{}, errStat
	}
	return p, nil
}

// alive reports whether the process still runs.
func (id identity) alive() bool {
	if id.PID <= 0 {
		return false
	}
	p, err := readProcess(id.PID)
	return err == nil && p.identity == id && !p.ended
}

// kill sends a signal to this process and no other. That it has ended is no
// error.
func (id identity) kill(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(id.PID, 0)
	switch {
	case errors.Is(err, unix.ENOSYS):
		// Before Linux 5.3 there is nothing better.
		if !id.alive() {
			return nil
		}
		return gone(unix.Kill(id.PID, sig))
	case err != nil:
		return gone(err)
	}
	defer unix.Close(fd)
	// The descriptor stands for one process; whether it is this one is asked
	// now that the number cannot mean another any more.
	if !id.alive() {
		return nil
	}
	return gone(unix.PidfdSendSignal(fd, sig, nil, 0))
}

// gone takes an error away that says that a process is not there.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// processes lists those that run and that the function wants.
func processes(want func(process) bool) ([]process, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		// A process may end while it is looked at.
		if p, err := readProcess(pid); err == nil && !p.ended && want(p) {
			list = append(list, p)
		}
	}
	return list, nil
}

// inSession wants the processes of a session.
func inSession(id int) func(process) bool {
	return func(p process) bool { return p.session == id }
}

// execTime is how long a process may have no environment because it is just
// becoming another program.
const execTime = 50 * time.Millisecond

// hasVariable reports whether a process was started with a variable of that
// value. One that is just becoming another program has no environment to be
// seen, for a moment, and is waited for.
func (id identity) hasVariable(name, value string) bool {
	file := filepath.Join("/proc", strconv.Itoa(id.PID), "environ")
	text, err := os.ReadFile(file)
	for begin := time.Now(); err == nil && len(text) == 0 && id.alive() && time.Since(begin) < execTime; {
		time.Sleep(time.Millisecond)
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return false
	}
	for v := range bytes.SplitSeq(text, []byte{0}) {
		if string(v) == name+"="+value {
			return true
		}
	}
	return false
}

// killAll sends a signal to processes.
func killAll(list []process, sig unix.Signal) error {
	var errs []error
	for _, p := range list {
		if err := p.kill(sig); err != nil {
			errs = append(errs, fmt.Errorf("process %d: %w", p.PID, err))
		}
	}
	return errors.Join(errs...)
}

// bootID is different after every boot.
func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}
