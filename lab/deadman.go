package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"time"

	"lunguard/lab/deadman"
	"lunguard/lab/hung"
	"lunguard/lab/machine"
)

// deadmanTest is the name under which -run finds the deadman test.
const deadmanTest = "TestDeadman"

// Sizes of its machine.
const (
	deadmanCPUs   = 1
	deadmanMemory = 640 // MiB
)

// deadmanSlack is what emulation may add to a time: the take-over itself, and the way of a
// line to the host.
const deadmanSlack = 4 * time.Second

// wantDeadman reports whether the deadman test is among what was asked for.
func wantDeadman(o options) (bool, error) {
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return false, fmt.Errorf("-run: %w", err)
	}
	return (o.only == "" || o.only == onlyDeadman) && !o.noBinary && pattern.MatchString(deadmanTest), nil
}

// deadmanLog is what the machine has printed, with the times that matter.
type deadmanLog struct {
	text bytes.Buffer
	seen map[string]time.Time // first words of lines
}

func (l *deadmanLog) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		for _, mark := range []string{deadman.Healthy, deadman.Fencing, deadman.Fenced, deadman.Syslog} {
			if strings.HasPrefix(line, mark) {
				l.note(mark)
			}
		}
		if strings.TrimSpace(line) == deadman.Last {
			l.note(deadman.Last)
		}
		if strings.Contains(line, deadman.Kernel) {
			l.note(deadman.Kernel)
		}
	}
	return l.text.Write(b)
}

func (l *deadmanLog) note(mark string) {
	if l.seen[mark].IsZero() {
		l.seen[mark] = time.Now()
	}
}

// runDeadman boots the machine, and returns nil if its kernel restarted it when it had to.
// It is quiet until its end, because it runs beside others.
func runDeadman(ctx context.Context, m machine.Machine, o options, stdout, stderr io.Writer) error {
	runtime.LockOSThread() // see [machine.Machine.Command]
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	m.CPUs, m.Memory = deadmanCPUs, deadmanMemory
	m.Words = []string{hung.RoleParameter + deadman.Role}
	cmd := m.Command(ctx, "-serial", "stdio")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var qemuErr bytes.Buffer
	cmd.Stderr = &qemuErr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", machine.Program, err)
	}
	l := &deadmanLog{seen: map[string]time.Time{}}
	c := &machine.Console{}
	readErr := c.Read(pipe, l)
	err = errors.Join(readErr, cmd.Wait())
	end := time.Now()
	if ctx.Err() != nil {
		err = fmt.Errorf("it was killed: %w", context.Cause(ctx))
	} else if err == nil {
		err = l.judge(c, end)
	}
	if err != nil || o.verbose || o.only == onlyDeadman {
		for line := range bytes.Lines(append(l.text.Bytes(), qemuErr.Bytes()...)) {
			fmt.Fprintf(stderr, "lab: %s: %s", deadman.Role, line)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", deadmanTest, err)
	}
	fmt.Fprintf(stdout, "%s: ok, healthy for %v; restarted by the kernel %.1f s after the take-over began, %.1f s after it was done\n",
		deadmanTest, deadman.Health, end.Sub(l.seen[deadman.Fencing]).Seconds(), end.Sub(l.seen[deadman.Fenced]).Seconds())
	return nil
}

// judge tells whether the machine was restarted by its watchdog, because of the take-over,
// and in time. One that tells anything after that was not.
func (l *deadmanLog) judge(c *machine.Console, end time.Time) error {
	const most = deadman.Interval + deadman.Grace + deadman.Timeout
	const least = deadman.Grace + deadman.Timeout - deadman.Interval
	switch {
	case c.Panicked:
		return errors.New("the kernel panicked")
	case c.Exited:
		return fmt.Errorf("the machine was not restarted; its test ended with status %d", c.Status)
	}
	for _, mark := range []string{deadman.Healthy, deadman.Fencing, deadman.Fenced, deadman.Syslog, deadman.Last, deadman.Kernel} {
		if l.seen[mark].IsZero() {
			return fmt.Errorf("the machine went off without having said %q", strings.TrimSpace(mark))
		}
	}
	fencing, last := l.seen[deadman.Fencing], l.seen[deadman.Last]
	switch {
	case last.Before(fencing):
		return errors.New("the node was given up before it was fenced")
	case end.Sub(fencing) > most+deadmanSlack:
		return fmt.Errorf("restarted %v after the take-over began, %v at the most", end.Sub(fencing), most)
	case end.Sub(l.seen[deadman.Fenced]) < least-deadmanSlack:
		return fmt.Errorf("restarted %v after the take-over, sooner than the watchdog can", end.Sub(l.seen[deadman.Fenced]))
	}
	return nil
}
