package session

import (
	"context"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/pr/rehearsal"
	"lunguard/protocol"
)

// Plan is what a command would do, as a rehearsal has shown it.
type Plan struct {
	Action  front.Deed `json:"action"`
	Package string     `json:"package,omitempty"`
	Group   string     `json:"vg,omitempty"`
	Node    string     `json:"node,omitempty"`
	Victim  string     `json:"victim,omitempty"`
	// Steps are those of a package that are no SCSI commands.
	Steps []string     `json:"steps,omitempty"`
	LUNs  []plannedLUN `json:"luns,omitempty"`
	// Commands is how many would be sent.
	Commands int `json:"commands"`
	// Why tells why nothing at all would be done.
	Why string `json:"nothing_to_do,omitempty"`
}

// plannedLUN is what would be done to one LUN.
type plannedLUN struct {
	LUN      string           `json:"lun"`
	WWID     string           `json:"wwid,omitempty"`
	Paths    []string         `json:"paths"`
	Before   plannedState     `json:"before"`
	Commands []plannedCommand `json:"commands"`
	After    plannedState     `json:"after"`
	// Why tells why nothing would be done.
	Why string `json:"nothing_to_do,omitempty"`

	before, after *pr.State
}

// plannedState is who is on a LUN.
type plannedState struct {
	Keys   []string `json:"keys"`
	Holder string   `json:"holder,omitempty"`
	Node   string   `json:"node,omitempty"`
	Type   string   `json:"type,omitempty"`
}

// plannedCommand is one command that would be sent.
type plannedCommand struct {
	Action protocol.Action `json:"action"`
	Path   string          `json:"path"`
	Key    string          `json:"key"`
	Victim string          `json:"victim,omitempty"`
	Heir   string          `json:"heir,omitempty"`
	Text   string          `json:"text"`
}

// rehearse runs a protocol on copies of the LUNs and shows what it did to them.
func (s *Session) rehearse(run *PackageRun, o *Opened, t Task, do func(context.Context) error) error {
	var events []protocol.Event
	run.Log = func(e protocol.Event) {
		switch {
		case e.Change():
			events = append(events, e)
		case e.Action != protocol.NothingLeft:
			s.Warn("%s", words.Event(run.Config, e))
		}
	}
	err := do(s.Ctx)
	p := &Plan{Action: t.Deed, Group: t.Group, Node: run.Node.Name, Victim: t.Victim.Name}
	if t.Evicts != 0 {
		p.Victim = t.Evicts.String()
	}
	if run.Package != nil {
		p.Package = run.Package.Name
	}
	for _, l := range run.LUNs {
		if lun, ok := planLUN(run, t, l, o.copies[l], events); ok && (err == nil || len(lun.Commands) > 0) {
			p.LUNs = append(p.LUNs, lun)
			p.Commands += len(lun.Commands)
		}
	}
	if err == nil || p.Commands > 0 {
		showPlan(s.Call, run.Config, p)
	}
	return err
}

// planLUN puts together what was done to the copy of one LUN; false if it was
// not even read.
func planLUN(run *PackageRun, t Task, l *protocol.LUN, s *rehearsal.Device, events []protocol.Event) (plannedLUN, bool) {
	p := plannedLUN{LUN: l.Name, WWID: l.WWID, Commands: []plannedCommand{}, before: s.Before()}
	if p.before == nil {
		return p, false
	}
	for _, path := range l.Paths {
		p.Paths = append(p.Paths, path.Name())
	}
	for _, e := range events {
		if e.LUN != l.Name {
			continue
		}
		cmd := plannedCommand{Action: e.Action, Path: e.Path, Key: e.Key.String(), Text: words.Change(run.Config, e)}
		if e.Victim != 0 {
			cmd.Victim = e.Victim.String()
		}
		if e.Heir != 0 {
			cmd.Heir = e.Heir.String()
		}
		p.Commands = append(p.Commands, cmd)
	}
	p.after = s.Now()
	p.Before, p.After = planState(run.Config, p.before), planState(run.Config, p.after)
	if len(p.Commands) == 0 {
		p.Why = t.idle(run)
	}
	return p, true
}

func planState(conf *cluster.Config, s *pr.State) plannedState {
	p := plannedState{Keys: []string{}}
	if s == nil {
		return p
	}
	for _, k := range s.Keys() {
		p.Keys = append(p.Keys, k.String())
	}
	if held := s.Reservation; held != nil {
		w := words.OfKeys(conf, protocol.Status{State: s})
		p.Holder, p.Node, p.Type = w.Holder, w.Node, held.Type.String()
	}
	return p
}

// idle says why a LUN would be left alone.
func (t Task) idle(run *PackageRun) string {
	switch t.Deed {
	case front.DeedHalt:
		return "nothing of this node is registered"
	case front.DeedFence:
		return t.Victim.Name + " is not registered"
	case front.DeedEvict:
		return "key " + t.Evicts.String() + " is not registered"
	case front.DeedCleanup:
		if t.Only != 0 {
			return "key " + t.Only.String() + " is not registered"
		}
		return "no registrations"
	case front.DeedCopy:
		return "it has its keys already"
	case front.DeedRepair, front.DeedReadmit:
		return "nothing is missing that " + run.Node.Name + " may register"
	}
	return "it is as it should be"
}

// showPlan prints a plan, or keeps it for the document that programs get.
func showPlan(c *front.Call, conf *cluster.Config, p *Plan) {
	if c.Flags.Bool("json") {
		c.KeepPlan(p)
		return
	}
	if len(p.LUNs) == 0 {
		return
	}
	for _, l := range p.LUNs {
		showPlanned(c, conf, &l)
	}
	c.Printf("%s, %s would be sent.\n", words.Plural(len(p.LUNs), "LUN"), words.Plural(p.Commands, "command"))
}

func showPlanned(c *front.Call, conf *cluster.Config, l *plannedLUN) {
	name := l.LUN
	if l.WWID != "" {
		name += " (" + l.WWID + ")"
	}
	c.Printf("%s, %s: %s\n", name, words.Plural(len(l.Paths), "path"), words.Holders(conf, l.before))
	if len(l.Commands) == 0 {
		c.Printf("  nothing to do: %s\n", l.Why)
		return
	}
	several := len(l.Paths) > 1 || l.Paths[0] != l.LUN
	width := 0
	for _, cmd := range l.Commands {
		width = max(width, len(cmd.Text))
	}
	for i, cmd := range l.Commands {
		if several {
			c.Printf("%3d. %-*s   path %s\n", i+1, width, cmd.Text, cmd.Path)
			continue
		}
		c.Printf("%3d. %s\n", i+1, cmd.Text)
	}
	c.Printf("  After that: %s.\n", words.Writers(conf, l.after))
}
