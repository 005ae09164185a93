package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lunguard/commands/testdata/sg_persist/golden"
)

// recorder runs the program.
type recorder struct {
	program, lib, canned, temp string
	usage                      golden.Usage
}

// patience is for a program that hangs.
const patience = 10 * time.Second

// readUsage gets the two pages that are not compared.
func (r *recorder) readUsage() error {
	var pages golden.Usage
	for i, option := range []string{"-h", "-hh"} {
		o, err := r.once(&golden.Case{Args: []string{option}})
		if err != nil {
			return err
		}
		pages[i] = o.Stderr
	}
	r.usage = pages
	return nil
}

// run sets what the program does on a case. What it does but once, because it
// read memory that is not its own, must not be recorded.
func (r *recorder) run(c *golden.Case) error {
	first, err := r.once(c)
	if err != nil {
		return err
	}
	second, err := r.once(c)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(first, second) {
		return errors.New("not the same twice")
	}
	c.Want = *first
	return nil
}

func (r *recorder) once(c *golden.Case) (*golden.Outcome, error) {
	work, err := os.MkdirTemp(r.temp, "case")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	for _, f := range c.Files {
		if err := os.WriteFile(filepath.Join(work, f.Name), []byte(f.Text), 0o644); err != nil {
			return nil, err
		}
	}
	script, wire := filepath.Join(work, "script"), filepath.Join(work, "wire")
	if err := os.WriteFile(script, []byte(cannedScript(&c.Script)), 0o644); err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Cmd{
		Path: r.program, Args: append([]string{"sg_persist"}, c.Args...), Dir: work,
		Stdin: strings.NewReader(c.Stdin), Stdout: &stdout, Stderr: &stderr,
		Env: append([]string{"LC_ALL=C", "LD_LIBRARY_PATH=" + r.lib, "LD_PRELOAD=" + r.canned,
			"CANNED_SCRIPT=" + script, "CANNED_LOG=" + wire}, c.Env...),
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	hung := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer hung.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return nil, fmt.Errorf("ended by signal: %v", status.Signal())
	}
	o := &golden.Outcome{Stdout: stdout.String(), Stderr: r.usage.Normal(stderr.String()), Exit: cmd.ProcessState.ExitCode()}
	o.Wire, err = wireLines(wire)
	return o, err
}

// cannedScript is the script as canned.c reads it.
func cannedScript(s *golden.Script) string {
	var b strings.Builder
	for _, e := range s.Opens {
		fmt.Fprintf(&b, "O %d\n", int(e))
	}
	for n := range len(s.Inquiries) + 1 {
		a := s.Inquiry(n)
		b.WriteString("I " + cannedAnswer(&a))
	}
	for _, a := range s.Answers {
		b.WriteString("A " + cannedAnswer(&a))
	}
	return b.String()
}

func cannedAnswer(a *golden.Answer) string {
	resid := "-"
	if a.Resid != nil {
		resid = strconv.Itoa(*a.Resid)
	}
	return fmt.Sprintf("%d %d %d %d %s %s- %s-\n", int(a.Errno), a.Status, a.Host, a.Driver, resid,
		hex.EncodeToString(a.Sense), hex.EncodeToString(a.Data))
}

// wireLines reads the log that canned.c writes.
func wireLines(name string) ([]string, error) {
	log, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(log)) {
		word, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := hex.DecodeString(digits)
		if err != nil {
			return nil, err
		}
		switch word {
		case "ro", "rw":
			lines = append(lines, golden.OpenLine(golden.Device, word == "ro"))
		case "cdb":
			lines = append(lines, golden.CommandLines(data, nil)...)
		case "out":
			lines = append(lines, golden.CommandLines(nil, data)[1:]...)
		case "close":
		default:
			return nil, fmt.Errorf("the device was asked for what it does not know: %s", word)
		}
	}
	return lines, nil
}
