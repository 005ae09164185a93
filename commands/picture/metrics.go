package picture

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// metric is one family of samples in the text format of Prometheus.
type metric struct {
	name, help string
	samples    []sample
}

type sample struct {
	// labels are pairs of name and value.
	labels []string
	value  float64
}

func (m *metric) add(value float64, labels ...string) {
	m.samples = append(m.samples, sample{labels, value})
}

func (m *metric) flag(value bool, labels ...string) {
	n := 0.0
	if value {
		n = 1
	}
	m.add(n, labels...)
}

// number adds a sample unless its value is unknown.
func (m *metric) number(value *int, labels ...string) {
	if value != nil {
		m.add(float64(*value), labels...)
	}
}

// labelEscapes are those of the values of labels.
func labelEscapes() *strings.Replacer {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
}

func (m *metric) write(b *bytes.Buffer, escape *strings.Replacer) {
	if len(m.samples) == 0 {
		return
	}
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
	for _, s := range m.samples {
		b.WriteString(m.name)
		for i := 0; i < len(s.labels); i += 2 {
			b.WriteString([]string{"{", ","}[min(i, 1)] + s.labels[i] + `="` + escape.Replace(Printable(s.labels[i+1])) + `"`)
		}
		if len(s.labels) > 0 {
			b.WriteByte('}')
		}
		b.WriteString(" " + strconv.FormatFloat(s.value, 'f', -1, 64) + "\n")
	}
}

// families are the metrics, in the order in which they are written.
type families struct {
	stamp, took, status, node, packages                 metric
	packageKnown, packageProtected, packageLUNs         metric
	packageState, packageStarted, state                 metric
	known, protected, paths, working, registered        metric
	registrations, ofNode, holder, findings, generation metric
	info, nexus                                         metric
}

func newFamilies() *families {
	return &families{
		stamp:            metric{name: "lunguard_last_run_timestamp_seconds", help: "When pr_check last began to read the LUNs."},
		took:             metric{name: "lunguard_last_run_duration_seconds", help: "How long the reading took."},
		status:           metric{name: "lunguard_last_run_exit_status", help: "Exit status: 0 all is well, 1 something is wrong, 2 the state of a LUN is unknown."},
		node:             metric{name: "lunguard_node_info", help: "The node that looked."},
		packages:         metric{name: "lunguard_packages", help: "Packages that were looked at."},
		packageKnown:     metric{name: "lunguard_package_known", help: "1 if every LUN of the package could be found and read."},
		packageProtected: metric{name: "lunguard_package_protected", help: "1 if every LUN of the package is known to be protected; 0 also if that is unknown."},
		packageLUNs:      metric{name: "lunguard_package_luns", help: "LUNs of the package."},
		packageState:     metric{name: "lunguard_package_state", help: "1: the condition of the package: up, down, degraded, changing, failed, unprotected, unknown."},
		packageStarted:   metric{name: "lunguard_package_started_here", help: "1 if the package was started on this node since it was booted and not halted since, by what this node has written down."},
		state:            metric{name: "lunguard_lun_state", help: "1: the condition of the LUN: up, down, degraded, changing, failed, unprotected, unknown."},
		known:            metric{name: "lunguard_lun_known", help: "1 if the state of the LUN could be read."},
		protected:        metric{name: "lunguard_lun_protected", help: "1 if the LUN is known to be protected; 0 also if that is unknown."},
		paths:            metric{name: "lunguard_lun_paths_expected", help: "Paths of this node to the LUN."},
		working:          metric{name: "lunguard_lun_paths_working", help: "Paths of this node that answer."},
		registered:       metric{name: "lunguard_lun_paths_registered", help: "Registrations with this node's key; absent if unknown."},
		registrations:    metric{name: "lunguard_lun_registrations", help: "Registrations of anybody; absent if unknown."},
		ofNode:           metric{name: "lunguard_lun_node_registrations", help: "Registrations with the key of a node; absent if unknown."},
		holder:           metric{name: "lunguard_lun_holder_info", help: "Who holds the reservation; absent if nobody does, or if unknown."},
		findings:         metric{name: "lunguard_lun_findings", help: "Findings by kind."},
		info:             metric{name: "lunguard_lun_info", help: "The name of the LUN that is the same on all hosts."},
		nexus:            metric{name: "lunguard_lun_registration_info", help: "Who is registered: key, node, initiator and port of the device; absent if unknown."},
		generation:       metric{name: "lunguard_lun_generation", help: "PRGENERATION, which wraps at 4294967295; absent if unknown."},
	}
}

