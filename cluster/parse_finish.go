package cluster

import (
	"fmt"

	"lunguard/pr"
	"lunguard/protocol"
)

// finish checks what can be told only when everything has been read.
func (p *parser) finish() {
	c := p.config
	finishNodes(p)
	if _, elsewhere := c.Settings.Get("nodes_from"); len(c.Nodes) == 0 && !elsewhere {
		p.failAt(p.whole(), "", "at least one NODE_NAME line was expected")
	}
	if len(c.Nodes) > protocol.MaxMembers {
		p.failAt(p.nodes[protocol.MaxMembers].name, c.Nodes[protocol.MaxMembers].Name, fmt.Sprintf("at most %d nodes were expected", protocol.MaxMembers))
		return
	}
	p.finishKeys()
	p.finishRetired()
	p.finishPackages()
}

// finishRetired refuses a key that a removed node had: it may be on LUNs still.
func (p *parser) finishRetired() {
	c := p.config
	for i := range c.Retired {
		r := &c.Retired[i]
		if r.ID != 0 {
			r.Key = pr.Key(c.Tag)<<nodeIDBits | pr.Key(r.ID)
		}
		for j, n := range c.Nodes {
			if n.Name == r.Name || n.Key == 0 || n.Key != r.Key {
				continue
			}
			what := "key"
			if n.ID != 0 {
				what = "id"
			}
			line, _ := n.keyLine()
			p.failAt(keyLine(p.nodes[j]), line.Value, "another "+what+" was expected, node "+r.Name+" had this one")
		}
	}
}

func (p *parser) finishKeys() {
	c := p.config
	for i := range c.Nodes {
		n, at := &c.Nodes[i], p.nodes[i]
		switch {
		case !at.id.given() && !at.key.given():
			p.failAt(at.name, n.Name, "a NODE_ID or NODE_PR_KEY line was expected for this node")
		case n.ID != 0 && c.Tag == 0:
			p.failAt(at.id, "NODE_ID", "a CLUSTER_PR_TAG line was expected with it, or NODE_PR_KEY in its place")
		case n.ID != 0:
			n.Key = pr.Key(c.Tag)<<nodeIDBits | pr.Key(n.ID)
		}
		for j := range i {
			if n.Key != 0 && n.Key == c.Nodes[j].Key {
				p.failAt(keyLine(at), n.Key.String(), fmt.Sprintf("a key of its own was expected for node %s, node %s has this one", n.Name, c.Nodes[j].Name))
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
		p.finishBlocks(pkg)
		for _, s := range pkg.Settings {
			if s.Name == "no_luns" && pkg.HasNoLUNs() && len(pkg.Groups)+len(pkg.Volumes) > 0 {
				p.failAt(s.At, s.Value, "no was expected, the package has a vg or pv line")
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
func (p *parser) own(owner map[string]int, pkg int, thing, word string, line Position) {
	if first, taken := owner[thing]; taken {
		p.failAt(line, word, "it belongs to package "+p.config.Packages[first].Name+" already")
		return
	}
	owner[thing] = pkg
}

// keyLine is the line that gives a node its key.
func keyLine(at nodeLines) Position {
	if at.id.given() {
		return at.id
	}
	return at.key
}

// finishBlocks asks for what a block cannot be without.
func (p *parser) finishBlocks(pkg *Package) {
	for _, block := range []struct{ head, needed string }{{"service_name", "service_cmd"}, {"fs_name", "fs_directory"}} {
		if block.head == "service_name" && pkg.IsLegacy() {
			// Its command stands in the control script.
			continue
		}
		for _, b := range pkg.Settings.Blocks(block.head) {
			if _, ok := b.Get(block.needed); !ok {
				p.failAt(b[0].At, b[0].Value, "a "+block.needed+" line was expected after it")
			}
		}
	}
}
