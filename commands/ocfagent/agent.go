package ocfagent

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
	"lunguard/commands/words"
)

// action is what the agent is asked to do.
type action string

// Actions, as the API names them.
const (
	actionStart       action = "start"
	actionStop        action = "stop"
	actionMonitor     action = "monitor"
	actionValidate    action = "validate-all"
	actionMetadata    action = "meta-data"
	actionReload      action = "reload"
	actionReloadAgent action = "reload-agent"
	actionUsage       action = "usage"
)

// Exit statuses of the API.
const (
	exitOK            = 0
	exitFailed        = 1
	exitArguments     = 2 // of this host: another one may do better
	exitUnimplemented = 3
	exitPermission    = 4
	exitInstalled     = 5 // something is missing on this host
	exitConfigured    = 6 // wrong everywhere
	exitNotRunning    = 7
	exitDegraded      = 190
)

// Name is that of the applet; the file that Pacemaker calls is
// resource.d/lunguard/package.
const Name = "ocf_lunguard_package"

// grace is how long an action that has come to its deadline may take to leave things in
// order.
const grace = 2 * time.Second

// Applet is ocf:lunguard:package.
func Applet() *front.Applet {
	return &front.Applet{
		Name:    Name,
		Summary: "a resource agent for Pacemaker: a package's reservations",
		Usage:   usage(),
		Main:    perform,
	}
}

// perform does what was asked for.
func perform(c *front.Call, args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(c.Err, strings.TrimSpace(usage()))
		return exitArguments
	}
	switch action(args[0]) {
	case actionMetadata:
		fmt.Fprint(c.Out, metadata())
		return exitOK
	case actionUsage, "help", "--help", "-h":
		fmt.Fprintln(c.Out, strings.TrimSpace(usage()))
		return exitOK
	case actionStart, actionStop, actionMonitor, actionValidate, actionReload, actionReloadAgent:
	default:
		return fail(c, &actionError{args[0]}, exitUnimplemented)
	}
	p, err := given(c.Getenv)
	if err != nil {
		return fail(c, err, exitConfigured)
	}
	d := front.Deadline{Limit: p.deadline, Grace: grace, Failed: exitFailed}
	return d.Within(c, func(c *front.Call) int { return act(c, p, action(args[0])) }, func(e *front.DeadlineError) { fail(c, e, exitFailed) })
}

// act runs one action on a session.
func act(c *front.Call, p parameters, what action) int {
	status := exitFailed
	err := c.Parse(session.PackageFlags(), p.options(c.Getenv), func(c *front.Call) error {
		a := &agent{Call: c, parameters: p}
		var err error
		switch what {
		case actionStart:
			status, err = a.start()
		case actionStop:
			status, err = a.stop()
		case actionMonitor:
			status, err = a.monitor()
		default:
			status, err = a.validate(what)
		}
		return err
	})
	if err != nil {
		return fail(c, err, status)
	}
	return status
}

// fail reports an error, and why it failed in the words that a cluster shows. It returns
// the status.
func fail(c *front.Call, err error, status int) int {
	c.Report(err)
	if leaves := words.Leaves(err); len(leaves) > 0 {
		prefix := cmp.Or(c.Getenv("OCF_EXIT_REASON_PREFIX"), "ocf-exit-reason:")
		fmt.Fprintln(c.Err, prefix+words.JoinedLines(words.Of(leaves[0]).Text()))
	}
	if status == exitFailed && errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return exitPermission
	}
	return status
}

// scope is what is started and stopped.
type scope string

// Scopes.
const (
	onlyReservations scope = "reservations"
	everything       scope = "all"
)

// parameters are those of the resource.
type parameters struct {
	pkg, config string
	// made is the package that was made of devices and groups, nil if it is the config's.
	made  *made
	scope scope
	// ignore says that what is not known does not fail a monitor.
	ignore   bool
	deadline time.Duration
	// depth is that of a monitor or of a validation; probe says that a monitor does
	// not recur.
	depth int
}

// Names of parameters, without the prefix of the environment.
const (
	paramPackage   = "package"
	paramDevices   = "devices"
	paramVGs       = "vgs"
	paramKeyValue  = "key_value"
	paramCorosync  = "corosync_conf"
	paramConfig    = "config"
	paramScope     = "scope"
	paramOnUnknown = "on_unknown"
	paramDeadline  = "deadline"
)

