package serviceguard

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
)

// CmRunServ is cmrunserv.
func CmRunServ() *front.Applet {
	return &front.Applet{
		Name:    "cmrunserv",
		Summary: "start a service, in a control script",
		Usage: `
usage: cmrunserv [-v] [-r RESTARTS | -R] [-C FILE] [-n NODE] [--sim DIR]
                 SERVICE COMMAND...

Starts the command as a service of the package whose control script calls this,
SG_PACKAGE or PACKAGE in the environment, and keeps it: it is started again if it
ends, as often as allowed. cmhaltserv ends it, and so does cmhaltpkg.

  -v, --verbose  say that it was started
  -r N           start it again N times (0)
  -R             start it again for ever
  -C FILE        the cluster config
  -n NODE        act as this node (SG_NODE, else the host name)
  --sim DIR      work on a simulated host, see lunguard sim

exit status: 0 it was started; 1 it was not; 128 + N ended by signal N`,
		Flags:     append(servFlags(), &cli.StringFlag{Name: "restarts", Aliases: []string{"r"}}, &cli.BoolFlag{Name: "for-ever", Aliases: []string{"R"}}),
		FirstEnds: true,
		Run:       runServ,
	}
}

// CmHaltServ is cmhaltserv.
func CmHaltServ() *front.Applet {
	return &front.Applet{
		Name:    "cmhaltserv",
		Summary: "end a service, in a control script",
		Usage: `
usage: cmhaltserv [-v] [-C FILE] [-n NODE] [--sim DIR] SERVICE

Ends a service that cmrunserv has started, with all its processes: SIGTERM, then
SIGKILL after its service_halt_timeout, or 5 seconds. One that does not run is no
error.

  -v, --verbose  say that it has ended
  -C FILE        the cluster config
  -n NODE        act as this node (SG_NODE, else the host name)
  --sim DIR      work on a simulated host, see lunguard sim

exit status: 0 it does not run; 1 it may still run; 128 + N ended by signal N`,
		Flags: servFlags(),
		Run: func(c *front.Call) error {
			if n := len(c.Operands()); n != 1 {
				return front.Usagef("one service was expected, not %d", n)
			}
			name := c.Operands()[0]
			return withService(c, "Service %s has ended\n", name, func(ctx context.Context, j *job) error { return j.runner.HaltService(ctx, name) })
		},
	}
}

func servFlags() []cli.Flag {
	return []cli.Flag{front.VerboseFlag(), session.ConfigFlag(), session.NodeFlag(), front.SimFlag()}
}

func runServ(c *front.Call) error {
	ops := c.Operands()
	if len(ops) < 2 {
		return front.Usagef("a service and a command were expected")
	}
	s := cluster.Service{Name: ops[0], Command: strings.Join(ops[1:], " ")}
	if text := c.Flags.String("restarts"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return front.Usagef("-r %s: a number was expected", text)
		}
		s.Restarts = int(n)
	}
	if c.Flags.Bool("for-ever") {
		s.Restarts = -1
	}
	return withService(c, "Service %s was started\n", s.Name, func(ctx context.Context, j *job) error {
		if !j.begun() {
			c.Warn("%s", (&notBegunError{j.pkg.Name, j.s.Node.Name, s.Name}).Error())
		}
		return j.runner.RunService(ctx, s)
	})
}

// begun reports whether this node has taken the package's LUNs, or has its start under
// way, as far as it has written that down. What cannot be read counts as no.
func (j *job) begun() bool {
	if j.s.Conf.PRDisabled || len(j.pkg.Groups)+len(j.pkg.Volumes) == 0 {
		return true
	}
	started, err := runpkg.PeekStarted(j.states, j.pkg.Name, j.s.Node.Name)
	if err == nil && started != nil {
		return true
	}
	phase, err := runpkg.Peek(j.states, j.pkg.Name)
	return err == nil && (phase == runpkg.Starting || phase == runpkg.Up)
}

// notBegunError says that a service is started of a package that is not.
type notBegunError struct{ pkg, node, service string }

func (e *notBegunError) Error() string {
	return "package " + e.pkg + " was not started on node " + e.node + ": service " + e.service + " runs all the same, and its LUNs may be another node's"
}

// withService works on a service of the package whose script calls.
func withService(c *front.Call, done, service string, work func(context.Context, *job) error) error {
	name := cmp.Or(c.Getenv("SG_PACKAGE"), c.Getenv("PACKAGE"))
	if name == "" {
		return front.Usagef("neither SG_PACKAGE nor PACKAGE names the package that service %s is of", service)
	}
	s, err := session.New(c)
	if err != nil {
		return err
	}
	pkg, err := s.Conf.Package(name)
	if err != nil {
		return err
	}
	j, err := newJob(s, pkg)
	if err != nil {
		return &jobError{pkg: name, err: err}
	}
	if j.runner.State, err = runpkg.Join(j.states, name); err != nil {
		return &stateError{err}
	}
	if j.runner.Log, err = runpkg.OpenLog(j.runner.LogFile, s.Node.Name, j.ownLog); err != nil {
		return &stateError{err}
	}
	defer j.runner.Log.Close()
	if err := work(c.Ctx, j); err != nil {
		return &jobError{name, j.runner.LogFile, err}
	}
	if c.Verbose() {
		c.Printf(done, service)
	}
	return nil
}
