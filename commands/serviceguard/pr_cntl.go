package serviceguard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// cntlAction is what an external script is asked to do.
type cntlAction string

// Actions of the contract of external scripts.
const (
	cntlStart    cntlAction = "start"
	cntlStop     cntlAction = "stop"
	cntlValidate cntlAction = "validate"
)

// PRCntl is pr_cntl.
func PRCntl() *front.Applet {
	return &front.Applet{
		Name:    "pr_cntl",
		Summary: "reservations of a package, as an external script",
		Usage: `
usage: pr_cntl [-v] [--strict] [--dry-run] [-C FILE] [-n NODE] [--timeout SECONDS]
               start|stop|validate [PACKAGE]

What pr_start and pr_halt do, by the contract of external scripts of packages.
PACKAGE is $SG_PACKAGE, or $SG_PACKAGE_NAME, or else the operand. Messages are
appended to $SG_SCRIPT_LOG_FILE if it is set.

  start          reserve the LUNs of the package for this node
  stop           give them up
  validate       is the config good, and can each LUN be found, read and
                 reserved, and has it no foreign key? Changes nothing

  --strict       with start, fail if any path to a LUN does not work
` + session.PackageOptions + session.PlanJSON + `

exit status: 0 done; 1 failed, do not retry elsewhere; 2 failed on this node;
for validate, 1 and 2 are the same`,
		Flags: append(session.PackageFlags(), session.StrictFlag()), PlanJSON: true,
		Operands: func(l *front.Completion, word string) []front.Suggestion {
			switch len(l.Operands) {
			case 0:
				return front.WordList(string(cntlStart), string(cntlStop), string(cntlValidate))
			case 1:
				return session.CompletePackages(l, word)
			}
			return nil
		},
		Run: runCntl,
	}
}

func runCntl(c *front.Call) error {
	ops := c.Operands()
	if len(ops) == 0 {
		return front.Usagef("start, stop or validate is missing")
	}
	action := cntlAction(ops[0])
	switch action {
	case cntlStart, cntlStop, cntlValidate:
	default:
		return front.Usagef("%q: start, stop or validate was expected", ops[0])
	}
	name, err := cntlPackage(c, ops[1:])
	if err != nil {
		return err
	}
	log, err := cntlLog(c)
	if err != nil {
		// A log that cannot be written is no reason not to protect anything.
		c.Warn("SG_SCRIPT_LOG_FILE: %v; messages go to the standard streams", err)
	} else if log != nil {
		// It ends with the process: the errors of this call are still to come.
		c.Out, c.Err, c.Unnamed = front.Guard(log), front.Guard(log), true
		// Nobody watches, and whoever reads it later wants to know it all.
		if err := c.Flags.Set("verbose", "true"); err != nil {
			return err
		}
	}
	return carryOutCntl(c, action, name)
}

// cntlPackage is the package that the surroundings, or else the operand, name.
func cntlPackage(c *front.Call, ops []string) (string, error) {
	if len(ops) > 1 {
		return "", front.Usagef("one package was expected, not %d", len(ops))
	}
	for _, name := range append([]string{c.Getenv("SG_PACKAGE"), c.Getenv("SG_PACKAGE_NAME")}, ops...) {
		if name != "" {
			return name, nil
		}
	}
	return "", front.Usagef("a package is missing")
}

// carryOutCntl does what the script is asked to do.
func carryOutCntl(c *front.Call, action cntlAction, name string) error {
	s, err := session.New(c)
	if err != nil {
		return err
	}
	conf, node := s.Conf, s.Node
	pkg, err := conf.Package(name)
	if err != nil {
		return err
	}
	if conf.PRDisabled && action != cntlStop {
		c.Warn("FORCED_PR_DISABLE is set in %s: nothing is protected", conf.Path)
		return nil
	}
	if action == cntlValidate && !pkg.RunsOn(node.Name) {
		return &cluster.NotMemberError{Node: node.Name, Package: pkg}
	}
	return s.OnPackage(pkg, func(run *session.PackageRun, o *session.Opened) error {
		s.WarnLUNless(pkg)
		switch action {
		case cntlStart:
			return s.Perform(run, o, session.Task{Deed: front.DeedStart}, func(ctx context.Context) error { return s.StartLUNs(ctx, run) })
		case cntlStop:
			return s.Perform(run, o, session.Task{Deed: front.DeedHalt}, func(ctx context.Context) error { return session.DiaryOf(s).Halt(ctx, run) })
		}
		return validateLUNs(c, run)
	})
}

// validateLUNs finds what would keep a start from succeeding. What only makes
// it worse, such as a dead path, is a warning.
func validateLUNs(c *front.Call, run *session.PackageRun) error {
	errs := []error{validateNames(run.LUNs)}
	for _, rep := range run.Check(c.Ctx) {
		for _, f := range rep.Findings {
			if err := faultOf(rep, f); err != nil {
				errs = append(errs, err)
			} else {
				c.Warn("%s: %s", rep.LUN, words.Finding(run.Config, rep, f))
			}
		}
	}
	return errors.Join(errs...)
}

// validateNames refuses LUNs that no start could tell apart, or order.
func validateNames(luns []*protocol.LUN) error {
	first := map[string]string{}
	for _, l := range luns {
		switch other, twice := first[l.WWID]; {
		case l.WWID == "" && len(luns) > 1:
			return &protocol.LUNError{LUN: l.Name, Err: protocol.ErrNoWWID}
		case twice:
			return &protocol.SharedLUNError{Names: []string{other, l.Name}, WWID: l.WWID}
		}
		first[l.WWID] = l.Name
	}
	return nil
}

// cntlLog is the log that messages go to, nil if there is none.
func cntlLog(c *front.Call) (io.Writer, error) {
	path := c.Getenv("SG_SCRIPT_LOG_FILE")
	if path == "" {
		return nil, nil
	}
	node := c.Getenv("SG_NODE")
	if node == "" {
		node, _ = os.Hostname()
	}
	log, err := runpkg.OpenLog(path, node, false)
	if err != nil {
		return nil, err
	}
	name := "root"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return &logLines{w: log, who: fmt.Sprintf("%s@%s %s[%d]: ", name, node, c.Prog(), os.Getpid())}, nil
}

// logLines writes lines as module scripts do, with the time and who it was.
// Each write is one or more whole lines.
type logLines struct {
	w   io.Writer
	who string
}

func (l *logLines) Write(text []byte) (int, error) {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		b.WriteString(time.Now().Format(time.Stamp) + " " + l.who + line)
	}
	if _, err := io.WriteString(l.w, b.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}
