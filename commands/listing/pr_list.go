// Package listing is pr_list: every LUN of this host and who has it, without a config.
package listing

import (
	"cmp"
	"io/fs"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/cluster/corosync"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
)

// Name is what the command is called.
const Name = "pr_list"

// Applet is pr_list.
func Applet() *front.Applet {
	return &front.Applet{
		Name:    Name,
		Summary: "every LUN of this host: who is registered, who holds it, what it is",
		Usage: `
usage: pr_list [--table | --keys | --paths | --csv | --json | --html]
               [--watch [SECONDS]] [--foreign] [--names FILE] [-C FILE]
               [--timeout SECONDS] [DEVICE...]
       pr_list --diff FILE [OPTIONS] [DEVICE...]

Shows all SCSI disks of this host, or those under the devices, one line for each
key. It needs no config, changes nothing, and reads each LUN by one of its paths;
the others are asked which LUN they lead to. WHOSE is a node's name where the
config or corosync's says so; else it is what the key looks like, and no more.

  --table        a line for each LUN, its keys below; the same as without
  --keys         a line for each registration: port and initiator
  --paths        a line for each path
  --csv          a line for each registration, for spreadsheets
  --json         all, for a program; see json.md
  --html         LUNs and registrations as a page
  --watch [S]    look again every S seconds (2), until it is interrupted
  --foreign      only keys that are no node's of this cluster
  --diff FILE    what has changed since FILE, which pr_list --json has written
  --names FILE   names of hosts: a line with an initiator and a name for each
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf,
                 if it is there)
  --timeout S    time for one command to a device, retries included (10)
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)

A disk that has no persistent reservations is said to have none. One of which
nothing can be read is shown as UNKNOWN, with the reason.

exit status: 0 all are known; 1 usage, config, or --diff found a difference; 2 a
LUN is unknown; 128 + N ended by signal N`,
		Flags: []cli.Flag{
			session.ConfigFlag(), front.JSONFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(), &cli.StringFlag{Name: "timeout", Value: "10"},
			&cli.BoolFlag{Name: "table"}, &cli.BoolFlag{Name: "html"}, front.NewWatchFlag(), &cli.BoolFlag{Name: "keys"}, &cli.BoolFlag{Name: "paths"}, &cli.BoolFlag{Name: "csv"}, &cli.BoolFlag{Name: "foreign"},
			front.Offering(&cli.StringFlag{Name: "diff"}, front.OneOf(front.ShellFiles)),
			front.Offering(&cli.StringFlag{Name: "names"}, front.OneOf(front.ShellFiles)),
		},
		Operands: session.CompleteDisks,
		Run:      run,
	}
}

func run(c *front.Call) error {
	if err := onlyOne(c); err != nil {
		return err
	}
	if every, err := c.WatchEvery(); every > 0 || err != nil {
		if err != nil {
			return err
		}
		return front.WatchText(c, every, once)
	}
	return once(c)
}

// once looks at the LUNs, and shows them.
func once(c *front.Call) error {
	v := &view{foreignOnly: c.Flags.Bool("foreign")}
	var before *document
	var err error
	if path := c.Flags.String("diff"); path != "" {
		if before, err = readDocument(c.Ctx, path); err != nil {
			return err
		}
	}
	if v.hosts, err = readHosts(c.Ctx, c.Flags.String("names")); err != nil {
		return err
	}
	v.readKnown(c.Ctx, cmp.Or(c.Simulated(), "/")+"/etc/hosts")
	if v.conf, err = session.OptionalConfig(c); err != nil {
		return err
	}
	host, err := session.OpenHost(c)
	if err != nil {
		return err
	}
	if v.host, err = host.Hostname(); err != nil {
		return err
	}
	v.corosync = corosyncNodes(c)
	if v.luns, err = look(session.On(c, v.conf, host, cluster.Node{}), c.Operands(), c.Flags.Bool(front.JSONOption) || before != nil); err != nil {
		return err
	}
	var refused error
	for _, l := range v.luns {
		if l.unknown() {
			c.Status = front.Worse(c.Status, words.ExitNode)
		}
		if refused == nil && pr.HostRefused(l.err) {
			refused = l.err
		}
	}
	if len(v.luns) == 0 {
		c.Warn("no SCSI disk and no NVMe namespace is attached to this host")
	}
	if refused != nil {
		// The same of each, as a rule: what to do is said once.
		c.WarnErr(refused)
	}
	return v.print(c, before)
}

// onlyOne refuses two forms at once.
func onlyOne(c *front.Call) error {
	given := ""
	for _, form := range []string{"table", "keys", "paths", "csv", "html", front.JSONOption, "diff"} {
		if !c.Flags.IsSet(form) {
			continue
		}
		if given != "" {
			return front.Usagef("--%s and --%s exclude each other", given, form)
		}
		given = form
	}
	switch {
	case given == "diff" && c.Flags.Bool("foreign"):
		return front.Usagef("--diff and --foreign exclude each other")
	case c.Flags.IsSet("watch") && slices.Contains([]string{"csv", "html", front.JSONOption}, given):
		return front.Usagef("--watch and --%s exclude each other", given)
	}
	return nil
}

// print shows the LUNs in the form that was asked for.
func (v *view) print(c *front.Call, before *document) error {
	switch {
	case before != nil:
		// What is unknown counts for more.
		if status := printDifferences(c.Out, compare(before, v.document(), len(c.Operands()) > 0)); c.Status == words.ExitOK {
			c.Status = status
		}
		return nil
	case c.Flags.Bool(front.JSONOption):
		c.Document = v.document()
		return nil
	case c.Flags.Bool("csv"):
		return v.csv(c.Out)
	case c.Flags.Bool("html"):
		return v.sheet(v.host).HTML(front.Raw(c.Out))
	case c.Flags.Bool("keys"):
		return v.registrations(c.Out)
	case c.Flags.Bool("paths"):
		return v.ways(c.Out)
	}
	return v.table(c.Out)
}

// corosyncNodes are the nodes that corosync's configuration has, if there is one: what
// fence_scsi makes keys of. It decides nothing. One that was named and cannot be had is
// warned of. On a simulated host it counts only if it was named.
func corosyncNodes(c *front.Call) *corosync.Config {
	path := c.Getenv("COROSYNC_MAIN_CONFIG_FILE")
	named := path != ""
	switch {
	case named:
	case c.Simulated() != "":
		return nil
	default:
		path = corosync.DefaultPath
	}
	conf, err := readCorosync(path)
	if err != nil && named {
		c.Warn("no nodes can be had from COROSYNC_MAIN_CONFIG_FILE: %v", err)
	}
	return conf
}

// readCorosync reads the file, if it is one.
func readCorosync(path string) (*corosync.Config, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > corosync.MaxSize {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return corosync.Parse(text)
}
