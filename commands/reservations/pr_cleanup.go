package reservations

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// PRCleanup is pr_cleanup.
func PRCleanup() *front.Applet {
	return &front.Applet{
		Name:    "pr_cleanup",
		Summary: "clear reservations and registrations that were left behind",
		Usage: `
usage: pr_cleanup [-v] [--force] [-k KEY] [lun] [-f FILE | DSF...]
       pr_cleanup [-v] [--force] [-k KEY] VG...

  lun            operands are device special files, not volume groups
  -k KEY         clear only LUNs on which KEY (hexadecimal) is registered
  -f FILE        device special files, one a line; - is standard input
  --force        clear LUNs, too, that a node of the cluster is registered on
  -v             say each step
  --dry-run      list the commands that would be sent, send none but reads
  --json         with --dry-run: the plan for a program
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf)
  --timeout S    time for one command to a device, retries included (60)
  --serial       one LUN after the other, for arrays that stall on many at once
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)
  --log WHERE    log changes to syslog (the default), stderr or none

A node of the cluster that is registered on a LUN may run a package on it, which
would lose its protection. So nothing is cleared then, on any LUN, without --force.

exit status: 0 all are clear; 1 usage, a node of the cluster is registered, or
KEY is not on every LUN; 2 a LUN could not be cleared; 128 + N ended by signal N, and what is left is said`,
		Flags: []cli.Flag{
			front.Offering(&cli.StringFlag{Name: "key", Aliases: []string{"k"}}, session.CompleteKeys),
			front.Offering(&cli.StringFlag{Name: "file", Aliases: []string{"f"}}, front.OneOf(front.ShellFiles)),
			&cli.BoolFlag{Name: "force"},
			front.VerboseFlag(), session.ConfigFlag(), session.DryRunFlag(), front.JSONFlag(), session.TimeoutFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(), session.SerialFlag(), front.LogFlag(),
		},
		Operands: completeCleanup, PlanJSON: true,
		Run: runPrCleanup,
	}
}

// lunWord says that operands are devices.
const lunWord = "lun"

func runPrCleanup(c *front.Call) error {
	names, areLUNs, err := cleanupOperands(c)
	if err != nil {
		return err
	}
	var key pr.Key
	if text := c.Flags.String("key"); c.Flags.IsSet("key") {
		if key, err = pr.ParseKey(text); err != nil {
			return front.Usagef("-k %v", err)
		}
	}
	conf, err := session.OptionalConfig(c)
	if err != nil {
		return err
	}
	host, err := session.OpenHost(c)
	if err != nil {
		return err
	}
	s := session.On(c, conf, host, cluster.Node{})
	o, err := s.Begin()
	if err != nil {
		return err
	}
	defer o.Close()
	// Without a config, or on a host that is no node, it acts as nobody.
	if conf != nil {
		if own, err := session.ThisNode(c, conf, host); err == nil {
			s.Node = own
		}
	}
	o.Own = s.Node.Key
	again, err := openCleanup(s, names, areLUNs, o)
	if err != nil {
		return err
	}
	run := s.Run(nil, o)
	s.Follow(run, o)
	var results []protocol.CleanupResult
	err = s.Perform(run, o, session.Task{Deed: front.DeedCleanup, Only: key}, func(ctx context.Context) (err error) {
		results, err = run.Cleanup(ctx, protocol.Clearing{Only: key, Force: c.Flags.Bool("force")})
		errs := []error{err}
		for _, res := range results {
			if res.Cleared && errors.Is(res.Err, protocol.ErrUnresolved) {
				res.Err = &doubtError{res.LUN, res.Err}
			}
			errs = append(errs, res.Err)
		}
		return errors.Join(errs...)
	})
	for _, res := range results {
		printCleanup(c, res)
	}
	if err != nil || o.Rehearse {
		return err
	}
	return stillThere(s, o, again)
}

// stillThere reads what was left out because of its name: if it is another LUN with
// that name, nothing has been cleared on it.
func stillThere(s *session.Session, o *session.Opened, again []twin) error {
	luns := make([]*protocol.LUN, len(again))
	for i, t := range again {
		luns[i] = t.LUN
	}
	o.LUNs = luns
	var errs []error
	for i, now := range s.Run(nil, o).Show(s.Ctx) {
		switch {
		case now.Err != nil:
			s.WarnErr(now.Err)
		case len(now.State.Keys()) > 0 || now.State.Reservation != nil:
			errs = append(errs, &twinError{first: again[i].first, name: now.LUN, wwid: again[i].WWID})
		}
	}
	return errors.Join(errs...)
}

// doubtError says that a LUN was cleared, and that what nodes had under way which were
// removed from it before may not be over.
type doubtError struct {
	lun string
	err error
}

func (e *doubtError) Error() string { return e.Message().Text() }

// Unwrap gives the reason.
func (e *doubtError) Unwrap() error { return e.err }

