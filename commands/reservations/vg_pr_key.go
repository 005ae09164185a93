package reservations

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// VGPRKey is vg_pr_key.
func VGPRKey() *front.Applet {
	return &front.Applet{
		Name:    "vg_pr_key",
		Summary: "show or copy the keys on the physical volumes of a volume group",
		Usage: `
usage: vg_pr_key -g [-v | --table | --json] [-C FILE] [--timeout SECONDS] VG...
       vg_pr_key -g --watch[=SECONDS] [-C FILE] [--timeout SECONDS] VG...
       vg_pr_key -s [-v] [--dry-run] [-C FILE] [-n NODE] [--timeout SECONDS] VG...

  -g             show registered keys, reserved key and the node that reserved
  -s             copy every node's registrations and the reservation from the
                 volumes that have them to those that have none
  -v             with -g the vendor's form, else one line a volume: DEVICE KEYS
                 HOLDER NODE; with -s say what was copied
  --table        with -g, volumes down, nodes across: how many paths of each node
                 are registered on each volume, see pr_check; all paths are read
  --watch[=S]    with -g, the table again and again, every 2 seconds or S
  --color WHEN   auto (colours on a terminal, unless NO_COLOR is set), always, never
  --json         with -g, or with -s --dry-run, for a program; see json.md
  --dry-run      with -s, list the commands that would be sent, send none but reads
  -n NODE        with -s, which node this is (else $SG_NODE, the short host name)
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf)
  --timeout S    time for one command to a device, retries included (60)
  --serial       one LUN after the other, for arrays that stall on many at once
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)
  --log WHERE    with -s, log changes to syslog (the default), stderr or none

VG is a volume group, as VG or /dev/VG. A volume that cannot be read shows
UNKNOWN in all places.

exit status: 0 all shown or copied; 1 usage, config, foreign key, or volumes
that disagree; 2 a volume or group cannot be read, or -s must be run on other
nodes, too; 128 + N ended by signal N`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "get", Aliases: []string{"g"}}, &cli.BoolFlag{Name: "set", Aliases: []string{"s"}},
			front.VerboseFlag(), session.ConfigFlag(), session.NodeFlag(), session.DryRunFlag(), front.JSONFlag(), session.TimeoutFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(), session.SerialFlag(), front.LogFlag(),
			&cli.BoolFlag{Name: "table"}, front.NewWatchFlag(), front.ColorFlag(),
		},
		Operands: session.CompleteGroups,
		Run:      runVgPrKey,
	}
}

func runVgPrKey(c *front.Call) error {
	get, set := c.Flags.Bool("get"), c.Flags.Bool("set")
	if get == set {
		return front.Usagef("either -g or -s is needed: what shall be done with the keys?")
	}
	groups := c.Operands()
	if len(groups) == 0 {
		return front.Usagef("a volume group is missing")
	}
	drawn, err := newDrawnGroups(c, set)
	if err != nil {
		return err
	}
	if set {
		return copyGroups(c, groups)
	}
	conf, err := session.OptionalConfig(c)
	if err != nil {
		return err
	}
	host, err := session.OpenHost(c)
	if err != nil {
		return err
	}
	if drawn != nil {
		drawn.Session, drawn.names = session.On(c, conf, host, cluster.Node{}), groups
		return drawn.show()
	}
	s := session.On(c, conf, host, cluster.Node{})
	for _, g := range groups {
		if err := showGroup(s, g); err != nil {
			return err
		}
	}
	return nil
}

// unread reports a group or volume that cannot be read. Whatever the reason,
// the status is that of this node: another one may be able to.
func unread(c *front.Call, err error) {
	c.Report(err)
	c.Status = front.Worse(c.Status, words.ExitNode)
}

// showGroup prints the keys of every volume of one group. What cannot be read
// is shown as unknown and reported.
func showGroup(s *session.Session, name string) error {
	o, err := s.Begin()
	if err != nil {
		return err
	}
	defer o.Close()
	group, err := s.Group(name)
	if err != nil {
		unread(s.Call, err)
		return nil
	}
	shown := make([]protocol.Status, len(group.Volumes))
	var at []int
	for i, dev := range group.Volumes {
		shown[i].LUN = dev
		d, err := s.Host.Disk(dev)
		if err != nil {
			shown[i].Err = err
			continue
		}
		lun, err := o.OpenDisk(s.Ctx, s.Host, d, s.WarnErr)
		if err != nil {
			shown[i].Err = err
			continue
		}
		o.LUNs, at = append(o.LUNs, lun), append(at, i)
	}
	run := s.Run(nil, o)
	o.Watch(run)
	for i, now := range run.Show(s.Ctx) {
		shown[at[i]] = now
	}
	if s.Verbose() {
		s.Printf("Volume Group: /dev/%s\n", group.Name)
	}
	for _, now := range shown {
		if now.Err != nil {
			unread(s.Call, now.Err)
		}
		printStatus(s.Call, words.OfKeys(s.Conf, now))
	}
	return nil
}

func printStatus(c *front.Call, w words.KeyWords) {
	if !c.Verbose() {
		fmt.Fprintln(c.Out, w.Device, w.Keys, w.Holder, w.Node)
		return
	}
	node := w.Node
	if w.All {
		node = words.AllRegistrants
	}
	c.Printf(" -Physical Volume: %s\n REGISTERED KEYS : %s\n RESERVED KEYS : %s\n RESERVED FROM NODE : %s\n",
		w.Device, w.Keys, w.Holder, node)
}
