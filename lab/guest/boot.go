//go:build lab

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"lunguard/lab/report"
)

// Paths in the guest that the host fills.
const (
	argsFile    = "/lab/args"         // words for the test binary, one a line
	modulesFile = "/lab/modules"      // modules to load at boot, in order
	lunguard    = "/lab/bin/lunguard" // the product, if there is one
	appletDir   = "/lab/applets"      // links to it, one an applet

	noBinaryFile = "/lab/no-binary" // there if the product was left out on purpose
)

// workerEnv marks the process that runs the tests, a child of the initial one.
const workerEnv = "LAB_WORKER"

// Main is TestMain's body. As the guest's initial process it brings the kernel up, runs
// itself again to do the tests and reports their status to the host. The tests are a
// process of their own so that a panic or a timeout in them does not take the kernel along
// before the host has been told.
func Main(run func() int) int {
	if os.Getpid() == 1 {
		status, err := initialProcess()
		if err != nil {
			fmt.Println("lab: guest:", err)
			status = 1
		}
		powerOff(status)
	}
	if os.Getenv(workerEnv) == "" {
		fmt.Fprintln(os.Stderr, "these tests need the laboratory: go run ./lab")
		return 1
	}
	if _, err := ListenLog(); err != nil {
		fmt.Fprintln(os.Stderr, "lab: guest:", err)
		return 1
	}
	return run()
}

// initialProcess boots the userland and returns the status of what ran in it.
func initialProcess() (int, error) {
	if err := mountAll(); err != nil {
		return 0, err
	}
	if err := loadBootModules(); err != nil {
		return 0, err
	}
	if err := prepareRoot(); err != nil {
		return 0, err
	}
	data, err := os.ReadFile(argsFile)
	if err != nil {
		return 0, err
	}
	args := strings.Split(string(data), "\n")
	role, err := hungRole()
	if err != nil {
		return 0, err
	}
	if role != "" {
		args = roleArgs(role)
	}
	brief := args[0] == report.Word
	if brief {
		args = args[1:]
	}
	cmd := exec.Command("/init", args...)
	if args[0] == "shell" {
		cmd = exec.Command("/bin/bash", "-l")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	cmd.Env = append(baseEnv(systemPath), workerEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Dir = "/root"
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, err
	}
	fmt.Println("LAB-READY", strings.Fields(string(uptime))[0])
	if brief {
		shown := &report.Writer{Out: os.Stdout}
		defer func() { _ = shown.End(report.Slowest) }() // the console is there
		cmd.Stdout = shown
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		printKernelLog()
		return max(1, exit.ExitCode()), nil
	default:
		return 0, err
	}
}

// mountAll mounts what needs no module.
func mountAll() error {
	for _, m := range []struct{ kind, target string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"},
		{"devpts", "/dev/pts"}, {"tmpfs", "/dev/shm"},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.target, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	return nil
}

// prepareRoot makes the Debian tree, which nobody has installed, into something that its
// programs can live in.
func prepareRoot() error {
	if err := unix.Mount("configfs", "/sys/kernel/config", "configfs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mounting configfs: %w", err)
	}
	for _, dir := range []string{"/tmp", "/root", "/etc", "/var/target/pr", "/run/lock", "/run/lvm", appletDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, link := range []struct{ name, target string }{
		{"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "fd/0"}, {"/dev/stdout", "fd/1"},
		{"/dev/stderr", "fd/2"}, {"/etc/mtab", "/proc/self/mounts"},
		// The packages' modprobe wants an index that only an installation makes.
		{"/sbin/modprobe", "/bin/busybox"},
	} {
		if err := os.Remove(link.name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Symlink(link.target, link.name); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
		"/etc/group":  "root:x:0:\ndisk:x:6:\n",
		"/etc/hosts":  "127.0.0.1 localhost lab\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := unix.Sethostname([]byte("lab")); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	if err := errors.Join(loopbackUp(), startTrace()); err != nil {
		return err
	}
	return linkApplets()
}

// loopbackUp does ip link set lo up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("raising the loopback interface: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("raising the loopback interface: %w", err)
	}
	return nil
}

// linkApplets makes the links by which the product's commands are called. A laboratory
// that was not told to go without the product does not go without it.
func linkApplets() error {
	if _, err := os.Stat(noBinaryFile); err == nil {
		return nil
	}
	cmd := exec.Command(lunguard, "--list")
	cmd.Env = baseEnv(systemPath)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("lunguard --list: %w", err)
	}
	for line := range strings.Lines("lunguard\n" + string(out)) {
		// The first word of a line is the name.
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		name := filepath.Join(appletDir, filepath.Base(words[0]))
		if err := os.Symlink(lunguard, name); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// systemPath is where Debian's programs are.
const systemPath = "/usr/sbin:/usr/bin:/sbin:/bin"

// baseEnv is the environment of a program that belongs to no node.
func baseEnv(path string) []string {
	return []string{
		"PATH=" + path, "HOME=/root", "LC_ALL=C", "TERM=dumb",
		"DM_DISABLE_UDEV=1", // there is no udevd to wait for
	}
}

// printKernelLog shows the last warnings of the kernel, which say why a disk went away.
func printKernelLog() {
	const syslogReadAll, lines, warning = 3, 40, '4'
	buf := make([]byte, 256<<10)
	n, err := unix.Klogctl(syslogReadAll, buf)
	if err != nil {
		fmt.Println("lab: guest: reading the kernel log:", err)
		return
	}
	var all [][]byte
	for line := range bytes.Lines(buf[:n]) {
		// A line begins with its level, such as <4>. That nobody hears of a session's
		// end is always so: there is no iscsid.
		if len(line) > 3 && line[0] == '<' && line[1] <= warning && line[2] == '>' &&
			!bytes.Contains(line, []byte("Check iscsi daemon")) {
			all = append(all, bytes.TrimSpace(line[3:]))
		}
	}
	for _, line := range all[max(0, len(all)-lines):] {
		fmt.Printf("lab: kernel: %s\n", line)
	}
}

// powerOff tells the host the status and ends the machine. It does not return.
func powerOff(status int) {
	fmt.Println("LAB-EXIT", status)
	// Wait until the serial line has sent it all. Errors are of no use any more; the host
	// notices a missing marker.
	const drain = 1
	_ = unix.IoctlSetInt(int(os.Stdout.Fd()), unix.TCSBRK, drain)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}
