package fenceagent

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/man"
)

// action is what the agent is asked to do.
type action string

// Actions, as the API names them.
const (
	actionOn       action = "on"
	actionOff      action = "off"
	actionStatus   action = "status"
	actionList     action = "list"
	actionListAll  action = "list-status"
	actionMonitor  action = "monitor"
	actionMetadata action = "metadata"
	actionValidate action = "validate-all"
	actionManual   action = "manpage"
)

// actions are those that the metadata shows.
func actions() []action {
	return []action{actionOn, actionOff, actionStatus, actionList, actionListAll, actionMonitor, actionMetadata, actionManual, actionValidate}
}

func actionWords() string {
	list := make([]string, 0, len(actions()))
	for _, a := range actions() {
		list = append(list, string(a))
	}
	return strings.Join(list, ", ")
}

// Exit statuses of the API.
const (
	exitOK     = 0
	exitFailed = 1
	// exitOff is status' answer that the node is off.
	exitOff = 2
)

// grace is how long an action that has come to its deadline may take to leave things
// in order. It is over before the cluster's own time is, which kills.
const grace = 5 * time.Second

// Applet is fence_lunguard.
func Applet() *front.Applet {
	a := &front.Applet{
		Name:    "fence_lunguard",
		Summary: "a fence agent for Pacemaker: who is fenced cannot write",
		Flags:   flags(),
	}
	a.Usage = usage()
	a.Main = func(c *front.Call, args []string) int {
		// A program of Go's that crashes ends with 2, unless it is to leave a core.
		debug.SetTraceback("crash")
		v, err := given(c, args)
		if err != nil {
			c.Report(err)
			return exitFailed
		}
		return perform(c, v)
	}
	return a
}

// given are the parameters: of the command line if there is any word on it, else those
// on standard input.
func given(c *front.Call, args []string) (v values, err error) {
	if len(args) == 0 {
		ctx, cancel := context.WithTimeout(c.Ctx, grace)
		defer cancel()
		text, err := readAll(ctx, c.In)
		if err != nil {
			return nil, err
		}
		v, unknown := fromInput(text)
		if len(unknown) > 0 && v[paramAction] == "" {
			// It may have been the action: what nobody has said is not done.
			return nil, front.Usagef("no action is given, and parameter %q is not known", unknown[0])
		}
		for _, name := range unknown {
			c.Warn("parameter %q is not known and was not looked at", name)
		}
		return v, nil
	}
	all := flags()
	canon, err := front.Canonicalise(dashed(args), front.Options(all), false)
	if err != nil {
		return nil, err
	}
	err = c.Parse(all, canon, func(c *front.Call) error {
		if ops := c.Operands(); len(ops) > 0 {
			return front.Usagef("%q is no option", ops[0])
		}
		v = fromFlags(c.Flags)
		return nil
	})
	return v, err
}

// dashed are the arguments with the names of long options as they are spelled here:
// key_value is key-value by hand.
func dashed(args []string) []string {
	list := slices.Clone(args)
	for i, arg := range list {
		if name, value, glued := strings.Cut(arg, "="); strings.HasPrefix(arg, "--") {
			list[i] = strings.ReplaceAll(name, "_", "-")
			if glued {
				list[i] += "=" + value
			}
		}
	}
	return list
}

// perform does what was asked for.
func perform(c *front.Call, v values) int {
	if v[paramHelp] == "1" {
		fmt.Fprintln(c.Out, strings.TrimSpace(usage()))
		return exitOK
	}
	if v[paramVersion] == "1" {
		fmt.Fprintln(c.Out, front.Version())
		return exitOK
	}
	what := action(strings.ToLower(v.get(paramAction)))
	switch what {
	case actionMetadata:
		fmt.Fprint(c.Out, metadata())
		return exitOK
	case actionManual:
		page, err := man.Find("", c.Applet.Name)
		if err == nil {
			err = c.ShowPage(page)
		}
		return c.Report(err)
	}
	if !slices.Contains(actions(), what) {
		c.Report(front.Usagef("unsupported action %q; there are %s", what, actionWords()))
		return exitFailed
	}
	deadline, err := v.duration(paramDeadline)
	if err != nil {
		c.Report(err)
		return exitFailed
	}
	if what == actionOff {
		if err := delay(c, v); err != nil {
			c.Report(err)
			return exitFailed
		}
	}
	d := front.Deadline{Limit: deadline, Grace: grace, Failed: exitFailed}
	return d.Within(c, func(c *front.Call) int { return act(c, v, what) }, func(e *front.DeadlineError) { c.Report(e) })
}

