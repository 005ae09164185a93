package reservations

import (
	"context"
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// PRFence is pr_fence.
func PRFence() *front.Applet {
	return &front.Applet{
		Name:    "pr_fence",
		Summary: "a node has failed: take its registrations off every LUN",
		Usage: `
usage: pr_fence [-v] [--dry-run [--json]] [-C FILE] [-n NODE] [--timeout SECONDS]
                NODE [PACKAGE...]
       pr_fence [OPTIONS] --key KEY [PACKAGE...]

Removes the registrations of NODE by PREEMPT AND ABORT, and with them those of
nodes that are just halting. A reservation that NODE held is this node's
afterwards. Without PACKAGE, all packages that this node has up are fenced.

With --key, removes the registrations with KEY (hexadecimal), which must be no
node's, and nothing else: who holds goes on holding. A key that holds is left.

  --key KEY      remove this foreign key in the place of a node's
` + session.PackageOptions + session.PlanJSON + `

exit status: 0 NODE, or KEY, can no longer write, whoever removed it; 1 usage,
config, foreign key, KEY holds or is on no LUN, or this node was removed; 2 the state of a LUN is unknown, or
whether all of NODE's commands are over, or this node is not registered;
128 + N ended by signal N`,
		Flags: append(session.PackageFlags(), &cli.StringFlag{Name: "key"}), PlanJSON: true,
		Operands: func(l *front.Completion, word string) []front.Suggestion {
			if len(l.Operands) == 0 && l.Values["key"] == "" {
				return session.CompleteOtherNodes(l, word)
			}
			return session.CompletePackages(l, word)
		},
		Run: runFence,
	}
}

func runFence(c *front.Call) error {
	if c.Flags.IsSet("key") {
		return runEvict(c)
	}
	ops := c.Operands()
	if len(ops) == 0 {
		return front.Usagef("the node that has failed is missing")
	}
	s, err := session.New(c)
	if err != nil {
		return err
	}
	victim, err := s.Conf.Node(ops[0])
	if err != nil {
		return &victimError{err}
	}
	if victim.Name == s.Node.Name {
		return front.Usagef("%s is this node; to give its packages up, use pr_halt", victim.Name)
	}
	packages, err := s.Packages(ops[1:])
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return front.Usagef("this node has no package up; name the packages to fence")
	}
	onEach(s, packages, session.Task{Deed: front.DeedFence, Victim: victim}, func(ctx context.Context, run *session.PackageRun) error {
		return run.Fence(ctx, victim.Member())
	})
	return nil
}

// onEach performs a task on packages, one after the other.
func onEach(s *session.Session, packages []*cluster.Package, t session.Task, do func(context.Context, *session.PackageRun) error) {
	for i, pkg := range packages {
		if s.Ctx.Err() != nil {
			s.Fail(session.NotBegun(packages[i:]))
			return
		}
		err := s.OnPackage(pkg, func(run *session.PackageRun, o *session.Opened) error {
			return s.Perform(run, o, t, func(ctx context.Context) error { return do(ctx, run) })
		})
		if err != nil {
			s.Fail(err)
		}
	}
}

// runEvict takes one foreign key off the LUNs of packages.
func runEvict(c *front.Call) error {
	key, err := pr.ParseKey(c.Flags.String("key"))
	if err != nil {
		return front.Usagef("--key %v", err)
	}
	s, err := session.New(c)
	if err != nil {
		return err
	}
	if n, ok := s.Conf.NodeOf(key); ok {
		return &nodeKeyError{key, n.Name, n.Name == s.Node.Name}
	}
	packages, err := s.Packages(c.Operands())
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return front.Usagef("this node has no package up; name the packages to fence")
	}
	all, unknown := protocol.Evicted{}, false
	onEach(s, packages, session.Task{Deed: front.DeedEvict, Evicts: key}, func(ctx context.Context, run *session.PackageRun) error {
		found, err := run.Evict(ctx, key)
		all.On, all.Others = append(all.On, found.On...), append(all.Others, found.Others...)
		unknown = unknown || err != nil
		return err
	})
	if len(all.On) == 0 && len(all.Others) > 0 && !unknown && c.Ctx.Err() == nil {
		// Most likely it is mistyped, and the key that was meant is there.
		slices.Sort(all.Others)
		return &absentKeyError{key, slices.Compact(all.Others)}
	}
	return nil
}

// victimError says that the node to be fenced is none of the cluster's.
type victimError struct{ error }

// Unwrap gives the reason.
func (e *victimError) Unwrap() error { return e.error }

// Message names the node that was meant, if one has a name like that.
func (e *victimError) Message() words.Message {
	m := words.Of(e.error)
	var unknown *cluster.UnknownNodeError
	if errors.As(e.error, &unknown) {
		m.Hint = words.NodeNames(unknown)
	}
	return m
}

// nodeKeyError says that the key to be evicted is a node's.
type nodeKeyError struct {
	key  pr.Key
	node string
	self bool
}

func (e *nodeKeyError) Error() string {
	if e.self {
		return e.key.String() + " is the key of this node, " + e.node
	}
	return e.key.String() + " is the key of node " + e.node
}

func (e *nodeKeyError) Message() words.Message {
	m := words.Message{What: e.Error(), Hint: "nothing was changed; if that node has failed: pr_fence " + e.node, Status: words.ExitFailed}
	if e.self {
		m.Hint = "nothing was changed; to give packages up, use pr_halt"
	}
	return m
}

// absentKeyError says that the key to be evicted is on no LUN, where others are.
type absentKeyError struct {
	key    pr.Key
	others []pr.Key
}

func (e *absentKeyError) Error() string { return "key " + e.key.String() + " is registered on no LUN" }

func (e *absentKeyError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "nothing was changed; the foreign keys there are " + words.Keys(e.others), Status: words.ExitFailed}
}
