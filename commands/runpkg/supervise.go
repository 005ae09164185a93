package runpkg

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Supervise is the process that keeps a service: it starts the command that
// the record names, and again, as often as allowed. It is started by a Runner,
// in a session of its own, writes to the log of the package on its standard
// output, and says on descriptor 3 that the command runs.
func Supervise(path string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	// These mean nothing to us, but may mean something to the command: it would
	// inherit that they are ignored, and inherits the default in place of a
	// handler.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT)
	// The command must not inherit it.
	const said = 3
	unix.CloseOnExec(said)
	starter := os.NewFile(said, "starter")
	s := &supervisor{path: path, signals: signals}
	err := s.begin()
	if err != nil {
		fmt.Fprint(starter, err)
	} else {
		fmt.Fprint(starter, ready)
	}
	starter.Close()
	if err != nil {
		return err
	}
	return s.keep()
}

// supervisor is a supervisor at work.
type supervisor struct {
	path    string
	rec     record
	log     Log
	signals <-chan os.Signal
	cmd     *exec.Cmd
	ended   chan error
	// stopping says that the command is not started again.
	stopping bool
}

// begin reads the record and starts the command.
func (s *supervisor) begin() error {
	if err := load(s.path, &s.rec); err != nil {
		return err
	}
	s.log = Log{file: os.Stdout, node: s.rec.Node, now: time.Now}
	self, err := readProcess(os.Getpid())
	if err != nil {
		return err
	}
	s.rec.Supervisor = self.identity
	return s.start()
}

// start starts the command, in a process group of its own, and records it.
func (s *supervisor) start() error {
	s.cmd = &exec.Cmd{
		Path: "/bin/sh", Args: []string{"sh", "-c", s.rec.Command}, Env: os.Environ(), Dir: "/",
		Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.ended = make(chan error, 1)
	// It cannot be reaped, and its number not be given again, before this is
	// read.
	child, err := readProcess(s.cmd.Process.Pid)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(s.cmd, s.ended)
	if err == nil {
		s.rec.Child = child.identity
		err = save(s.path, &s.rec)
	}
	if err != nil {
		s.clear()
	}
	return err
}

// keep waits for the end of the command and starts it again.
func (s *supervisor) keep() error {
	for {
		how := s.wait()
		if s.stopping {
			return s.linger()
		}
		if s.rec.Restarts >= 0 && s.rec.Restarted >= s.rec.Restarts {
			return s.give(how)
		}
		s.log.Warn("Service %s has ended (%s), it is started again", s.rec.Service, how)
		// What is left of it would run beside the next one.
		s.clear()
		if s.sleep(); s.stopping {
			return s.linger()
		}
		s.rec.Restarted++
		if err := s.start(); err != nil {
			return s.give(err.Error())
		}
	}
}

// give gives the service up. There is no cluster manager that would halt the
// package or take it elsewhere.
func (s *supervisor) give(how string) error {
	s.rec.Ended = how
	s.log.Fail("service_monitor", "Service %s has ended (%s) and is not started again; package %s stays up without it", s.rec.Service, how, s.rec.Package)
	if err := save(s.path, &s.rec); err != nil {
		return err
	}
	return s.linger()
}

// linger stays as long as something of the service runs: by this process a
// halt knows the session.
func (s *supervisor) linger() error {
	tick := firstTick
	for {
		left, err := s.rec.others()
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-time.After(tick):
			tick = min(2*tick, lingerTick)
		case <-s.signals:
			s.terminate()
		}
	}
}

// lingerTick is how often it is looked whether something is left.
const lingerTick = time.Second

// terminate hands SIGTERM on to all processes of the service, and sees to it
// that the command is not started again.
func (s *supervisor) terminate() {
	s.stopping = true
	list, err := s.rec.others()
	if err == nil {
		err = killAll(list, unix.SIGTERM)
	}
	if err != nil {
		s.log.Warn("Service %s: %v", s.rec.Service, err)
	}
}

// wait waits for the end of the command.
func (s *supervisor) wait() string {
	for {
		select {
		case err := <-s.ended:
			// Both may have come; then it must not be started again.
			select {
			case <-s.signals:
				s.terminate()
			default:
			}
			if err == nil {
				return "exit status 0"
			}
			return err.Error()
		case <-s.signals:
			s.terminate()
		}
	}
}

// sleep is the pause before the next start.
func (s *supervisor) sleep() {
	d := s.rec.Pause
	if d == 0 {
		d = defaultPause
	}
	select {
	case <-time.After(d):
	case <-s.signals:
		s.terminate()
	}
}

// clear ends what is left of the service.
func (s *supervisor) clear() {
	r := Runner{}
	if err := r.end("service "+s.rec.Service, s.rec.others, grace(&r)); err != nil {
		s.log.Warn("Service %s: %v", s.rec.Service, err)
	}
}
