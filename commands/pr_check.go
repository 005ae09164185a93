package commands

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/vg"
)

func prCheck() *applet {
	return &applet{
		name:    "pr_check",
		summary: "is every LUN, path and key as it should be?",
		usage: `
usage: pr_check [-v] [--json] [--repair] [-C FILE] [-n NODE] [--timeout SECONDS] [PACKAGE...]
       pr_check --repair --device DEVICE [-v] [-C FILE] [-n NODE] [--timeout SECONDS]

Compares every LUN and path of the packages with the config and with each
other. Without PACKAGE, all packages of the config that this node may run.

  --json         print the findings for a program
  --repair       register this node's missing paths, where its key is still
                 registered on another path or LUN, and reserve a LUN that has
                 registrations but no reservation; then check again
  --device DEVICE
                 with --repair: a path has come back; register it if this node's
                 key is still registered on another path of its LUN. For udev
` + packageOptions + `

exit status: 0 all is well; 1 something is wrong; 2 the state of a LUN is unknown`,
		flags: append(packageFlags(), &cli.BoolFlag{Name: "repair"}, &cli.StringFlag{Name: "device"}),
		run:   runCheck,
	}
}

// checkedLUN is one LUN in the output for programs.
type checkedLUN struct {
	Package  string    `json:"package"`
	LUN      string    `json:"lun"`
	Known    bool      `json:"known"`
	Paths    int       `json:"paths"`
	Working  int       `json:"working"`
	Keys     []string  `json:"keys"`
	Holder   string    `json:"holder,omitempty"`
	Node     string    `json:"node,omitempty"`
	Type     string    `json:"type,omitempty"`
	Findings []problem `json:"findings"`
}

// problem is a finding in the output for programs.
type problem struct {
	Kind cluster.FindingKind `json:"kind"`
	Path string              `json:"path,omitempty"`
	Keys []string            `json:"keys,omitempty"`
	Text string              `json:"text"`
}

func runCheck(c *call) error {
	conf, host, node, err := c.surroundings()
	if err != nil {
		return err
	}
	names := c.operands()
	if device := c.flags.String("device"); device != "" {
		if !c.flags.Bool("repair") || len(names) > 0 {
			return usagef("--device goes with --repair, and without packages")
		}
		return c.readmit(conf, host, node, device)
	}
	if len(names) == 0 {
		for _, p := range conf.Packages {
			if p.RunsOn(node.Name) {
				names = append(names, p.Name)
			}
		}
	}
	if len(names) == 0 {
		// Nothing looked at must not read as all well.
		return usagef("no package of the config runs on %s; name those to check", node.Name)
	}
	packages, err := c.packages(conf, host, node, names)
	if err != nil {
		return err
	}
	all := []checkedLUN{}
	for _, pkg := range packages {
		err := c.onPackage(conf, host, node, pkg, func(run *cluster.Run, o *opened) error {
			if c.flags.Bool("repair") {
				if err := c.perform(run, o, task{deed: deedRepair}, run.Repair); err != nil {
					c.fail(err)
				}
			}
			for _, rep := range run.Check(c.ctx) {
				all = append(all, c.judge(conf, pkg, rep))
			}
			return nil
		})
		if err != nil {
			c.fail(err)
		}
	}
	if c.flags.Bool("json") {
		enc := json.NewEncoder(c.Out)
		enc.SetIndent("", "  ")
		doc := map[string]any{"luns": all}
		if plans := c.takePlans(); len(plans) > 0 {
			doc["plans"] = plans
		}
		return enc.Encode(doc)
	}
	c.printChecked(all)
	return nil
}

// readmit registers a path that has come back. Which package the LUN belongs to
// does not matter, and the package's other LUNs need not be there: the key on
// another path is the proof that this node runs what is on it.
func (c *call) readmit(conf *cluster.Config, host vg.Host, node cluster.Node, device string) error {
	if !strings.HasPrefix(device, "/") {
		// udev names devices without the folder.
		device = "/dev/" + device
	}
	disk, err := host.Paths(device)
	if err != nil {
		return err
	}
	o, err := c.openOptions()
	if err != nil {
		return err
	}
	o.own = node.Key
	lun, err := o.openDisk(c.ctx, host, disk, c.warnErr)
	if err != nil {
		return errors.Join(err, o.Close())
	}
	run := &cluster.Run{Config: conf, Package: &cluster.Package{Type: cluster.MultiNode}, Node: node, LUNs: []*cluster.LUN{lun}}
	c.follow(run, o)
	var paths []string
	err = c.perform(run, o, task{deed: deedReadmit}, func(ctx context.Context) (err error) {
		paths, err = run.Readmit(ctx)
		return err
	})
	for _, p := range paths {
		if !o.rehearse {
			c.printf("%s: registered again\n", p)
		}
	}
	return errors.Join(err, o.Close())
}

// judge turns a report into output and raises the exit status by what it
// found: what is unknown outweighs what is wrong.
func (c *call) judge(conf *cluster.Config, pkg *cluster.Package, rep cluster.Report) checkedLUN {
	out := checkedLUN{Package: pkg.Name, LUN: rep.LUN, Known: !rep.Unknown(), Paths: rep.Paths, Working: rep.Working, Keys: []string{}, Findings: []problem{}}
	if rep.State != nil {
		for _, k := range rep.State.Keys() {
			out.Keys = append(out.Keys, k.String())
		}
		if held := rep.State.Reservation; held != nil {
			w := wordsOf(conf, cluster.Status{LUN: rep.LUN, State: rep.State})
			out.Holder, out.Node, out.Type = w.holder, w.node, held.Type.String()
		}
	}
	for _, f := range rep.Findings {
		p := problem{Kind: f.Kind, Path: f.Path, Text: findingWords(conf, rep, f)}
		for _, k := range f.Keys {
			p.Keys = append(p.Keys, k.String())
		}
		out.Findings = append(out.Findings, p)
	}
	switch {
	case rep.Unknown():
		c.status = exitNode
	case len(out.Findings) > 0 && c.status != exitNode:
		c.status = exitFailed
	}
	return out
}

// printChecked prints the table for people.
func (c *call) printChecked(all []checkedLUN) {
	t := newTable(c.Out, "PACKAGE", "LUN", "PATHS", "KEYS", "HOLDER", "STATE")
	for _, l := range all {
		holder, keys, state := none, none, "ok"
		if l.Node != "" {
			holder = l.Node
		}
		if len(l.Keys) > 0 {
			keys = strings.Join(l.Keys, ",")
		}
		if !l.Known {
			holder, keys = unknown, unknown
		}
		if len(l.Findings) > 0 {
			state = l.Findings[0].Text
		}
		t.Append([]string{l.Package, l.LUN, strconv.Itoa(l.Working) + "/" + strconv.Itoa(l.Paths), keys, holder, state})
		for _, f := range l.Findings[min(1, len(l.Findings)):] {
			t.Append([]string{"", "", "", "", "", f.Text})
		}
	}
	t.Render()
}
