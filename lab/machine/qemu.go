package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"lunguard/lab/image"
)

// Program emulates the guest; the kernel and the packages are for this processor only.
const Program = "qemu-system-x86_64"

// Ensure installs QEMU if it is missing and can be installed. The error is an
// image.ErrSkip if the host is not made for it.
func Ensure(ctx context.Context, log io.Writer) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: it needs Linux on amd64, this is %s on %s", image.ErrSkip, runtime.GOOS, runtime.GOARCH)
	}
	return image.EnsureProgram(ctx, log, Program, "qemu-system-x86")
}

// Machine is a guest to boot.
type Machine struct {
	Kernel, Initrd string
	// Timeout is how long [Machine.Test] may take.
	Timeout time.Duration
	CPUs    int      // 0 for two
	Memory  int      // in MiB, 0 for 1024
	Words   []string // more for the kernel's command line, at its end
}

// defaultCPUs is how many processors a guest has.
const defaultCPUs = 2

// guestCPU is all that the emulator can do, without what makes each system call and each
// switch between processes slow when it is emulated.
const guestCPU = "max,smap=off,smep=off,la57=off,xsave=off,avx=off,avx2=off,pku=off"

// guestMemory is in MiB. The root, the LUNs and all processes live in it.
const guestMemory = 1024

// Command is the QEMU command line. Where it is not the default: nothing but a serial
// line, and a reboot, such as after a panic, ends QEMU.
func (m Machine) Command(ctx context.Context, extra ...string) *exec.Cmd {
	args := []string{
		"-accel", "tcg,thread=multi,tb-size=512", "-cpu", guestCPU, "-smp", fmt.Sprint(cmp.Or(m.CPUs, defaultCPUs)),
		"-m", fmt.Sprint(cmp.Or(m.Memory, guestMemory)), "-display", "none", "-monitor", "none",
		"-no-reboot", "-nodefaults", "-no-user-config", "-nic", "none",
		"-kernel", m.Kernel, "-initrd", m.Initrd,
		"-append", strings.Join(append([]string{
			"console=ttyS0", "quiet", "loglevel=3", "panic=1", "mitigations=off",
			"rdinit=/init", "random.trust_cpu=on", "tsc=reliable", "nokaslr",
			// Translated code is found again by its address only: a program that is
			// started for the second time must be where it was.
			"norandmaps",
			// What costs an emulated processor most, and tests nothing here.
			"init_on_alloc=0", "rcupdate.rcu_expedited=1", "randomize_kstack_offset=off",
			"hardened_usercopy=off", "audit=0", "apparmor=0",
			// A kernel that is stuck for a minute tells where, and gives up.
			"softlockup_panic=1", "watchdog_thresh=30",
		}, m.Words...), " "),
	}
	cmd := exec.CommandContext(ctx, Program, append(args, extra...)...)
	// Not even a killed lab leaves its QEMU behind. The signal is bound to the thread that
	// starts the child, so callers must stay on it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Test boots the guest, streams its console and returns nil if its tests passed.
func (m Machine) Test(ctx context.Context, stdout, stderr io.Writer, logPath string) (err error) {
	runtime.LockOSThread() // see Command
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()

	if logPath != "" {
		f, err := os.Create(logPath)
		if err != nil {
			return err
		}
		defer f.Close()
		stdout = io.MultiWriter(stdout, f)
	}
	start := time.Now()
	c := &Console{Ready: func() {
		fmt.Fprintf(stderr, "lab: guest ready %.1f s after power-on\n", time.Since(start).Seconds())
	}}
	cmd := m.Command(ctx, "-serial", "stdio")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", Program, err)
	}
	readErr := c.Read(pipe, stdout)
	waitErr := cmd.Wait()
	busy := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	fmt.Fprintf(stderr, "lab: guest ran %.1f s, %.1f s of a processor\n", time.Since(start).Seconds(), busy.Seconds())
	if err := m.verdict(ctx, c, waitErr); err != nil {
		if !c.Exited {
			c.Dump(stderr)
		}
		return errors.Join(err, readErr)
	}
	return readErr
}

// verdict judges by three witnesses: the clock, the marker on the console and QEMU's exit
// status. Anything but a reported zero and a clean end is a failure.
func (m Machine) verdict(ctx context.Context, c *Console, waitErr error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the guest was killed: it had not finished after %v", m.Timeout)
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case c.Panicked:
		return errors.New("the guest's kernel panicked")
	case !c.Exited:
		return fmt.Errorf("the guest went off without reporting a status (QEMU: %v)", waitErr)
	case c.Status != 0:
		return fmt.Errorf("the guest's tests failed with status %d", c.Status)
	case waitErr != nil:
		return fmt.Errorf("the guest's tests passed, but QEMU failed: %w", waitErr)
	}
	return nil
}

// Shell boots the guest with the terminal on its serial line.
func (m Machine) Shell(ctx context.Context) error {
	runtime.LockOSThread() // see Command
	defer runtime.UnlockOSThread()
	cmd := m.Command(ctx, "-chardev", "stdio,id=tty,signal=off", "-serial", "chardev:tty")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
