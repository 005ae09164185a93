package serviceguard

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/front"
)

// portraits are the objects that a request shows.
type portraits struct {
	// cluster is nil if it is not shown.
	cluster  *object
	nodes    []*object
	packages []*object
}

// printView prints what was asked for.
func printView(c *front.Call, req *viewRequest, p *portrait) error {
	shown := p.pick(req)
	w := bufio.NewWriter(c.Out)
	switch req.format {
	case formatLine:
		shown.lines(w, req)
	case formatJSON:
		c.Document = front.Tree(shown.tree())
	default:
		t := viewTable{w: w, verbose: req.verbose, nodeStatus: p.nodeStatus}
		t.print(shown)
	}
	return w.Flush()
}

// pick makes the objects that the request is for.
func (p *portrait) pick(req *viewRequest) portraits {
	var s portraits
	if req.level == levelNone {
		return s
	}
	if req.level == levelCluster || req.level == levelAll && len(req.nodes)+len(req.packages) == 0 {
		s.cluster = p.cluster()
	}
	if req.level == levelNode || req.level == levelAll && len(req.packages) == 0 {
		for _, n := range p.conf.Nodes {
			if len(req.nodes) == 0 || slices.Contains(req.nodes, n.Name) {
				s.nodes = append(s.nodes, p.node(n))
			}
		}
	}
	if req.level == levelPackage || req.level == levelAll {
		for i := range p.conf.Packages {
			if pkg := &p.conf.Packages[i]; p.wanted(req, pkg) {
				s.packages = append(s.packages, p.pkg(pkg))
			}
		}
	}
	return s
}

// wanted reports whether a package is shown: it was named, or is up on a node
// that was. One of which that cannot be told is not left out.
func (p *portrait) wanted(req *viewRequest, pkg *cluster.Package) bool {
	switch {
	case len(req.packages) > 0:
		return slices.Contains(req.packages, pkg.Name)
	case len(req.nodes) == 0:
		return true
	case !p.live:
		return slices.ContainsFunc(req.nodes, pkg.RunsOn)
	}
	return slices.ContainsFunc(p.views[pkg.Name].Nodes, func(n cluster.NodeView) bool {
		return n.Status != cluster.StatusDown && slices.Contains(req.nodes, n.Node)
	})
}

// lines prints one attribute a line. The one node or package that the command
// line names is not named again.
func (s *portraits) lines(w io.Writer, req *viewRequest) {
	if s.cluster != nil {
		s.cluster.lines(w, "")
	}
	for _, n := range s.nodes {
		n.lines(w, n.prefix(len(s.nodes) == 1 && len(req.nodes) > 0))
	}
	for _, p := range s.packages {
		p.lines(w, p.prefix(len(s.packages) == 1 && len(req.packages) > 0))
		if mode := p.get("pkg_pr_mode"); p.name == req.operand && mode != "" {
			fmt.Fprintf(w, "%s\n", shellAssignment("PKG_PR_MODE", mode))
		}
	}
}

// prefix stands before the attributes of an object.
func (o *object) prefix(named bool) string {
	if named {
		return ""
	}
	return o.kind + ":" + oneLine(o.name) + "|"
}

func (o *object) lines(w io.Writer, prefix string) {
	for _, a := range o.attributes {
		fmt.Fprintf(w, "%s%s=%s\n", prefix, a.name, oneLine(a.value))
	}
	for _, in := range o.objects {
		in.lines(w, prefix+in.prefix(false))
	}
}

// oneLine keeps a value on its line. Everything else stands as it is, | as
// well: whoever reads line by line splits at the first =.
func oneLine(value string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(value)
}

// tree is the output for programs: attributes are texts, objects of a kind are
// a list.
func (s *portraits) tree() map[string]any {
	root := object{}
	if s.cluster != nil {
		root = *s.cluster
	}
	root.objects = slices.Concat(root.objects, s.nodes, s.packages)
	return root.tree()
}

func (o *object) tree() map[string]any {
	t := map[string]any{}
	for _, a := range o.attributes {
		t[a.name] = a.value
	}
	for _, in := range o.objects {
		list, _ := t[in.kind].([]map[string]any)
		t[in.kind] = append(list, in.tree())
	}
	return t
}
