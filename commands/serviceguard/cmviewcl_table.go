package serviceguard

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/front"
)

// viewTable prints the sections for people: packages stand under the node that
// has them, those of several nodes and those of none at the end.
type viewTable struct {
	w       io.Writer
	verbose bool
	// nodeStatus is that of a node by itself, whether it has a package or not.
	nodeStatus func(node string) string
	// begun says that something was printed, so that a blank line follows.
	begun bool
}

// Indents of the sections.
const (
	indentNode    = "  "
	indentPackage = "    "
	indentDetail  = "      "
)

func (t *viewTable) print(s portraits) {
	if s.cluster != nil {
		t.section("", [][]string{
			{"CLUSTER", "STATUS"},
			{orNone(s.cluster.get("name")), orNone(s.cluster.get("status"))},
		})
		if t.verbose {
			t.attributes(indentNode, "Reservation_Attributes:", s.cluster, "cluster_pr_mode")
		}
	}
	owned := map[string][]*object{}
	var shared, unowned []*object
	nodes := map[string]bool{}
	for _, n := range s.nodes {
		nodes[n.name] = true
	}
	for _, p := range s.packages {
		switch owner := p.get("owner"); {
		case p.get("type") != string(cluster.Failover):
			shared = append(shared, p)
		case nodes[owner]:
			owned[owner] = append(owned[owner], p)
		default:
			unowned = append(unowned, p)
		}
	}
	for _, n := range s.nodes {
		t.section(indentNode, [][]string{{"NODE", "STATUS", "STATE"}, row(n, "name", "status", "state")})
		if t.verbose {
			t.attributes(indentPackage, "Reservation_Attributes:", n, "node_pr_key")
		}
		t.packages(owned[n.name])
	}
	if len(unowned) > 0 && len(s.nodes) > 0 {
		t.line("", "UNOWNED_PACKAGES")
	}
	t.packages(unowned)
	if len(shared) > 0 {
		t.line("", "MULTI_NODE_PACKAGES")
		t.shared(shared)
	}
}

// row are the values of some attributes.
func row(o *object, names ...string) []string {
	cells := make([]string, len(names))
	for i, n := range names {
		cells[i] = orNone(o.get(n))
	}
	return cells
}

// orNone fills a cell of which nothing is known, or was asked.
func orNone(cell string) string {
	if cell == "" {
		return "-"
	}
	return cell
}

// packages prints failover packages.
func (t *viewTable) packages(list []*object) {
	if len(list) == 0 {
		return
	}
	header := []string{"PACKAGE", "STATUS", "STATE", "AUTO_RUN", "NODE"}
	if !t.verbose {
		rows := [][]string{header}
		for _, p := range list {
			rows = append(rows, row(p, "name", "status", "state", "autorun", "owner"))
		}
		t.section(indentPackage, rows)
		return
	}
	for _, p := range list {
		t.section(indentPackage, [][]string{header, row(p, "name", "status", "state", "autorun", "owner")})
		t.detail(indentDetail, "Policy_Parameters:", [][]string{
			{"POLICY_NAME", "CONFIGURED_VALUE"},
			{"Failover", orNone(p.get("failover_policy"))},
			{"Failback", orNone(p.get("failback_policy"))},
		})
		t.scripts(p)
		rows := [][]string{{"NODE_TYPE", "STATUS", "SWITCHING", "NAME"}}
		typ := "Primary"
		for _, n := range p.objects {
			if n.kind != kindNode {
				continue
			}
			cells := append([]string{typ, t.nodeStatus(n.name)}, row(n, "switching", "name")...)
			if n.name == p.get("owner") {
				cells[len(cells)-1] += " (current)"
			}
			rows, typ = append(rows, cells), "Alternate"
		}
		t.detail(indentDetail, "Node_Switching_Parameters:", rows)
		t.details(p)
	}
}

