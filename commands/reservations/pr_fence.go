package reservations

import (
	"context"

	"lunguard/commands/front"
	"lunguard/commands/session"
)

// PRFence is pr_fence.
func PRFence() *front.Applet {
	return &front.Applet{
		Name:    "pr_fence",
		Summary: "a node has failed: take its registrations off every LUN",
		Usage: `
usage: pr_fence [-v] [--dry-run [--json]] [-C FILE] [-n NODE] [--timeout SECONDS]
                NODE [PACKAGE...]

Removes the registrations of NODE by PREEMPT AND ABORT, and with them those of
nodes that are just halting. A reservation that NODE held is this node's
afterwards. Without PACKAGE, all packages that this node has up are fenced.
` + session.PackageOptions + session.PlanJSON + `

exit status: 0 NODE can no longer write, whoever removed it; 1 usage, config,
foreign key, or this node was removed; 2 the state of a LUN is unknown, or
whether all of NODE's commands are over, or this node is not registered;
128 + N ended by signal N`,
		Flags: session.PackageFlags(), PlanJSON: true,
		Operands: func(l *front.Completion, word string) []front.Suggestion {
			if len(l.Operands) == 0 {
				return session.CompleteNodes(l, word)
			}
			return session.CompletePackages(l, word)
		},
		Run: runFence,
	}
}

func runFence(c *front.Call) error {
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
		return err
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
	for i, pkg := range packages {
		if c.Ctx.Err() != nil {
			c.Fail(session.NotBegun(packages[i:]))
			break
		}
		err := s.OnPackage(pkg, func(run *session.PackageRun, o *session.Opened) error {
			return s.Perform(run, o, session.Task{Deed: front.DeedFence, Victim: victim}, func(ctx context.Context) error { return run.Fence(ctx, victim.Member()) })
		})
		if err != nil {
			c.Fail(err)
		}
	}
	return nil
}
