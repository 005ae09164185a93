package serviceguard

import (
	"errors"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
)

// CmModPkg is cmmodpkg.
func CmModPkg() *front.Applet {
	return &front.Applet{
		Name:    "cmmodpkg",
		Summary: "note whether packages may be moved",
		Usage: `
usage: cmmodpkg -e|-d [-t] [-v] [-n NODE]... [-C FILE] [--sim DIR] PACKAGE...

Notes, until this host is restarted, that each package may be started and moved by
itself, or that it may not, or with -n that it may be moved to these nodes, or not:
cmviewcl shows it. Nothing here starts or moves a package by itself; that is the
cluster manager's to do, by its own command.

  -e, --enable   it may
  -d, --disable  it may not
  -t             with -e: look whether the packages and nodes are there, and note
                 nothing
  -n NODE        about this node of the package; may be repeated
  -v             accepted
  -C FILE        the cluster config
  --sim DIR      work on a simulated host, see lunguard sim

exit status: 0 noted; 1 it was not, of one of them; 128 + N ended by signal N`,
		Flags: []cli.Flag{
			front.VerboseFlag(),
			&cli.BoolFlag{Name: "enable", Aliases: []string{"e"}}, &cli.BoolFlag{Name: "disable", Aliases: []string{"d"}},
			&cli.BoolFlag{Name: "test", Aliases: []string{"t"}},
			front.Offering(front.Repeated("node", "n"), session.CompleteNodes),
			session.ConfigFlag(), front.SimFlag(),
		},
		Operands: session.CompletePackages,
		Run:      runModPkg,
	}
}

func runModPkg(c *front.Call) error {
	on := c.Flags.Bool("enable")
	switch {
	case on == c.Flags.Bool("disable"):
		return front.Usagef("one of -e and -d was expected")
	case c.Flags.Bool("test") && !on:
		return front.Usagef("-t goes with -e")
	}
	conf, err := session.ReadConfig(c)
	if err != nil {
		return err
	}
	packages, err := namedPackages(c, conf)
	if err != nil {
		return err
	}
	nodes := c.Several("node")
	if err := nodesOf(conf, packages, nodes); err != nil || c.Flags.Bool("test") {
		return err
	}
	run, _, err := session.RunFolders(c)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range packages {
		if err := runpkg.NoteSwitches(filepath.Join(run, "packages"), p.Name, on, nodes); err != nil {
			errs = append(errs, &stateError{err})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.Warn("nothing here starts or moves a package by itself: that is the cluster manager's to do, and its own command turns it on and off")
	c.Printf("cmmodpkg: Completed successfully on all packages specified\n")
	return nil
}

// nodesOf looks nodes up, in the config and in packages.
func nodesOf(conf *cluster.Config, packages []*cluster.Package, nodes []string) error {
	var errs []error
	for _, n := range nodes {
		if _, err := conf.Node(n); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, p := range packages {
			if !p.RunsOn(n) {
				errs = append(errs, &cluster.NotMemberError{Node: n, Package: p})
			}
		}
	}
	return errors.Join(errs...)
}
