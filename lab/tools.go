package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// qemuProgram emulates the guest; the kernel and the packages are for this processor only.
const qemuProgram = "qemu-system-x86_64"

// ensureQEMU installs QEMU if it is missing and can be installed. The returned error is an
// errSkip if the host is not made for it.
func ensureQEMU(ctx context.Context, log io.Writer) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("%w: it needs Linux on amd64, this is %s on %s", errSkip, runtime.GOOS, runtime.GOARCH)
	}
	return ensureProgram(ctx, log, qemuProgram, "qemu-system-x86")
}

// ensureProgram installs a Debian package if the program it carries is not on the PATH.
func ensureProgram(ctx context.Context, log io.Writer, program, pkg string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%w: %s is missing and there is no apt-get to install it", errSkip, program)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: %s is missing and only root can install it (package %s)", errSkip, program, pkg)
	}
	fmt.Fprintf(log, "lab: installing %s\n", pkg)
	install := []string{"apt-get", "install", "-y", "-qq", "--no-install-recommends", pkg}
	if _, err := command(ctx, "", install...); err != nil {
		// The usual reason in a fresh container: no package lists yet.
		if _, err := command(ctx, "", "apt-get", "update", "-qq"); err != nil {
			return fmt.Errorf("%w: %s is missing and cannot be installed: %w", errSkip, program, err)
		}
		if _, err := command(ctx, "", install...); err != nil {
			return fmt.Errorf("%w: %s is missing and cannot be installed: %w", errSkip, program, err)
		}
	}
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s still missing after installing %s: %w", program, pkg, err)
	}
	return nil
}

// command runs a host program to its end and returns its standard output. The error of a
// failed one carries the end of what it complained about.
func command(ctx context.Context, dir string, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", argv[0], ctx.Err())
		}
		return nil, fmt.Errorf("%s: %w: %s", argv[0], err, lastLines(stderr.String(), 5))
	}
	return stdout.Bytes(), nil
}

// lastLines returns the last n lines of s as one line.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, " | ")
}