// given are the parameters of the environment. Errors: *parameterError.
func given(getenv func(string) string) (parameters, error) {
	get := func(name string) string { return getenv("OCF_RESKEY_" + name) }
	p := parameters{pkg: get(paramPackage), config: get(paramConfig), scope: scope(cmp.Or(get(paramScope), string(onlyReservations)))}
	if m := newMade(getenv); m != nil {
		if p.pkg != "" {
			return p, &parameterError{paramPackage, p.pkg, "devices and vgs stand for a cluster without a config"}
		}
		p.made, p.pkg = m, m.name
	}
	if p.pkg == "" {
		return p, &parameterError{paramPackage, "", "it is missing"}
	}
	if p.made != nil && p.scope == everything {
		return p, &parameterError{paramScope, string(p.scope), "that is for packages of a config"}
	}
	if p.scope != onlyReservations && p.scope != everything {
		return p, &parameterError{paramScope, string(p.scope), "neither reservations nor all"}
	}
	switch get(paramOnUnknown) {
	case "", "fail":
	case "ignore":
		p.ignore = true
	default:
		return p, &parameterError{paramOnUnknown, get(paramOnUnknown), "neither fail nor ignore"}
	}
	var err error
	if p.deadline, err = deadline(get(paramDeadline), get("CRM_meta_timeout")); err != nil {
		return p, err
	}
	if level := getenv("OCF_CHECK_LEVEL"); level != "" {
		if p.depth, err = strconv.Atoi(level); err != nil {
			return p, &parameterError{"OCF_CHECK_LEVEL", level, "a number was expected"}
		}
	}
	return p, nil
}

// deadline is the time that an action has: the seconds that are wanted, else most of the
// milliseconds after which the cluster kills it.
func deadline(seconds, milliseconds string) (time.Duration, error) {
	const byDefault, most = 45 * time.Second, 24 * time.Hour
	if seconds != "" {
		d, err := time.ParseDuration(strings.TrimSuffix(seconds, "s") + "s")
		if err != nil || d <= 0 || d > most {
			return 0, &parameterError{paramDeadline, seconds, "seconds were expected, such as 30"}
		}
		return d, nil
	}
	if n, err := strconv.ParseUint(milliseconds, 10, 32); err == nil && n > 0 {
		return time.Duration(n) * time.Millisecond * 8 / 10, nil
	}
	return byDefault, nil
}

// options is the command line that the parameters are for a session on LUNs.
func (p parameters) options(getenv func(string) string) []string {
	var options []string
	if p.config != "" {
		options = append(options, "--config="+p.config)
	}
	if node := getenv("OCF_RESKEY_CRM_meta_on_node"); node != "" && getenv("SG_NODE") == "" {
		options = append(options, "--node="+node)
	}
	return append(options, "--")
}

// agent is one action under way.
type agent struct {
	*front.Call
	parameters
	s   *session.Session
	pkg *cluster.Package
}

// session is one on the config, or on the package that was made.
func (a *agent) session() (*session.Session, error) {
	if a.made == nil {
		return session.New(a.Call)
	}
	conf, err := a.made.config()
	if err != nil {
		return nil, err
	}
	host, err := session.OpenHost(a.Call)
	if err != nil {
		return nil, err
	}
	node, err := session.ThisNode(a.Call, conf, host)
	return session.On(a.Call, conf, host, node), err
}

// open finds the package in the config, and this node. The status is that of a failure
// to.
func (a *agent) open() (int, error) {
	s, err := a.session()
	if err == nil {
		a.s = s
		a.pkg, err = s.Conf.Package(a.parameters.pkg)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return exitInstalled, err
	case err != nil:
		return exitArguments, err
	case s.Conf.PRDisabled:
		return exitArguments, &disabledError{s.Conf.Path}
	case !a.pkg.RunsOn(s.Node.Name):
		return exitArguments, &cluster.NotMemberError{Node: s.Node.Name, Package: a.pkg}
	}
	return exitOK, nil
}

// isNoted reports whether anything of the package is remembered here. No device is opened,
// and no config is read.
func (a *agent) isNoted() (bool, error) {
	root, err := session.PackagesFolder(a.Call)
	if err != nil {
		return false, err
	}
	noted, err := runpkg.AllStarted(root, a.parameters.pkg)
	if err != nil || len(noted) > 0 {
		return len(noted) > 0, err
	}
	phase, err := runpkg.Peek(root, a.parameters.pkg)
	return phase != runpkg.Down, err
}

// memory is what this node remembers of the package. The record is nil if it was not
// started.
func (a *agent) memory() (root string, record *runpkg.Started, phase runpkg.Phase, err error) {
	if root, err = session.PackagesFolder(a.Call); err != nil {
		return root, nil, "", err
	}
	if record, err = runpkg.PeekStarted(root, a.pkg.Name, a.s.Node.Name); err == nil {
		phase, err = runpkg.Peek(root, a.pkg.Name)
	}
	return root, record, phase, err
}

// wwids are the worldwide names of a run's LUNs, in their order.
func wwids(run *session.PackageRun) []string {
	list := make([]string, len(run.LUNs))
	for i, l := range run.LUNs {
		list[i] = l.WWID
	}
	return list
}

// intersects reports whether two lists have a name in common.
func intersects(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