// delay waits before a node is fenced, as a cluster wants of one side in a split.
func delay(c *front.Call, v values) error {
	d, err := v.duration(paramDelay)
	if err != nil || d == 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.Ctx.Done():
		return c.Ctx.Err()
	case <-timer.C:
		return nil
	}
}

// act runs one action on the cluster that the parameters mean.
func act(c *front.Call, v values, what action) int {
	status := exitFailed
	err := c.Parse(session.PackageFlags(), sessionOptions(v), func(c *front.Call) error {
		a := &agent{Call: c, v: v}
		var err error
		if a.scope, err = newScope(c, v); err != nil {
			return err
		}
		status, err = a.run(what)
		return errors.Join(err, a.recognised(err))
	})
	if err != nil {
		c.Report(err)
		return exitFailed
	}
	return status
}

// sessionOptions is the command line that the parameters are for a session on LUNs.
func sessionOptions(v values) []string {
	options := []string{"--timeout=" + v.get(paramTimeout)}
	if v[paramConfig] != "" {
		options = append(options, "--config="+v[paramConfig])
	}
	if v[paramLog] != "" {
		options = append(options, "--log="+v[paramLog])
	}
	if loud, _ := v.yes(paramVerbose); loud {
		options = append(options, "--verbose")
	}
	return append(options, "--")
}

// agent is one action under way.
type agent struct {
	*front.Call
	*scope
	v values
	// s is the session on LUNs, nil before it is needed.
	s *session.Session
}

// open makes the session: this host, and which node it is.
func (a *agent) open() error {
	host, err := session.OpenHost(a.Call)
	if err != nil {
		return err
	}
	if err := a.findGroups(a.Ctx, host); err != nil {
		return err
	}
	here, err := a.here(a.Call, host)
	if err != nil {
		return err
	}
	a.s = session.On(a.Call, a.conf, host, here)
	// Keys that have changed since this node was let in say nothing of anyone.
	return session.DiaryOf(a.s).Shifted()
}

// run performs an action. With an error the status is that of a failure.
func (a *agent) run(what action) (int, error) {
	if slices.Contains([]action{actionOn, actionOff, actionMonitor, actionValidate}, what) {
		if err := a.decides(); err != nil {
			return exitFailed, err
		}
	}
	switch what {
	case actionValidate:
		return exitOK, a.validate()
	case actionList:
		for _, n := range a.conf.Nodes {
			fmt.Fprintln(a.Out, n.Name)
		}
		return exitOK, nil
	}
	if err := a.open(); err != nil {
		return exitFailed, err
	}
	switch what {
	case actionListAll:
		return exitOK, a.listStatus()
	case actionMonitor:
		return exitOK, a.monitor()
	}
	node, err := a.node(a.v.node())
	if err != nil {
		return exitFailed, err
	}
	if a.v[paramKey] != "" {
		a.Warn("%s is fenced by key %v, which was given by hand", node.Name, node.Key)
	}
	switch what {
	case actionOn:
		return exitOK, a.on(node)
	case actionOff:
		return exitOK, a.off(node)
	}
	return a.status(node)
}

// validate looks at a node's name and key as far as they are given. A cluster that has no
// node in mind gives one all the same, on standard input: that it is none of the nodes is
// no more than a warning then.
func (a *agent) validate() error {
	if a.v.node() == "" {
		return nil
	}
	_, err := a.node(a.v.node())
	var unknown *nodeError
	if errors.As(err, &unknown) && !a.v.byHand() {
		a.WarnErr(err)
		return nil
	}
	return err
}

// status says whether a node can write.
func (a *agent) status(node cluster.Node) (int, error) {
	now, err := a.look()
	if err != nil {
		return exitFailed, err
	}
	switch now.power(node.Member()) {
	case on:
		fmt.Fprintln(a.Out, "Status: ON")
		return exitOK, nil
	case off:
		fmt.Fprintln(a.Out, "Status: OFF")
		return exitOff, nil
	}
	return exitFailed, errors.Join(append([]error{&unknownError{node.Name}}, now.doubts()...)...)
}

// listStatus says it of all nodes.
func (a *agent) listStatus() error {
	now, err := a.look()
	if err != nil {
		return err
	}
	for _, n := range a.conf.Nodes {
		fmt.Fprintf(a.Out, "%s,,%s\n", n.Name, now.power(n.Member()))
	}
	return nil
}
