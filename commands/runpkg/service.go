package runpkg

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/cluster"
)

// record is what is written down of a service, for a halt in another process.
type record struct {
	Package string `json:"package"`
	Node    string `json:"node"`
	Service string `json:"service"`
	Command string `json:"command"`
	// Restarts is how often it is started again; -1 is for ever.
	Restarts int `json:"restarts"`
	// Pause is between an end and the next start.
	Pause time.Duration `json:"pause"`
	Boot  string        `json:"boot"`
	// Token stands in the environment of every process of the service. Since
	// is when the first of them can have been started.
	Token string `json:"token"`
	Since uint64 `json:"since"`
	// Supervisor keeps the service, and is the leader of its session. Child is
	// what the command was last started as.
	Supervisor identity `json:"supervisor"`
	Child      identity `json:"child"`
	// Restarted counts the starts after the first one.
	Restarted int `json:"restarted"`
	// Ended tells how it ended, if it is not started again.
	Ended string `json:"ended,omitempty"`
}

// newRecord begins a record.
func newRecord(boot, command string) (*record, error) {
	self, err := readProcess(os.Getpid())
	var token [16]byte
	if _, randErr := unix.Getrandom(token[:], 0); err == nil {
		err = randErr
	}
	return &record{Boot: boot, Command: command, Token: hex.EncodeToString(token[:]), Since: self.Start}, err
}

// processes lists those of the service that still run. They are told by what
// only they have: the token, or the session of a supervisor or child which is
// the very process that was recorded. Numbers alone prove nothing.
func (rec *record) processes() ([]process, error) {
	child, err := readProcess(rec.Child.PID)
	ours := rec.Supervisor.alive() || err == nil && child.identity == rec.Child && child.session == rec.Supervisor.PID
	return processes(func(p process) bool {
		// Threads of the kernel are in no session.
		return ours && p.session == rec.Supervisor.PID ||
			p.session != 0 && p.Start >= rec.Since && p.hasVariable(tokenVariable, rec.Token)
	})
}

// others lists the processes of the service but this one, which may be one of
// them, and the supervisor.
func (rec *record) others() ([]process, error) {
	list, err := rec.processes()
	return slices.DeleteFunc(list, func(p process) bool { return p.PID == os.Getpid() || p.identity == rec.Supervisor }), err
}

// keeper lists the supervisor, if it still runs.
func (rec *record) keeper() ([]process, error) {
	if !rec.Supervisor.alive() {
		return nil, nil
	}
	return []process{{identity: rec.Supervisor}}, nil
}

// ServiceError says that a service cannot be started.
type ServiceError struct {
	Service string
	Reason  string
}

func (e *ServiceError) Error() string { return "service " + e.Service + ": " + e.Reason }

// readRecord reads what is known of a service; nil if it was not started since
// the boot.
func readRecord(r *Runner, service string) (*record, string, error) {
	path, err := r.State.servicePath(service)
	if err != nil {
		return nil, "", err
	}
	rec := &record{}
	err = load(path, rec)
	if errors.Is(err, fs.ErrNotExist) || err == nil && rec.Boot != r.State.boot {
		return nil, path, nil
	}
	return rec, path, err
}

// startService starts the supervisor of a service and waits until it has
// started the command.
func (r *Runner) startService(ctx context.Context, s cluster.Service) error {
	old, path, err := readRecord(r, s.Name)
	if err != nil {
		return err
	}
	if old != nil {
		left, err := old.processes()
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return &ServiceError{s.Name, fmt.Sprintf("process %d of an earlier start still runs", left[0].PID)}
		}
	}
	rec, err := newRecord(r.State.boot, s.Command)
	if err != nil {
		return err
	}
	rec.Package, rec.Node, rec.Service, rec.Restarts, rec.Pause = r.Package.Name, r.Node, s.Name, s.Restarts, r.Pause
	if err := save(path, rec); err != nil {
		return err
	}
	return r.supervisor(ctx, path, rec)
}

// ready is what the supervisor writes to who has started it.
const ready = "ready"

