package reservations

import (
	"slices"
	"strings"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/session"
	"lunguard/protocol"
	"lunguard/vg"
)

// drawnGroups is vg_pr_key -g as a table or for programs.
type drawnGroups struct {
	*session.Session
	names  []string
	screen front.Screen
	every  time.Duration
	asked  bool
}

// newDrawnGroups reads the options that ask for it; nil if none does.
func newDrawnGroups(c *front.Call, set bool) (*drawnGroups, error) {
	d := &drawnGroups{asked: c.Flags.Bool(front.JSONOption)}
	var err error
	if d.every, err = c.WatchEvery(); err != nil {
		return nil, err
	}
	if d.screen, err = c.Screen(); err != nil {
		return nil, err
	}
	table := c.Flags.Bool("table") || d.every > 0
	switch {
	case !table && !d.asked:
		return nil, nil
	case set && !table && c.Flags.Bool("dry-run"):
		return nil, nil
	case set:
		return nil, front.Usagef("--table and --watch go with -g, --json with -g or --dry-run")
	case table && d.asked:
		return nil, front.Usagef("--json goes without --table and --watch")
	case c.Verbose():
		return nil, front.Usagef("-v is the vendor's form: without --table, --watch and --json")
	}
	return d, nil
}

func (d *drawnGroups) show() error {
	if d.every > 0 {
		w := front.Watcher{Call: d.Call, Screen: d.screen, Every: d.every, Look: d.look}
		return w.Run()
	}
	p, err := d.look(d.Call)
	switch {
	case err != nil:
		return err
	case d.asked:
		d.Document = newGroupDocument(p)
		return nil
	}
	return p.Table(front.Raw(d.Out), d.Style(d.screen))
}

// look reads the groups once, through every path.
func (d *drawnGroups) look(c *front.Call) (*picture.Picture, error) {
	p := &picture.Picture{Time: time.Now()}
	own := cluster.Node{}
	if d.Conf != nil {
		p.Cluster = d.Conf.Name
		// A host that is no node of the cluster may look, too.
		own, _ = session.ThisNode(c, d.Conf, d.Host)
		p.Node = own.Name
	}
	for _, name := range d.names {
		s, err := d.section(d.By(c), own, name)
		if err != nil {
			return nil, err
		}
		p.Sections = append(p.Sections, s)
	}
	p.Took, p.Errors, p.Status = time.Since(p.Time), c.Said, c.Status
	return p, nil
}

// section reads one group.
func (d *drawnGroups) section(s *session.Session, own cluster.Node, name string) (picture.Section, error) {
	o, err := s.Begin()
	if err != nil {
		return picture.Section{}, err
	}
	defer o.Close()
	group, err := s.Group(name)
	if err != nil {
		unread(s.Call, err)
		return unopened(name, "", err), nil
	}
	reports, at := o.OpenEach(s.Ctx, s.Host, group.Volumes, s.WarnErr, nil, nil)
	run := session.NewPackageRun(d.Conf, d.owner(group.Name), own, o)
	for i, rep := range run.Check(s.Ctx) {
		reports[at[i]] = rep
	}
	for _, rep := range reports {
		if rep.Unknown() {
			unread(s.Call, rep.Findings[0].Err)
		}
	}
	drawn := d.draw(group, run.Package, own, reports, at)
	for i, l := range o.LUNs {
		drawn.LUNs[at[i]].WWID = l.WWID
	}
	return drawn, nil
}

// owner is the package that the group belongs to, or one for the check to go
// by: which node may have it nobody has said then.
func (d *drawnGroups) owner(group string) *cluster.Package {
	if d.Conf != nil {
		for i := range d.Conf.Packages {
			p := &d.Conf.Packages[i]
			if slices.ContainsFunc(p.Groups, func(g string) bool { return strings.TrimPrefix(g, "/dev/") == group }) {
				return p
			}
		}
	}
	return &cluster.Package{Type: cluster.MultiNode}
}

// draw makes the section. at are the volumes that were opened. Without a
// config nothing is judged: nobody knows whose the keys are.
func (d *drawnGroups) draw(group *vg.Group, pkg *cluster.Package, own cluster.Node, reports []protocol.Report, at []int) picture.Section {
	s := picture.Section{Name: group.Name, Known: true, Nodes: columnsOf(d.Conf, pkg.Nodes, reports)}
	for i, rep := range reports {
		l := drawLUN(d.Conf, pkg, own, s.Nodes, rep)
		if !slices.Contains(at, i) {
			l.Paths, l.Working = nil, nil
		}
		if d.Conf == nil {
			l.Protected = nil
			if l.Known {
				l.Findings, l.State = nil, ""
			}
		}
		s.LUNs = append(s.LUNs, l)
	}
	return s
}

// groupDocument is what vg_pr_key -g --json prints.
type groupDocument struct {
	front.Envelope
	Cluster string         `json:"cluster"`
	Node    string         `json:"local_node"`
	Took    float64        `json:"duration_seconds"`
	Groups  []shownGroup   `json:"groups"`
	Volumes []checkedGroup `json:"volumes"`
}

type shownGroup struct {
	Group  string            `json:"group"`
	Known  bool              `json:"known"`
	LUNs   *int              `json:"volumes"`
	Errors []picture.Problem `json:"errors"`
}

type checkedGroup struct {
	Group string `json:"group"`
	picture.LUN
}

func newGroupDocument(p *picture.Picture) *groupDocument {
	d := &groupDocument{Cluster: p.Cluster, Node: p.Node, Took: p.Took.Seconds(), Groups: []shownGroup{}, Volumes: []checkedGroup{}}
	for i := range p.Sections {
		s := &p.Sections[i]
		g := shownGroup{Group: s.Name, Known: s.AllKnown(), Errors: []picture.Problem{}}
		if s.Known {
			n := len(s.LUNs)
			g.LUNs = &n
		} else {
			g.Errors = append(g.Errors, s.Trouble...)
		}
		d.Groups = append(d.Groups, g)
		for _, l := range linesOf(s) {
			d.Volumes = append(d.Volumes, checkedGroup{s.Name, l})
		}
	}
	return d
}
