package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"lunguard/scsi"
)

// Limits of the vendor's files.
const (
	maxName    = 39
	maxLine    = 64<<10 - 1
	maxNodes   = 16
	maxConfig  = 16 << 20
	wildcard   = "*"
	tagBits    = 16
	nodeIDBits = 16
)

// LoadConfig reads and checks a config file. Errors: *os.PathError, or a join
// of *ConfigError, one for each fault in the file.
func LoadConfig(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseConfig(f, path)
}

// ParseConfig reads and checks a config. name stands in its errors, which are
// a join of *ConfigError, one for each fault.
func ParseConfig(r io.Reader, name string) (*Config, error) {
	p := &parser{config: &Config{Path: name}}
	whole := &io.LimitedReader{R: r, N: maxConfig + 1}
	lines := bufio.NewScanner(whole)
	lines.Buffer(nil, maxLine+1)
	for lines.Scan() {
		p.line++
		p.parse(lines.Text())
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		p.line++
		p.fail("", fmt.Sprintf("a line of at most %d characters was expected", maxLine))
	case err != nil:
		var unread *os.PathError
		if !errors.As(err, &unread) {
			unread = &os.PathError{Op: "read", Path: name, Err: err}
		}
		return nil, unread
	case whole.N == 0:
		p.failAt(0, "", fmt.Sprintf("a file of at most %d bytes was expected", maxConfig))
	default:
		p.finish()
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.config, nil
}

// parser holds a config that is being read, with the line at which each thing
// was named, for errors that show only at the end.
type parser struct {
	config *Config
	line   int
	errs   []error
	// nodes and packages run beside those of config.
	nodes    []nodeLines
	packages []packageLines
}

type nodeLines struct {
	name, id, key int
}

type packageLines struct {
	name, typ int
	nodes     []int
	groups    []int
	volumes   []int
}

func (p *parser) fail(word, expected string) { p.failAt(p.line, word, expected) }

func (p *parser) failAt(line int, word, expected string) {
	p.errs = append(p.errs, &ConfigError{File: p.config.Path, Line: line, Word: word, Expected: expected})
}

// parse takes one line: PARAMETER value, or nothing, or a comment.
func (p *parser) parse(line string) {
	words := strings.Fields(uncomment(line))
	if len(words) == 0 {
		return
	}
	name := strings.ToLower(words[0])
	if len(words) != 2 {
		p.fail(words[0], fmt.Sprintf("one value was expected behind it, not %d", len(words)-1))
		return
	}
	value := words[1]
	inPackage := len(p.config.Packages) > 0
	switch {
	case name == "package_name":
		p.startPackage(value)
	case inPackage:
		p.packageParameter(words[0], name, value)
	case name == "node_name":
		p.startNode(value)
	case name == "cluster_name":
		p.clusterName(value)
	case name == "cluster_pr_tag":
		p.tag(value)
	case name == "node_id", name == "node_pr_key":
		p.nodeParameter(words[0], name, value)
	case slices.Contains(packageParameters(), name):
		p.fail(words[0], "a package_name line was expected before it")
	default:
		p.fail(words[0], "unknown parameter; CLUSTER_NAME, CLUSTER_PR_TAG, NODE_NAME, NODE_ID, NODE_PR_KEY or package_name was expected")
	}
}

// uncomment cuts a comment: # at the start of a line or behind a blank.
func uncomment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

func packageParameters() []string { return []string{"package_type", "vg", "pv"} }

func (p *parser) clusterName(value string) {
	if p.config.Name != "" {
		p.fail(value, "the cluster has a name already, "+p.config.Name)
		return
	}
	p.config.Name = value
}

func (p *parser) tag(value string) {
	v, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(value), "0x"), 16, tagBits)
	switch {
	case err != nil || v == 0:
		p.fail(value, "1 to 4 hexadecimal digits were expected, not zero")
	case p.config.Tag != 0:
		p.fail(value, fmt.Sprintf("the cluster has a tag already, %#x", p.config.Tag))
	default:
		p.config.Tag = uint16(v)
	}
}

func (p *parser) startNode(value string) {
	if why := badName(value); why != "" {
		p.fail(value, why)
	}
	if at := slices.IndexFunc(p.config.Nodes, func(n Node) bool { return n.Name == value }); at >= 0 {
		p.fail(value, fmt.Sprintf("another node was expected, this one is in line %d", p.nodes[at].name))
	}
	p.config.Nodes = append(p.config.Nodes, Node{Name: value})
	p.nodes = append(p.nodes, nodeLines{name: p.line})
}

// badName says what is wrong with the name of a node or package.
func badName(name string) string {
	if len(name) > maxName {
		return fmt.Sprintf("at most %d characters were expected, not %d", maxName, len(name))
	}
	for i, c := range name {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		edge := i == 0 || i == len(name)-1
		if !alnum && (edge || !strings.ContainsRune(".-_", c)) {
			return "letters and digits, and . - _ between them, were expected"
		}
	}
	return ""
}

