package honesty

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/commands"
	"lunguard/commands/front"
	"lunguard/commands/session"
)

// cell is a command that meets a fault.
type cell struct {
	command *command
	fault   *fault
	// plan is one of the fault's, on that path to LUN at, of so many LUNs.
	plan           string
	path, at, luns int
}

// name tells the cell from all others.
func (x *cell) name() string {
	return fmt.Sprintf("%s/%s/%q path %d, LUN %d of %d", x.command.name, x.fault.name, x.plan, x.path+1, x.at+1, x.luns)
}

// cells are all there are, by commands, then by faults.
func cells(commands []command, faults []fault) []cell {
	var all []cell
	for i := range commands {
		for j := range faults {
			for luns := 1; luns <= 2; luns++ {
				for at := range luns {
					all = append(all, cellsOn(cell{command: &commands[i], fault: &faults[j], at: at, luns: luns})...)
				}
			}
		}
	}
	return all
}

// cellsOn are those of one command, one fault and one LUN.
func cellsOn(x cell) []cell {
	var list []cell
	for _, x.plan = range x.fault.plans {
		for x.path = range paths {
			switch {
			case x.path > 0 && !strings.Contains(x.plan, "NEXUS"), x.luns < x.command.least, x.luns < 2 && x.fault.prepare != nil, x.fault.dies && x.command.does != nil:
			default:
				list = append(list, x)
			}
		}
	}
	return list
}

// outcome is what came of a cell.
type outcome struct {
	cell     *cell
	status   int
	out, err string
	// files are those that the command has written.
	files map[string]string
	took  time.Duration
	// truth is what an outsider saw: at once, and then again when all that was late
	// had been performed.
	truth truth
	lies  lies
}

// mentions reports whether somebody was told of a device.
func (o *outcome) mentions(device string) bool {
	return strings.Contains(o.out+o.err, device)
}

// stated is how long a command may take: --timeout, and what the words are granted.
const stated = 60*time.Second + 5*time.Second

// whileLate is longer, and mostCommands more, than any command of a plan is late.
const (
	whileLate    = 10 * time.Minute
	mostCommands = 5
)

// killed is the exit status of a process that was.
const killed = 137

// run runs the cell in a copy of its world. Time is synctest's: a device that takes
// a minute costs nothing.
func (x *cell) run(t *testing.T, made *templates, dir string) *outcome {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatalf("%s: %v", x.name(), err)
		}
	}
	template, err := made.of(x.command.world, x.luns)
	fail(err)
	s, err := template.copyTo(dir)
	fail(err)
	defer func() { fail(os.RemoveAll(dir)) }()
	if x.fault.prepare != nil {
		fail(x.fault.prepare(s, x.at))
	}
	if x.plan != "" {
		fail(s.plan(x.at, x.path, x.plan))
	}
	o := &outcome{cell: x}
	if x.fault.dies {
		fail(o.apart(s))
		return o
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun := time.Now()
		if x.command.does != nil {
			fail(x.command.does(ctx, s, o))
		} else {
			o.call(ctx, s, x.command.words(x, dir))
			o.took = time.Since(begun)
		}
		fail(o.judge(s, 0))
		// Who is still at it goes on.
		time.Sleep(whileLate)
		fail(o.judge(s, mostCommands))
	})
	return o
}

// call runs the command here.
func (o *outcome) call(ctx context.Context, s site, argv []string) {
	var out, errs bytes.Buffer
	o.status = commands.Run(ctx, front.Streams{Out: &out, Err: &errs}, s.getenv(here), argv)
	o.out, o.err = out.String(), errs.String()
	o.takeFiles(s)
}

// takeFiles takes what the command has written into files.
func (o *outcome) takeFiles(s site) {
	o.files = map[string]string{}
	for _, name := range []string{"metrics", "page"} {
		if text, err := os.ReadFile(filepath.Join(s.dir, name)); err == nil {
			o.files[name] = string(text)
		}
	}
}

// apart runs the command as a process that the plan kills, and then asks pr_check,
// whose words are judged.
func (o *outcome) apart(s site) error {
	argv := o.cell.command.words(o.cell, s.dir)
	cmd := exec.Command(os.Args[0], argv[1:]...)
	cmd.Args[0] = argv[0]
	cmd.Env = append(os.Environ(), front.SimVariable+"="+s.host(here), session.ConfigVariable+"="+s.config())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	o.out, o.err = out.String(), errs.String()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		o.status = exit.ExitCode()
	case err != nil:
		return err
	}
	if o.status != killed {
		// It ended before it came to that command.
		o.takeFiles(s)
		return o.judge(s, 0)
	}
	if err := s.plan(o.cell.at, 0, ""); err != nil {
		return err
	}
	after := &outcome{cell: o.cell}
	after.call(context.Background(), s, []string{"pr_check", "pkg1"})
	if after.truth, err = s.look(0); err != nil {
		return err
	}
	if o.lies = checkLines(after); after.status == 0 {
		o.lies = append(o.lies, allWell().broken(after)...)
	}
	o.out, o.err = after.out, after.err
	return nil
}

// judge looks at the LUNs, as they are after so many commands more, and compares.
func (o *outcome) judge(s site, commands int) error {
	var err error
	if o.truth, err = s.look(commands); err != nil {
		return err
	}
	c := o.cell.command
	var found lies
	if o.status == 0 {
		found = c.promise.broken(o)
	}
	if c.reads != nil {
		found = append(found, c.reads(o)...)
	}
	if len(o.lies) == 0 {
		o.lies = found
	}
	return nil
}

// verdict is what is to be thought of an outcome.
type verdict string

const (
	// right: status 0, and it is so; or what was said is true.
	right verdict = "so"
	// refused: another status, and nothing was said that is not so.
	refused verdict = "refused"
	// passedOn: a device has lied on the one path that a command with one answer
	// has, which gave it on as it came.
	passedOn verdict = "passed on"
	// ended: the process was killed, and the next one tells the truth.
	ended verdict = "killed"
	// late: it took longer than stated.
	late verdict = "too long"
	// lied: a false success.
	lied verdict = "FALSE"
)

// verdict judges.
func (o *outcome) verdict() verdict {
	switch {
	case len(o.lies) > 0 && o.cell.command.pipe && o.cell.fault.lie:
		return passedOn
	case len(o.lies) > 0:
		return lied
	case o.took > stated:
		return late
	case o.status == killed:
		return ended
	case o.status == 0:
		return right
	}
	return refused
}