// supervisor starts the process that keeps a service. It outlives us.
func (r *Runner) supervisor(ctx context.Context, path string, rec *record) error {
	heard, told, err := os.Pipe()
	if err != nil {
		return err
	}
	defer heard.Close()
	defer told.Close()
	cmd := &exec.Cmd{
		Path: r.Supervisor[0], Args: append(r.Supervisor[1:len(r.Supervisor):len(r.Supervisor)], path),
		Env: append(r.environment(Start), tokenVariable+"="+rec.Token),
		Dir: "/", Stdout: r.Log.file, Stderr: r.Log.file, ExtraFiles: []*os.File{told},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	keepDescriptors()
	if err := cmd.Start(); err != nil {
		return err
	}
	// As long as we are here it must not stay a zombie.
	go func() { _ = cmd.Wait() }()
	told.Close()
	stop := context.AfterFunc(ctx, func() { heard.SetReadDeadline(time.Now()) })
	defer stop()
	text, err := io.ReadAll(io.LimitReader(heard, maxState))
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case string(text) != ready:
		return &ServiceError{rec.Service, "it could not be started: " + string(text)}
	}
	return nil
}

// stopService ends a service and all its processes. The supervisor is told
// first, so that it does not start the command again; it hands SIGTERM on. It
// stays until the others have ended, and is killed last: as long as it is
// there, the session is known to be the service's.
func (r *Runner) stopService(ctx context.Context, s cluster.Service) error {
	rec, path, err := readRecord(r, s.Name)
	if err != nil {
		return err
	}
	if rec == nil {
		return remove(path)
	}
	patience := s.HaltTimeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline))
	}
	what := "service " + s.Name
	if rec.Supervisor.alive() {
		err = errors.Join(
			rec.Supervisor.kill(unix.SIGTERM),
			r.await(what, rec.others, patience), r.await(what, rec.keeper, grace(r)), r.await(what, rec.others, 0))
	} else {
		err = r.end(what, rec.others, patience)
	}
	if err != nil {
		return err
	}
	return remove(path)
}

// stopServices ends the services that the control script of a legacy package has
// left. Errors: those of stopService, joined.
func (r *Runner) stopServices(ctx context.Context) error {
	files, err := os.ReadDir(r.State.serviceDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), ".") {
			err = errors.Join(err, r.stopService(ctx, declared(r, f.Name())))
		}
	}
	return err
}

// declared is a service as the package file has it; it may have only its name.
func declared(r *Runner, name string) cluster.Service {
	for _, s := range r.Package.Services() {
		if s.Name == name {
			return s
		}
	}
	return cluster.Service{Name: name, HaltTimeout: grace(r)}
}

// Ended lists the services of a package that is up which do not run any more,
// with how they ended.
func (r *Runner) Ended() []string {
	var list []string
	for _, s := range r.Package.Services() {
		rec, _, err := readRecord(r, s.Name)
		switch {
		case err != nil:
			list = append(list, s.Name+": "+err.Error())
		case rec == nil:
			list = append(list, s.Name+": was not started")
		case rec.Ended != "":
			list = append(list, s.Name+": "+rec.Ended)
		case !rec.Supervisor.alive():
			list = append(list, s.Name+": nothing looks after it any more")
		}
	}
	return list
}

// ServiceState is what a host knows of a service that it has started.
type ServiceState struct {
	// Running says that it runs, or is about to be started again.
	Running bool
	// Restarts is how often it was started again, Limit how often it may be; -1 is
	// for ever.
	Restarts, Limit int
}

// PeekService is what this host knows of a service, for who only wants to look. Nil if
// it was not started since the boot, unless this host has the package up: then it does
// not run.
func PeekService(root, pkg, service string) (*ServiceState, error) {
	phase, err := Peek(root, pkg)
	if err != nil {
		return nil, err
	}
	dir, err := child(root, pkg)
	if err != nil {
		return nil, err
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	path, err := child((&State{dir: dir}).serviceDir(), service)
	if err != nil {
		return nil, err
	}
	var rec record
	switch err := load(path, &rec); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil || rec.Boot != boot:
		if phase == Up {
			return &ServiceState{}, nil
		}
		return nil, nil
	}
	return &ServiceState{rec.Ended == "" && rec.Supervisor.alive(), rec.Restarted, rec.Restarts}, nil
}
