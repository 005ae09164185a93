package reservations

import (
	"context"

	"lunguard/commands/front"
	"lunguard/commands/session"
)

// PRStart is pr_start.
func PRStart() *front.Applet {
	return &front.Applet{
		Name:    "pr_start",
		Summary: "reserve the LUNs of a package for this node",
		Usage: `
usage: pr_start [-v] [--strict] [--dry-run [--json]] [-C FILE] [-n NODE]
                [--timeout SECONDS] [PACKAGE]

Registers this node's key on every LUN of the package and reserves them Write
Exclusive - Registrants Only. A node that holds them is removed in one step,
but not while something of a failover package is in use (mounted, open) here.
A path that does not work is warned of, as long as each LUN has another.
PACKAGE is $SG_PACKAGE if not given.
` + session.PackageOptions + session.PlanJSON + `
  --strict       fail if any path does not work, and undo what was done

exit status: 0 this node alone can write; 1 failed, do not retry elsewhere
(usage, config, foreign key, lost to another node, in use here while another has
it); 2 failed on this node; 128 + N ended by signal N, and what is left is said`,
		Flags: append(session.PackageFlags(), session.StrictFlag()), Operands: session.CompleteOnePackage, PlanJSON: true,
		Run: func(c *front.Call) error {
			return runPackage(c, front.DeedStart, func(s *session.Session, run *session.PackageRun, ctx context.Context) error {
				return s.StartLUNs(ctx, run)
			})
		},
	}
}

// PRHalt is pr_halt.
func PRHalt() *front.Applet {
	return &front.Applet{
		Name:    "pr_halt",
		Summary: "give the LUNs of a package up",
		Usage: `
usage: pr_halt [-v] [--dry-run [--json]] [-C FILE] [-n NODE]
               [--timeout SECONDS] [PACKAGE]

Clears reservation and registrations of the package's LUNs. What another node
has taken over meanwhile is left alone. PACKAGE is $SG_PACKAGE if not given.
` + session.PackageOptions + session.PlanJSON + `

exit status: 0 nothing of this node is left; 1 failed, do not retry elsewhere
(usage, config, foreign key); 2 failed on this node;
128 + N ended by signal N, and what is left is said`,
		Flags: session.PackageFlags(), Operands: session.CompleteOnePackage, PlanJSON: true,
		Run: func(c *front.Call) error {
			return runPackage(c, front.DeedHalt, func(s *session.Session, run *session.PackageRun, ctx context.Context) error {
				return session.DiaryOf(s).Halt(ctx, run)
			})
		},
	}
}

// runPackage runs a protocol for the package that the command line names.
func runPackage(c *front.Call, d front.Deed, do func(*session.Session, *session.PackageRun, context.Context) error) error {
	name, err := session.PackageName(c)
	if err != nil {
		return err
	}
	s, err := session.New(c)
	if err != nil {
		return err
	}
	pkg, err := s.Conf.Package(name)
	if err != nil {
		return err
	}
	return s.OnPackage(pkg, func(run *session.PackageRun, o *session.Opened) error {
		s.WarnLUNless(pkg)
		if d == front.DeedStart && s.Conf.PRDisabled {
			c.Warn("FORCED_PR_DISABLE is set in %s: nothing is protected", s.Conf.Path)
			return nil
		}
		return s.Perform(run, o, session.Task{Deed: d}, func(ctx context.Context) error { return do(s, run, ctx) })
	})
}
