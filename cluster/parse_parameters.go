package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lunguard/pr"
	"lunguard/protocol"
)

// clusterParameter acts on those parameters of the cluster that concern
// reservations.
func (p *parser) clusterParameter(name, value string) {
	switch name {
	case "cluster_name":
		p.clusterName(value)
	case "cluster_pr_tag":
		p.tag(value)
	case "forced_pr_disable":
		p.config.PRDisabled = strings.EqualFold(value, "yes")
	case "retired_node_id":
		p.retired(value)
	case "retired_node_pr_key":
		p.retiredKey(value)
	}
}

// retired takes the id of a node that was removed: NAME=ID.
func (p *parser) retired(value string) {
	name, id, _ := strings.Cut(value, "=")
	n, err := strconv.ParseUint(id, 10, nodeIDBits)
	if err != nil || n == 0 || badName(name) != "" {
		p.fail(value, "the name of a node, = and a number from 1 to 65535 were expected")
		return
	}
	p.config.Retired = append(p.config.Retired, RetiredNode{Name: name, ID: uint16(n), at: p.at})
}

// retiredKey takes the key of a node that was removed: NAME=KEY.
func (p *parser) retiredKey(value string) {
	name, text, _ := strings.Cut(value, "=")
	key, err := pr.ParseKey(text)
	if err != nil || badName(name) != "" {
		p.fail(value, "the name of a node, = and a key of 1 to 16 hexadecimal digits were expected")
		return
	}
	p.config.Retired = append(p.config.Retired, RetiredNode{Name: name, Key: key, at: p.at})
}

func (p *parser) clusterName(value string) {
	if p.config.Name != "" {
		p.fail(value, "the cluster has a name already, "+p.config.Name)
		return
	}
	p.config.Name = value
}

// hexTag reads the value of CLUSTER_PR_TAG.
func hexTag(value string) (uint16, error) {
	v, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(value), "0x"), 16, tagBits)
	if err == nil && v == 0 {
		err = strconv.ErrRange
	}
	return uint16(v), err
}

func (p *parser) tag(value string) {
	v, err := hexTag(value)
	switch {
	case err != nil:
		p.fail(value, "1 to 4 hexadecimal digits were expected, not zero")
	case p.config.Tag != 0:
		p.fail(value, fmt.Sprintf("the cluster has a tag already, %#x", p.config.Tag))
	default:
		p.config.Tag = v
	}
}

