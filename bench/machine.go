package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// commit names what is measured. It is asked for before anything is written.
func (b *bench) commit(ctx context.Context) (string, error) {
	return b.output(ctx, "git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*")
}

// newStamp says when, what and where the next part is measured.
func newStamp(commit string) (stamp, error) {
	s := stamp{Date: time.Now().UTC().Truncate(time.Second), Commit: commit}
	var err error
	if s.Machine, err = describeMachine(); err != nil {
		return s, err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return s, err
	}
	_, err = fmt.Sscan(string(load), &s.Load)
	return s, err
}

// output runs a program in the repository and returns what it prints.
func (b *bench) output(ctx context.Context, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = b.root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// describeMachine says what the figures depend on, and no name.
func describeMachine() (string, error) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	cpu := "unknown processor"
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			cpu = strings.TrimSpace(value)
			break
		}
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return "", err
	}
	var mem unix.Sysinfo_t
	if err := unix.Sysinfo(&mem); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d × %s, %d GiB, Linux %s, %s", runtime.NumCPU(), cpu,
		(uint64(mem.Totalram)*uint64(mem.Unit)+1<<29)>>30, unix.ByteSliceToString(uts.Release[:]), runtime.Version()), nil
}