func (e *doubtError) Message() words.Message {
	return words.Message{Subject: e.lun, What: "cleared, but " + words.Of(e.err).What, Status: words.ExitNode,
		Hint: "shut that node down or cut it off from the array before anything is started on it; there is nothing else to be done here"}
}

// twin is a LUN that has the name of one before it.
type twin struct {
	*protocol.LUN
	first string
}

// twinError says that two LUNs have one name, of which the first was worked on.
type twinError struct{ first, name, wwid string }

func (e *twinError) Error() string {
	return e.name + " was not cleared: it is another LUN than " + e.first + ", with the same name, " + e.wwid
}

// Message names the LUN that is left.
func (e *twinError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "clear it by itself, and give each LUN a name of its own on the array", Status: words.ExitNode}
}

// cleanupOperands sorts the operands: what to clear, and whether they are
// devices.
func cleanupOperands(c *front.Call) (names []string, areLUNs bool, err error) {
	names = c.Operands()
	if i := slices.Index(names, lunWord); i >= 0 {
		names, areLUNs = slices.Delete(slices.Clone(names), i, i+1), true
	}
	if file := c.Flags.String("file"); c.Flags.IsSet("file") {
		areLUNs = true
		if len(names) > 0 {
			return nil, false, front.Usagef("operands were given beside -f %s: %s", file, strings.Join(names, " "))
		}
		if names, err = readList(c, file); err != nil {
			return nil, false, err
		}
	}
	if len(names) == 0 {
		return nil, false, front.Usagef("volume groups are missing, or lun and devices")
	}
	return names, areLUNs, nil
}

// completeCleanup offers volume groups, or, behind lun, devices.
func completeCleanup(l *front.Completion, word string) []front.Suggestion {
	if l.Values["file"] != "" {
		return nil
	}
	for _, op := range l.Operands {
		if op == lunWord {
			return session.CompleteDisks(l, word)
		}
	}
	list := session.CompleteGroups(l, word)
	if len(l.Operands) == 0 {
		list = append(list, front.Suggestion{Word: lunWord, Meaning: "devices follow"})
	}
	return list
}

// maxList bounds a list of devices.
const maxList = 1 << 20

// readList reads names, one a line, with comments and blank lines.
func readList(c *front.Call, file string) ([]string, error) {
	r := c.In
	if file != "-" {
		text, err := ownfile.Read(c.Ctx, file, maxList)
		switch {
		case c.Ctx.Err() != nil:
			return nil, err
		case err != nil:
			return nil, front.Usagef("%v", err)
		}
		r = bytes.NewReader(text)
	}
	var names []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		switch words := strings.Fields(line); len(words) {
		case 0:
		case 1:
			names = append(names, words[0])
		default:
			return nil, front.Usagef("%s:%d: %q: one name a line was expected", file, n, words[1])
		}
	}
	if err := lines.Err(); err != nil {
		var named *fs.PathError
		if errors.As(err, &named) {
			return nil, front.Usagef("%v", err)
		}
		return nil, front.Usagef("%s: %v", file, err)
	}
	return names, nil
}

// openCleanup opens what is to be cleared. Nothing is begun unless all can be. Further
// names of a LUN are not cleared, since they would get into each other's way.
func openCleanup(s *session.Session, names []string, areLUNs bool, o *session.Opened) (again []twin, err error) {
	pkg := &cluster.Package{Groups: names}
	if areLUNs {
		pkg = &cluster.Package{Volumes: names}
	}
	disks, err := s.DisksOf(pkg)
	if err == nil {
		err = o.OpenDisks(s.Ctx, s.Host, disks, s.WarnErr)
	}
	if err != nil {
		return nil, err
	}
	first := map[string]string{}
	o.LUNs = slices.DeleteFunc(o.LUNs, func(l *protocol.LUN) bool {
		before, seen := first[l.WWID]
		if !seen || l.WWID == "" {
			first[l.WWID] = l.Name
			return false
		}
		again = append(again, twin{l, before})
		return true
	})
	return again, nil
}

// printCleanup tells what became of one LUN, and who of the cluster is no
// longer protected there.
func printCleanup(c *front.Call, res protocol.CleanupResult) {
	dry := c.Flags.Bool("dry-run")
	switch {
	case res.Err != nil && !res.Cleared:
		// It is among the errors of the run.
		return
	case !res.Cleared:
		if c.Verbose() && !dry {
			c.Printf("%s: nothing to clear\n", res.LUN)
		}
		return
	case c.Verbose() && !dry:
		c.Printf("%s: cleared %s\n", res.LUN, words.Keys(res.Before))
	}
	names := make([]string, len(res.Lost))
	for i, n := range res.Lost {
		names[i] = n.Name
	}
	switch lost := strings.Join(names, ", "); {
	case lost == "":
	case dry:
		c.Warn("%s: protection would be gone there for %s", res.LUN, lost)
	default:
		c.Warn("%s: protection is gone there for %s; run pr_check --repair, or pr_start, on each", res.LUN, lost)
	}
}
