package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/lab/hung"
	"lunguard/lab/image"
	"lunguard/lab/machine"
)

// Sizes of the three machines.
const (
	hungCPUs   = 1
	hungMemory = 640 // MiB
)

// callTimeout is how long a guest may take for one request. It is longer than the guest's
// own time limits, which say more when they pass.
const callTimeout = 3 * time.Minute

// hungGuest is one of the three machines of the hung-node test.
type hungGuest struct {
	name    string
	cmd     *exec.Cmd
	conn    net.Conn // carries line
	line    *hung.Line
	calls   int      // requests so far
	disks   []string // of a node, by LUN
	console machine.Console
	output  bytes.Buffer  // what the console printed; valid once done is closed
	done    chan struct{} // closed when QEMU has ended
	err     error         // of QEMU, valid once done is closed
}

// startHungGuest powers a machine on. The links are its network cards' other ends; they are
// closed here. The caller must stay on its thread, see [machine.Machine.Command].
func startHungGuest(ctx context.Context, m machine.Machine, name string, links []*os.File) (*hungGuest, error) {
	defer closeAll(links)
	here, there, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer closeAll([]*os.File{here, there})
	conn, err := net.FileConn(here)
	if err != nil {
		return nil, fmt.Errorf("the line to %s: %w", name, err)
	}
	g := &hungGuest{name: name, conn: conn, line: hung.NewLine(conn), done: make(chan struct{})}

	// The first of the passed files is descriptor 3 in QEMU.
	const firstFD = 3
	files := append(slices.Clone(links), there)
	args := []string{"-serial", "stdio", "-chardev", fmt.Sprintf("socket,id=line,fd=%d", firstFD+len(links)), "-serial", "chardev:line"}
	for card := range links {
		args = append(args,
			"-netdev", fmt.Sprintf("stream,id=net%d,server=off,addr.type=fd,addr.str=%d", card, firstFD+card),
			"-device", fmt.Sprintf("virtio-net-pci,netdev=net%d,mac=%s,romfile=", card, hung.MAC(name, card)))
	}
	m.CPUs, m.Memory = hungCPUs, hungMemory
	// A processor that was stopped is not stuck.
	m.Words = append(slices.Clone(m.Words), "softlockup_panic=0", hung.RoleParameter+name)
	g.cmd = m.Command(ctx, args...)
	g.cmd.ExtraFiles = files
	pipe, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	var stderr bytes.Buffer
	g.cmd.Stderr = &stderr
	if err := g.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", machine.Program, err), conn.Close())
	}
	go func() {
		defer close(g.done)
		readErr := g.console.Read(pipe, &g.output)
		g.err = errors.Join(readErr, g.cmd.Wait())
		if stderr.Len() > 0 {
			g.err = errors.Join(g.err, fmt.Errorf("%s: %s", machine.Program, image.LastLines(stderr.String(), 5)))
		}
	}()
	return g, nil
}

// booted waits for the guest's first word.
func (g *hungGuest) booted(ctx context.Context) error {
	_, err := g.receive(ctx, 0)
	return err
}

// call sends a request and waits for the answer.
func (g *hungGuest) call(ctx context.Context, q hung.Request) (hung.Reply, error) {
	g.calls++
	q.ID = g.calls
	if err := g.line.Send(q); err != nil {
		return hung.Reply{}, fmt.Errorf("%s: %s: %w", g.name, q.Op, err)
	}
	r, err := g.receive(ctx, q.ID)
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %s: %w", g.name, q.Op, err)
	}
	return r, nil
}

// receive waits for the answer of a number.
func (g *hungGuest) receive(ctx context.Context, id int) (hung.Reply, error) {
	stop := context.AfterFunc(ctx, func() {
		// It only wakes the receiver up; the receiver tells why.
		_ = g.conn.SetReadDeadline(time.Now())
	})
	defer stop()
	if err := g.conn.SetReadDeadline(time.Now().Add(callTimeout)); err != nil {
		return hung.Reply{}, err
	}
	var r hung.Reply
	if err := g.line.Receive(&r); err != nil {
		return r, errors.Join(ctx.Err(), err)
	}
	if r.ID != id {
		return r, fmt.Errorf("answer %d came instead of %d", r.ID, id)
	}
	return r, nil
}

// freeze stops the machine where it is, and returns when it is stopped as a whole.
func (g *hungGuest) freeze() error {
	if err := g.cmd.Process.Signal(unix.SIGSTOP); err != nil {
		return fmt.Errorf("stopping %s: %w", g.name, err)
	}
	for {
		// Who waits for the end of QEMU is to see that, too.
		err := unix.Waitid(unix.P_PID, g.cmd.Process.Pid, nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil || !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// thaw lets the machine go on.
func (g *hungGuest) thaw() error {
	if err := g.cmd.Process.Signal(unix.SIGCONT); err != nil {
		return fmt.Errorf("continuing %s: %w", g.name, err)
	}
	return nil
}

// end asks the guest to power off and judges how it did.
func (g *hungGuest) end(ctx context.Context, failed bool) error {
	_, err := g.call(ctx, hung.Request{Op: hung.OpEnd, Failed: failed})
	if err != nil {
		return err
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", g.name, ctx.Err())
	}
	switch {
	case g.console.Panicked:
		return fmt.Errorf("%s: the kernel panicked", g.name)
	case !g.console.Exited:
		return fmt.Errorf("%s went off without reporting a status (QEMU: %w)", g.name, g.err)
	case g.console.Status != 0 && !failed:
		return fmt.Errorf("%s: status %d", g.name, g.console.Status)
	case g.err != nil:
		return fmt.Errorf("%s: %w", g.name, g.err)
	}
	return nil
}

// kill ends the machine, if it has not ended, and frees what it had.
func (g *hungGuest) kill() error {
	err := g.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-g.done
	return errors.Join(err, g.conn.Close())
}

// each does something with all machines at the same time.
func each(guests []*hungGuest, do func(g *hungGuest) error) error {
	errs := make([]error, len(guests))
	var wg sync.WaitGroup
	for i, g := range guests {
		wg.Go(func() { errs[i] = do(g) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// socketPair makes two connected sockets.
func socketPair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}

// closeAll closes files of which only the descriptor was of use.
func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// dumpConsole writes what the guest has printed, marked with its name.
func (g *hungGuest) dumpConsole(w io.Writer) {
	for line := range bytes.Lines(g.output.Bytes()) {
		fmt.Fprintf(w, "lab: %s: %s", g.name, line)
	}
}