func (p *parser) nodeParameter(word, name, value string) {
	if len(p.config.Nodes) == 0 {
		p.fail(word, "a NODE_NAME line was expected before it")
		return
	}
	last := len(p.config.Nodes) - 1
	node, lines := &p.config.Nodes[last], &p.nodes[last]
	if lines.id != 0 || lines.key != 0 {
		p.fail(word, fmt.Sprintf("node %s has a NODE_ID or NODE_PR_KEY already, in line %d", node.Name, max(lines.id, lines.key)))
		return
	}
	if name == "node_id" {
		lines.id = p.line
		v, err := strconv.ParseUint(value, 10, nodeIDBits)
		if err != nil || v == 0 {
			p.fail(value, "a number from 1 to 65535 was expected")
			return
		}
		node.ID = uint16(v)
		return
	}
	lines.key = p.line
	key, err := scsi.ParseKey(value)
	switch {
	case err != nil:
		p.fail(value, "a key of 1 to 16 hexadecimal digits was expected, not zero")
	case key&LeavingBit != 0:
		p.fail(value, "a key below 8000000000000000 was expected, its highest bit marks nodes that are leaving")
	default:
		node.Key = key
	}
}

func (p *parser) startPackage(value string) {
	if why := badName(value); why != "" {
		p.fail(value, why)
	}
	if at := slices.IndexFunc(p.config.Packages, func(q Package) bool { return q.Name == value }); at >= 0 {
		p.fail(value, fmt.Sprintf("another package was expected, this one is in line %d", p.packages[at].name))
	}
	p.config.Packages = append(p.config.Packages, Package{Name: value, Type: Failover})
	p.packages = append(p.packages, packageLines{name: p.line})
}

func (p *parser) packageParameter(word, name, value string) {
	last := len(p.config.Packages) - 1
	pkg, lines := &p.config.Packages[last], &p.packages[last]
	switch name {
	case "package_type":
		if lines.typ != 0 {
			p.fail(value, fmt.Sprintf("package %s has a type already, in line %d", pkg.Name, lines.typ))
		}
		lines.typ = p.line
		switch t := PackageType(strings.ToLower(value)); t {
		case Failover, MultiNode, SystemMultiNode:
			pkg.Type = t
		default:
			p.fail(value, "failover, multi_node or system_multi_node was expected")
		}
	case "node_name":
		if slices.Contains(pkg.Nodes, value) {
			p.fail(value, "another node was expected, the package lists this one already")
		}
		pkg.Nodes, lines.nodes = append(pkg.Nodes, value), append(lines.nodes, p.line)
	case "vg":
		group := strings.TrimPrefix(value, "/dev/")
		if group == "" || strings.Contains(group, "/") || strings.HasPrefix(group, "-") {
			p.fail(value, "the name of a volume group was expected, VG or /dev/VG")
		}
		pkg.Groups, lines.groups = append(pkg.Groups, group), append(lines.groups, p.line)
	case "pv":
		if !strings.HasPrefix(value, "/") {
			p.fail(value, "the full name of a device was expected, /dev/...")
		}
		pkg.Volumes, lines.volumes = append(pkg.Volumes, value), append(lines.volumes, p.line)
	default:
		p.fail(word, "unknown parameter; package_type, node_name, vg, pv or package_name was expected")
	}
}

// finish checks what can be told only when everything has been read.
func (p *parser) finish() {
	c := p.config
	if len(c.Nodes) == 0 {
		p.failAt(0, "", "at least one NODE_NAME line was expected")
	}
	if len(c.Nodes) > maxNodes {
		p.failAt(p.nodes[maxNodes].name, c.Nodes[maxNodes].Name, fmt.Sprintf("at most %d nodes were expected", maxNodes))
	}
	p.finishKeys()
	p.finishPackages()
}

func (p *parser) finishKeys() {
	c := p.config
	for i := range c.Nodes {
		n, at := &c.Nodes[i], p.nodes[i]
		switch {
		case at.id == 0 && at.key == 0:
			p.failAt(at.name, n.Name, "a NODE_ID or NODE_PR_KEY line was expected for this node")
		case n.ID != 0 && c.Tag == 0:
			p.failAt(at.id, "NODE_ID", "a CLUSTER_PR_TAG line was expected with it, or NODE_PR_KEY in its place")
		case n.ID != 0:
			n.Key = scsi.Key(c.Tag)<<nodeIDBits | scsi.Key(n.ID)
		}
		for j := range i {
			if n.Key != 0 && n.Key == c.Nodes[j].Key {
				p.failAt(max(at.id, at.key), n.Key.String(), fmt.Sprintf("a key of its own was expected for node %s, node %s has this one", n.Name, c.Nodes[j].Name))
			}
		}
	}
}

func (p *parser) finishPackages() {
	owner := map[string]int{}
	for i := range p.config.Packages {
		pkg, at := &p.config.Packages[i], p.packages[i]
		if len(pkg.Nodes) == 0 || len(pkg.Nodes) == 1 && pkg.Nodes[0] == wildcard {
			pkg.Nodes = nil
			for _, n := range p.config.Nodes {
				pkg.Nodes = append(pkg.Nodes, n.Name)
			}
		} else {
			for j, name := range pkg.Nodes {
				if _, err := p.config.Node(name); err != nil {
					p.failAt(at.nodes[j], name, "the name of a node in this file was expected")
				}
			}
		}
		for j, g := range pkg.Groups {
			p.own(owner, i, "vg "+g, g, at.groups[j])
		}
		for j, v := range pkg.Volumes {
			p.own(owner, i, "pv "+v, v, at.volumes[j])
		}
	}
}

// own refuses a thing that two packages own: halting one would take the
// other's protection away.
func (p *parser) own(owner map[string]int, pkg int, thing, word string, line int) {
	if first, taken := owner[thing]; taken {
		p.failAt(line, word, "it belongs to package "+p.config.Packages[first].Name+" already")
		return
	}
	owner[thing] = pkg
}