// shared prints packages that run on several nodes.
func (t *viewTable) shared(list []*object) {
	for i, p := range list {
		system := "no"
		if p.get("type") == string(cluster.SystemMultiNode) {
			system = "yes"
		}
		rows := [][]string{append(row(p, "name", "status", "state", "autorun"), system)}
		if i == 0 || t.verbose {
			rows = append([][]string{{"PACKAGE", "STATUS", "STATE", "AUTO_RUN", "SYSTEM"}}, rows...)
		}
		t.section(indentPackage, rows)
		rows = [][]string{{"NODE_NAME", "STATUS", "STATE", "SWITCHING"}}
		for _, n := range p.objects {
			if n.kind == kindNode {
				rows = append(rows, row(n, "name", "status", "state", "switching"))
			}
		}
		t.section(indentDetail, rows)
		if t.verbose {
			t.scripts(p)
			t.details(p)
		}
	}
}

// scripts prints what is watched of a package, in the vendor's columns. A cell is empty
// if nobody here can tell: a reader for whom all but up is a fault passes over the row.
func (t *viewTable) scripts(p *object) {
	rows := [][]string{{"ITEM", "STATUS", "MAX_RESTARTS", "RESTARTS", "NAME"}}
	for _, in := range p.objects {
		switch in.kind {
		case "service_name":
			limit := strings.ToLower(cmp.Or(in.get("service_restart"), "0"))
			if limit == "none" {
				limit = "0"
			}
			rows = append(rows, []string{"Service", in.get("status"), limit, orNone(in.get("restarts")), in.name})
		case "ip_subnet", "monitored_subnet", "subnet":
			rows = append(rows, []string{"Subnet", "", "", "", in.name})
		}
	}
	if len(rows) > 1 {
		t.detail(indentDetail, "Script_Parameters:", rows)
	}
}

// details prints what both sorts of packages have with -v, in the vendor's section and
// in ours.
func (t *viewTable) details(p *object) {
	t.attributes(indentDetail, "Other_Attributes:", p, "Style", "Priority")
	rows := [][]string{{"PART", "NAME", "COMMAND_OR_PLACE"}}
	for _, in := range p.objects {
		switch in.kind {
		case "service_name":
			rows = append(rows, []string{"Service", in.name, orNone(in.get("service_cmd"))})
		case "vg", "pv":
			rows = append(rows, []string{strings.ToUpper(in.kind), in.name, ""})
		case "fs_name":
			rows = append(rows, []string{"File_System", in.name, orNone(in.get("fs_directory"))})
		case "external_script", "external_pre_script":
			rows = append(rows, []string{"Script", in.name, ""})
		}
	}
	if len(rows) > 1 {
		t.detail(indentDetail, "Package_Parts:", rows)
	}
	t.attributes(indentDetail, "Reservation_Attributes:", p, "summary", "pkg_pr_mode")
}

// attributes prints some attributes of an object.
func (t *viewTable) attributes(indent, title string, o *object, names ...string) {
	rows := [][]string{{"ATTRIBUTE_NAME", "ATTRIBUTE_VALUE"}}
	for _, n := range names {
		if v := o.get(strings.ToLower(n)); v != "" {
			rows = append(rows, []string{n, v})
		}
	}
	if len(rows) > 1 {
		t.detail(indent, title, rows)
	}
}

// line prints a title by itself.
func (t *viewTable) line(indent, title string) {
	if t.begun {
		fmt.Fprintln(t.w)
	}
	t.begun = true
	fmt.Fprintln(t.w, indent+title)
}

// section prints a table behind a blank line, the first row is the header.
func (t *viewTable) section(indent string, rows [][]string) {
	if t.begun {
		fmt.Fprintln(t.w)
	}
	t.begun = true
	t.rows(indent, rows)
}

// detail prints a table with a title.
func (t *viewTable) detail(indent, title string, rows [][]string) {
	t.line(indent, title)
	t.rows(indent, rows)
}

func (t *viewTable) rows(indent string, rows [][]string) {
	var b bytes.Buffer
	table := front.NewTable(&b, rows[0]...)
	table.AppendBulk(rows[1:])
	table.Render()
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(t.w, indent+strings.TrimRight(line, " \n"))
	}
}
