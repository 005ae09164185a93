package commands

import (
	"errors"
	"fmt"

	"lunguard/cluster"
	"lunguard/vg"
)

// surroundings are what every command about packages needs.
func (c *call) surroundings() (*cluster.Config, vg.Host, cluster.Node, error) {
	conf, err := c.config()
	if err != nil {
		return nil, nil, cluster.Node{}, err
	}
	host, err := c.host()
	if err != nil {
		return nil, nil, cluster.Node{}, err
	}
	node, err := c.node(conf, host)
	return conf, host, node, err
}

// packages are those that were named or, if none was, all that this node has
// up. A package of which that cannot be told counts as up: what is unknown
// must not be left out in silence.
func (c *call) packages(conf *cluster.Config, host vg.Host, node cluster.Node, names []string) ([]*cluster.Package, error) {
	var list []*cluster.Package
	for _, name := range names {
		pkg, err := conf.Package(name)
		if err != nil {
			return nil, err
		}
		list = append(list, pkg)
	}
	if len(names) > 0 {
		return list, nil
	}
	for i := range conf.Packages {
		pkg := &conf.Packages[i]
		if !pkg.RunsOn(node.Name) {
			continue
		}
		up := true
		err := c.lookAt(conf, host, node, pkg, func(run *packageRun, _ *opened) error {
			up = run.Up(c.ctx)
			return nil
		})
		if err != nil || up {
			list = append(list, pkg)
		}
	}
	return list, nil
}

// withPackage opens the LUNs of a package, which must be in no other, and runs f
// on them.
func (c *call) withPackage(conf *cluster.Config, host vg.Host, node cluster.Node, pkg *cluster.Package, f func(*packageRun, *opened) error) error {
	return c.openFor(conf, host, node, pkg, func(disks []*vg.Disk) error { return c.soleOwner(conf, host, pkg, disks) }, f)
}

// lookAt is withPackage for who changes nothing: nobody asks what else the LUNs
// belong to.
func (c *call) lookAt(conf *cluster.Config, host vg.Host, node cluster.Node, pkg *cluster.Package, f func(*packageRun, *opened) error) error {
	return c.openFor(conf, host, node, pkg, func([]*vg.Disk) error { return nil }, f)
}

// openFor opens the LUNs of a package, if they may be, and runs f on them.
func (c *call) openFor(conf *cluster.Config, host vg.Host, node cluster.Node, pkg *cluster.Package, may func([]*vg.Disk) error, f func(*packageRun, *opened) error) error {
	o, err := c.openOptions()
	if err != nil {
		return err
	}
	o.own = node.Key
	disks, err := c.disksOf(host, pkg)
	if err == nil {
		err = may(disks)
	}
	if err == nil {
		err = c.openDisks(host, disks, o)
	}
	if err != nil {
		return errors.Join(err, o.Close())
	}
	run := newPackageRun(conf, pkg, node, o.luns)
	run.Strict = o.strict
	c.follow(run, o)
	return errors.Join(f(run, o), o.Close())
}

// onPackage runs a protocol on a package and tells, if asked, what it took.
func (c *call) onPackage(conf *cluster.Config, host vg.Host, node cluster.Node, pkg *cluster.Package, do func(*packageRun, *opened) error) error {
	return c.withPackage(conf, host, node, pkg, func(run *packageRun, o *opened) error {
		err := do(run, o)
		if c.verbose() && !c.flags.Bool("json") {
			fmt.Fprintf(c.Out, "%s: %s, %s\n", pkg.Name, plural(len(o.luns), "LUN"), plural(int(o.sent.Load()), "SCSI command"))
		}
		return err
	})
}