func (p *parser) startNode(value string) {
	if why := badName(value); why != "" {
		p.fail(value, why)
	}
	if at, twice := p.nodeAt[value]; twice {
		p.fail(value, "another node was expected, this one is in "+p.where(at))
	} else {
		p.nodeAt[value] = p.at
	}
	p.config.Nodes = append(p.config.Nodes, Node{Name: value})
	p.nodes = append(p.nodes, nodeLines{name: p.at})
	p.inNode, p.inBlock = map[string]Position{}, map[string]Position{}
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

// nodeParameter takes a parameter of the present node.
func (p *parser) nodeParameter(given, name, value string, f form, setting Setting) {
	if len(p.config.Nodes) == 0 {
		p.fail(given, "a NODE_NAME line was expected before it")
		return
	}
	p.once(given, name, f, p.inNode, "node "+p.config.Nodes[len(p.config.Nodes)-1].Name)
	p.keepInNode(setting)
	switch name {
	case "node_id", "node_pr_key":
		p.nodeKey(given, name, value)
	case hostIDParameter:
		takeHostID(p, value)
	}
}

// hostIDParameter is by what NVMe namespaces know a node.
const hostIDParameter = "node_nvme_hostid"

// takeHostID takes the NVMe host identifier of the present node.
func takeHostID(p *parser, value string) {
	id, ok := PlainHostID(value)
	if !ok {
		p.fail(value, "a host identifier was expected, as in /etc/nvme/hostid: 32 hexadecimal digits, or 16, not all zero")
		return
	}
	for _, n := range p.config.Nodes[:len(p.config.Nodes)-1] {
		if n.HostID() == id {
			p.fail(value, "a host identifier of its own was expected, node "+n.Name+" has this one: to a namespace the two are one host")
		}
	}
}

// PlainHostID are the digits of an NVMe host identifier, in lower case and without the
// dashes of a UUID. Not ok for what is none: another number of digits, or zeros.
func PlainHostID(text string) (id string, ok bool) {
	id = strings.ToLower(strings.ReplaceAll(text, "-", ""))
	digits := strings.Trim(id, "0123456789abcdef") == "" && (len(id) == 16 || len(id) == 32)
	return id, digits && strings.Trim(id, "0") != ""
}

// keepInNode keeps a setting of the present node.
func (p *parser) keepInNode(s Setting) {
	node := &p.config.Nodes[len(p.config.Nodes)-1]
	node.Settings = append(node.Settings, s)
}

// nodeKey takes the key of the present node, or the id that gives it.
func (p *parser) nodeKey(given, name, value string) {
	last := len(p.config.Nodes) - 1
	node, lines := &p.config.Nodes[last], &p.nodes[last]
	for _, at := range []Position{lines.id, lines.key} {
		if at.given() {
			p.fail(given, fmt.Sprintf("node %s has a NODE_ID or NODE_PR_KEY already, in %s", node.Name, p.where(at)))
			return
		}
	}
	if name == "node_id" {
		lines.id = p.at
		v, err := strconv.ParseUint(value, 10, nodeIDBits)
		if err != nil || v == 0 {
			p.fail(value, "a number from 1 to 65535 was expected")
			return
		}
		node.ID = uint16(v)
		return
	}
	lines.key = p.at
	key, err := pr.ParseKey(value)
	switch {
	case err != nil:
		p.fail(value, "a key of 1 to 16 hexadecimal digits was expected, not zero")
	case key&protocol.Marks != 0:
		p.fail(value, "a key below 4000000000000000 was expected, its two highest bits mark nodes that are leaving or taking")
	default:
		node.Key = key
	}
}

func (p *parser) startPackage(value string) {
	if why := badName(value); why != "" {
		p.fail(value, why)
	}
	if at, twice := p.packageAt[value]; twice {
		p.fail(value, "another package was expected, this one is in "+p.where(at))
	} else {
		p.packageAt[value] = p.at
	}
	p.config.Packages = append(p.config.Packages, Package{Name: value, Type: Failover})
	p.packages = append(p.packages, packageLines{name: p.at})
	p.inPackage, p.inBlock = map[string]Position{}, map[string]Position{}
}

// packageParameter acts on those parameters of the present package that
// concern reservations.
func (p *parser) packageParameter(given, name, value string) {
	last := len(p.config.Packages) - 1
	pkg, lines := &p.config.Packages[last], &p.packages[last]
	switch name {
	case "package_type":
		if lines.typ.given() {
			p.fail(value, fmt.Sprintf("package %s has a type already, in %s", pkg.Name, p.where(lines.typ)))
		}
		lines.typ = p.at
		switch t := PackageType(strings.ToLower(value)); t {
		case Failover, MultiNode, SystemMultiNode:
			pkg.Type = t
		default:
			p.fail(value, "failover, multi_node or system_multi_node was expected")
		}
	case "node_name":
		// Of more than a cluster can have one is wrong in any case.
		if len(pkg.Nodes) <= protocol.MaxMembers && slices.Contains(pkg.Nodes, value) {
			p.fail(value, "another node was expected, the package lists this one already")
		}
		pkg.Nodes, lines.nodes = append(pkg.Nodes, value), append(lines.nodes, p.at)
	case "module_name":
		if isStandard(value) {
			return
		}
		if near := Nearest(strings.ToLower(value), moduleNames()); near != "" {
			p.failNear(value, "the name of a module was expected", near)
		}
	case "vg":
		group := strings.TrimPrefix(value, "/dev/")
		if group == "" || strings.Contains(group, "/") || strings.HasPrefix(group, "-") {
			p.fail(value, "the name of a volume group was expected, VG or /dev/VG")
		}
		pkg.Groups, lines.groups = append(pkg.Groups, group), append(lines.groups, p.at)
	case "pv":
		if !strings.HasPrefix(value, "/") {
			p.fail(value, "the full name of a device was expected, /dev/...")
		}
		pkg.Volumes, lines.volumes = append(pkg.Volumes, value), append(lines.volumes, p.at)
	default:
		if pev, ok := strings.CutPrefix(name, "pev_"); ok && !isPEVName(pev) {
			p.fail(given, fmt.Sprintf("pev_ and a name of letters, digits and _ was expected, at most %d", maxText))
		}
	}
}

// isPEVName reports whether a shell can have it in the name of a variable.
func isPEVName(name string) bool {
	return name != "" && len(name) <= maxText && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
