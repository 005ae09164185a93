package commands

import "context"

func prFence() *applet {
	return &applet{
		name:    "pr_fence",
		summary: "a node has failed: take its registrations off every LUN",
		usage: `
usage: pr_fence [-v] [--dry-run [--json]] [-C FILE] [-n NODE] [--timeout SECONDS]
                NODE [PACKAGE...]

Removes the registrations of NODE by PREEMPT AND ABORT, and with them those of
nodes that are just halting. A reservation that NODE held is this node's
afterwards. Without PACKAGE, all packages that this node has up are fenced.
` + packageOptions + planJSON + `

exit status: 0 NODE can no longer write, whoever removed it; 1 usage, config,
foreign key, or this node was removed; 2 the state of a LUN is unknown, or
whether all of NODE's commands are over, or this node is not registered;
128 + N ended by signal N`,
		flags: packageFlags(), planJSON: true,
		operands: func(l *completion, word string) []suggestion {
			if len(l.operands) == 0 {
				return completeNodes(l, word)
			}
			return completePackages(l, word)
		},
		run: runFence,
	}
}

func runFence(c *call) error {
	ops := c.operands()
	if len(ops) == 0 {
		return usagef("the node that has failed is missing")
	}
	s, err := newSession(c)
	if err != nil {
		return err
	}
	victim, err := s.conf.Node(ops[0])
	if err != nil {
		return err
	}
	if victim.Name == s.node.Name {
		return usagef("%s is this node; to give its packages up, use pr_halt", victim.Name)
	}
	packages, err := s.packages(ops[1:])
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		return usagef("this node has no package up; name the packages to fence")
	}
	for i, pkg := range packages {
		if c.ctx.Err() != nil {
			c.fail(&notBegunError{packages[i:]})
			break
		}
		err := s.onPackage(pkg, func(run *packageRun, o *opened) error {
			return s.perform(run, o, task{deed: deedFence, victim: victim}, func(ctx context.Context) error { return run.Fence(ctx, victim.Member()) })
		})
		if err != nil {
			c.fail(err)
		}
	}
	return nil
}
