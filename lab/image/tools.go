package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ErrSkip marks the reasons that are the host's, not the project's: no QEMU and no right
// to install it, no Debian package tools.
var ErrSkip = errors.New("lab skipped")

// EnsureProgram installs a Debian package if the program it carries is not on the PATH.
func EnsureProgram(ctx context.Context, log io.Writer, program, pkg string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%w: %s is missing and there is no apt-get to install it", ErrSkip, program)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: %s is missing and only root can install it (package %s)", ErrSkip, program, pkg)
	}
	fmt.Fprintf(log, "lab: installing %s\n", pkg)
	install := []string{"apt-get", "install", "-y", "-qq", "--no-install-recommends", pkg}
	if _, err := command(ctx, "", install...); err != nil {
		// The usual reason in a fresh container: no package lists yet.
		if _, err := command(ctx, "", "apt-get", "update", "-qq"); err != nil {
			return fmt.Errorf("%w: %s is missing and cannot be installed: %w", ErrSkip, program, err)
		}
		if _, err := command(ctx, "", install...); err != nil {
			return fmt.Errorf("%w: %s is missing and cannot be installed: %w", ErrSkip, program, err)
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
		return nil, fmt.Errorf("%s: %w: %s", argv[0], err, LastLines(stderr.String(), 5))
	}
	return stdout.Bytes(), nil
}

// LastLines returns the last n lines of s as one line.
func LastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, " | ")
}