func (f *families) all() []*metric {
	return []*metric{
		&f.stamp, &f.took, &f.status, &f.node, &f.packages,
		&f.packageKnown, &f.packageProtected, &f.packageLUNs, &f.packageState, &f.packageStarted,
		&f.state, &f.known, &f.protected, &f.paths, &f.working, &f.registered,
		&f.registrations, &f.ofNode, &f.holder, &f.findings, &f.generation, &f.info, &f.nexus,
	}
}

// Metrics writes the picture in the text format that the textfile collector
// of node_exporter reads. A value that is unknown has no sample, except that
// nothing unknown is protected.
func (p *Picture) Metrics(w io.Writer) error {
	f := newFamilies()
	f.stamp.add(float64(p.Time.UnixMilli()) / 1000)
	f.took.add(p.Took.Seconds())
	f.status.add(float64(p.Status))
	if p.Node != "" {
		f.node.add(1, "cluster", p.Cluster, "node", p.Node)
	}
	f.packages.add(float64(len(p.Sections)))
	for i := range p.Sections {
		s := &p.Sections[i]
		f.packageKnown.flag(s.AllKnown(), "package", s.Name)
		f.packageProtected.flag(s.Protected(), "package", s.Name)
		if s.State != "" {
			f.packageState.add(1, "package", s.Name, "state", s.State)
			f.packageStarted.flag(s.StartedBy != "", "package", s.Name)
		}
		if s.Known {
			f.packageLUNs.add(float64(len(s.LUNs)), "package", s.Name)
		}
		for j := range s.LUNs {
			f.lun(&s.LUNs[j], p.Node, "package", s.Name, "lun", s.LUNs[j].Name)
		}
	}
	var b bytes.Buffer
	escape := labelEscapes()
	for _, m := range f.all() {
		m.write(&b, escape)
	}
	_, err := b.WriteTo(w)
	return err
}

// lun adds the samples of one LUN.
func (f *families) lun(l *LUN, own string, labels ...string) {
	with := func(more ...string) []string { return append(labels[:len(labels):len(labels)], more...) }
	if l.State != "" {
		f.state.add(1, with("state", l.State)...)
	}
	if l.WWID != "" {
		f.info.add(1, with("wwid", l.WWID)...)
	}
	f.known.flag(l.Known, labels...)
	f.protected.flag(l.protected(), labels...)
	f.paths.number(l.Paths, labels...)
	f.working.number(l.Working, labels...)
	kinds, counts := []string(nil), map[string]float64{}
	for _, x := range l.Findings {
		if counts[x.Kind] == 0 {
			kinds = append(kinds, x.Kind)
		}
		counts[x.Kind]++
	}
	for _, k := range kinds {
		f.findings.add(counts[k], with("kind", k)...)
	}
	if !l.Known {
		return
	}
	f.registrations.number(l.Registrations, labels...)
	for _, n := range l.Nodes {
		f.ofNode.number(n.Registered, with("node", n.Node)...)
		if n.Node == own {
			f.registered.number(n.Registered, labels...)
		}
	}
	if l.Reserved != nil && *l.Reserved {
		f.holder.add(1, with("node", l.HolderNode, "key", l.Holder, "type", l.Type)...)
	}
	seen := map[[3]string]bool{}
	for _, x := range l.Nexuses {
		port := ""
		if x.Port != nil {
			port = strconv.Itoa(int(*x.Port))
		}
		// A device may list a nexus twice, and a sample stands once.
		if one := [3]string{x.Key, x.Initiator, port}; !seen[one] {
			seen[one] = true
			f.nexus.add(1, with("key", x.Key, "node", x.Node, "initiator", x.Initiator, "port", port)...)
		}
	}
	if l.Generation != nil {
		f.generation.add(float64(*l.Generation), labels...)
	}
}
