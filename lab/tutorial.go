package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"

	"lunguard/lab/hung"
	"lunguard/lab/machine"
)

// tutorialTest is the name under which -run finds the test of the tutorial.
const tutorialTest = "TestTutorial"

// tutorialFile is the tutorial, from the top of the repository.
const tutorialFile = "docs/tutorial.md"

// tutorialPath is where root finds programs on a usual system.
const tutorialPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// wantTutorial reports whether the test of the tutorial is among what was asked for.
func wantTutorial(o options) (bool, error) {
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return false, fmt.Errorf("-run: %w", err)
	}
	return (o.only == "" || o.only == onlyTutorial) && !o.noBinary && !o.shell && pattern.MatchString(tutorialTest), nil
}

// runTutorial boots the three machines of the hung-node test, does on the two nodes what the
// tutorial says, from the installation of the package on, and returns nil if each command
// prints what stands there.
func runTutorial(ctx context.Context, m machine.Machine, file string, o options, stdout, stderr io.Writer) (err error) {
	runtime.LockOSThread() // see [machine.Machine.Command]
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err := parseTutorial(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", tutorialFile, err)
	}
	l := &hungLab{}
	if err := l.powerOn(ctx, m); err != nil {
		return errors.Join(err, l.shutDown(ctx, true, stderr))
	}
	defer func() { err = errors.Join(err, l.shutDown(ctx, err != nil, stderr)) }()
	if err := l.prepare(ctx, hung.OpTutorial); err != nil {
		return err
	}
	start := time.Now()
	var log transcript
	err = errors.Join(l.follow(ctx, tutorialFile, doc, &log), l.leftNothing(ctx, 0, 1))
	if err != nil || o.verbose {
		fmt.Fprintf(stdout, "--- transcript of %s\n", tutorialFile)
		err = errors.Join(err, log.writeTo(stdout))
		fmt.Fprintln(stdout, "---")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", tutorialTest, err)
	}
	fmt.Fprintf(stdout, "%s: ok, %d steps in %.1f s; %d blocks not run: %s\n", tutorialTest, len(doc.steps),
		time.Since(start).Seconds(), len(doc.skipped), strings.Join(doc.skipped, "; "))
	return nil
}

// follow does all steps of a file. Output that is not what stands there does not end it.
func (l *hungLab) follow(ctx context.Context, file string, doc tutorialText, log *transcript) error {
	nodes := map[string]*hungGuest{hung.Jack3: l.jack3, hung.Jack4: l.jack4, hung.Jack5: l.target}
	var errs []error
	for _, s := range doc.steps {
		var err, end error
		switch node := nodes[s.node]; s.kind {
		case stepRun, stepHide:
			var r hung.Reply
			r, end = node.call(ctx, hung.Request{Op: hung.OpRun, Args: []string{"env", tutorialPath, "bash", "-c", "exec 2>&1\n" + s.text}})
			fmt.Fprintf(&log.text, "%s# %s\n%s", s.node, s.text, r.Stdout)
			if end == nil {
				err = s.judge(r.Stdout, r.Exit)
			}
		case stepFile:
			log.event("%s is written on both nodes", s.text)
			end = each([]*hungGuest{l.jack3, l.jack4}, func(g *hungGuest) error { return g.write(ctx, s.text, s.lines) })
		case stepStop:
			log.event("%s is stopped", s.node)
			end = node.freeze()
		case stepGo:
			log.event("%s goes on", s.node)
			end = node.thaw()
		}
		if err = errors.Join(err, end); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %s# %s: %w", file, s.line, s.node, s.text, err))
		}
		if end != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// write writes a file on the machine.
func (g *hungGuest) write(ctx context.Context, name string, lines []string) error {
	r, err := g.call(ctx, hung.Request{Op: hung.OpRun, Args: []string{"bash", "-c", `printf %s "$1" >"$2"`, "write",
		strings.Join(lines, "\n") + "\n", name}})
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("%s: writing %s: %s", g.name, name, r.Stderr)
	}
	return err
}

// leftNothing asks the witness, on the third machine, whether LUNs are as at the beginning.
func (l *hungLab) leftNothing(ctx context.Context, luns ...int) error {
	r, err := l.target.call(ctx, hung.Request{Op: hung.OpWitness, LUNs: luns})
	if err != nil {
		return err
	}
	for _, s := range r.LUNs {
		if len(s.Keys) != 0 || s.Holder != 0 {
			return fmt.Errorf("at its end something is left on a LUN:\n%s", strings.Join(s.Text, "\n"))
		}
	}
	return nil
}
