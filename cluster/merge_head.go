package cluster

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"lunguard/pr"
)

// head is a cluster file that is being taken over.
type head struct {
	before *Config
	file   string
	lines  []fileLine
	// now is what the file says.
	now  *Config
	errs []error
	// saved are keys that nodes have already; nil if none are known.
	saved *SavedKeys
	// made are the nodes that got a key.
	made []string
}

// newHead reads a cluster file and gives its nodes their keys. What is wrong
// with its values is found when the config is put together; what is decided
// here is decided on what they mean, however they are written.
func (m *Merge) newHead(ctx context.Context, file string, saved *SavedKeys) ([]fileLine, error) {
	lines, err := loadLines(ctx, file)
	if err != nil {
		return nil, err
	}
	lines = withoutReturns(lines)
	h := &head{saved: saved, before: m.Before, file: file, lines: lines, now: read(file, lines).config}
	if h.before == nil {
		h.before = &Config{}
	}
	h.check()
	if len(h.errs) > 0 {
		return nil, errors.Join(h.errs...)
	}
	h.write()
	if len(h.errs) > 0 {
		return nil, errors.Join(h.errs...)
	}
	for _, name := range h.made {
		m.Made = append(m.Made, Node{Name: name})
	}
	return h.lines, nil
}

func (h *head) fail(at Position, word, expected string) {
	if len(h.errs) == maxFaults {
		return
	}
	h.errs = append(h.errs, &ConfigError{File: at.File, Line: at.Line, Word: word, Expected: expected})
}

// check refuses what would be another cluster, or would give a node another key
// than it has.
func (h *head) check() {
	for _, p := range h.now.Packages {
		h.fail(p.Settings[0].At, p.Name, "no package was expected in a cluster file, name its file with -P")
	}
	for _, s := range h.now.Settings {
		switch {
		case s.Name == "cluster_name" && h.before.Name != "" && s.Value != h.before.Name:
			h.fail(s.At, s.Value, "the cluster is "+h.before.Name)
		case s.Name == "cluster_pr_tag" && h.now.Tag != 0 && h.before.Tag != 0 && h.now.Tag != h.before.Tag:
			h.fail(s.At, s.Value, fmt.Sprintf("CLUSTER_PR_TAG is %#x and makes the keys of the nodes, which must not change", h.before.Tag))
		}
	}
	for _, n := range h.now.Nodes {
		h.checkNode(n)
		h.checkSaved(n)
	}
	for _, r := range h.now.Retired {
		if was, ok := retiredIn(h.before, r.Name); ok && !r.same(was) {
			h.fail(r.at, r.String(), "node "+r.Name+" had "+was.parameter()+", which must not change")
		}
	}
}

// checkNode refuses another id or key for a node that has or had one.
func (h *head) checkNode(n Node) {
	at, ok := n.keyLine()
	if !ok {
		return
	}
	if was, err := h.before.Node(n.Name); err == nil && !was.sameParameter(n) {
		h.fail(at.At, at.Value, fmt.Sprintf("node %s has %s, which must not change", n.Name, was.keyParameter()))
	}
	if was, ok := retiredIn(h.before, n.Name); ok && !was.node().sameParameter(n) {
		h.fail(at.At, at.Value, fmt.Sprintf("node %s had %s, which must not change", n.Name, was.parameter()))
	}
}

// checkSaved refuses another key for a node than it has on LUNs.
func (h *head) checkSaved(n Node) {
	key, at, ok := h.saved.of(n.Name)
	if !ok {
		return
	}
	has := n.Key
	if was, err := h.before.Node(n.Name); err == nil {
		has = was.Key
	} else if was, ok := retiredIn(h.before, n.Name); ok {
		has = was.Key
	} else if n.ID != 0 {
		has = pr.Key(h.tag())<<nodeIDBits | pr.Key(n.ID)
	}
	if has != 0 && has != key {
		h.fail(at, key.String(), fmt.Sprintf("node %s has the key %v here, which must not change", n.Name, has))
	}
}

// keyLine is the line that gives a node its key.
func (n Node) keyLine() (Setting, bool) {
	for _, s := range n.Settings {
		if s.Name == "node_id" && n.ID != 0 || s.Name == "node_pr_key" && n.ID == 0 && n.Key != 0 {
			return s, true
		}
	}
	return Setting{}, false
}

// sameParameter reports whether two get their keys by the same line, however
// it is written.
func (n Node) sameParameter(o Node) bool { return n.keyParameter() == o.keyParameter() }

// keyParameter is the line that gives a node its key.
func (n Node) keyParameter() string {
	if n.ID != 0 {
		return fmt.Sprintf("NODE_ID %d", n.ID)
	}
	return fmt.Sprintf("NODE_PR_KEY %x", uint64(n.Key))
}

// write makes the lines of the config: those of the file, with what it does not
// say. These are ids of nodes, the tag, and what nodes had that are gone.
func (h *head) write() {
	given := h.keys()
	drop := h.superfluous()
	lines := make([]fileLine, 0, len(h.lines)+len(given))
	for _, l := range h.lines {
		if drop[l.at.Line] {
			continue
		}
		lines = append(lines, l)
		if text, ok := given[l.at.Line]; ok {
			lines = append(lines, fileLine{"  " + text, l.at})
		}
	}
	if h.now.Tag == 0 && (h.before.Tag != 0 || h.needsTag()) {
		lines = slices.Insert(lines, 0, h.own(fmt.Sprintf("CLUSTER_PR_TAG 0x%04x", h.tag())))
	}
	lines = trimBlank(lines)
	for _, r := range h.gone() {
		if _, told := retiredIn(h.now, r.Name); !told {
			lines = append(lines, h.own(r.line()))
		}
	}
	h.lines = lines
}

// own is a line of ours, which stands in no file; faults of it are told of the
// file as a whole.
func (h *head) own(text string) fileLine { return fileLine{text, Position{File: h.file}} }

// keys gives the nodes that have no key line one: the text to put behind each
// NODE_NAME line.
func (h *head) keys() map[int]string {
	given := map[int]string{}
	for i := range h.now.Nodes {
		n := &h.now.Nodes[i]
		if _, ok := n.keyLine(); ok || n.hasKeyLine() {
			continue
		}
		was, err := h.before.Node(n.Name)
		if r, ok := retiredIn(h.before, n.Name); err != nil && ok {
			was, err = r.node(), nil
		}
		if err != nil {
			h.made = append(h.made, n.Name)
		}
		if key, _, ok := h.saved.of(n.Name); err != nil && ok {
			was, err = Node{Key: key}, nil
		}
		if err != nil {
			id, ok := h.freeID()
			if !ok {
				h.fail(n.Settings[0].At, n.Name, "a NODE_PR_KEY line was expected for this node, all ids were given to others")
				return nil
			}
			was = Node{ID: id}
		}
		n.ID, n.Key = was.ID, was.Key
		given[n.Settings[0].At.Line] = was.keyParameter()
	}
	return given
}

// hasKeyLine reports whether there is such a line, sound or not.
func (n Node) hasKeyLine() bool {
	_, id := n.Settings.Get("node_id")
	_, key := n.Settings.Get("node_pr_key")
	return id || key
}

// freeID is the id behind the highest that any node has or had, or, if there is
// none, the lowest that none had. The key that it makes is nobody's either.
func (h *head) freeID() (uint16, bool) {
	last, had, keys := 0, map[int]bool{}, map[pr.Key]bool{}
	for _, list := range [][]Node{h.before.Nodes, h.now.Nodes, retiredNodes(h.before), retiredNodes(h.now)} {
		for _, n := range list {
			last = max(last, int(n.ID))
			had[int(n.ID)], keys[n.Key] = true, true
		}
	}
	for _, k := range h.saved.all() {
		keys[k] = true
	}
	for i := range maxNodeID {
		id := (last+i)%maxNodeID + 1
		if !had[id] && !keys[pr.Key(h.tag())<<nodeIDBits|pr.Key(id)] {
			return uint16(id), true
		}
	}
	return 0, false
}

// superfluous are the lines that are not taken over, by number: what comes out
// of the commands, and what nodes had that are back.
func (h *head) superfluous() map[int]bool {
	lines := map[int]bool{}
	for _, s := range h.now.Settings {
		was, _ := h.before.Settings.Get(s.Name)
		if s.Name == "cluster_pr_mode" && was != s.Value {
			lines[s.At.Line] = true
		}
	}
	for _, r := range h.now.Retired {
		if n, err := h.now.Node(r.Name); err == nil && n.sameParameter(r.node()) {
			lines[r.at.Line] = true
		}
	}
	return lines
}

// needsTag reports whether the key of a node is made with the tag.
func (h *head) needsTag() bool {
	ids := func(n Node) bool { return n.ID != 0 }
	return slices.ContainsFunc(h.now.Nodes, ids) || slices.ContainsFunc(retiredNodes(h.now), ids)
}

// gone are nodes that were members and are no longer.
func (h *head) gone() []RetiredNode {
	list := slices.Clone(h.before.Retired)
	for _, n := range h.before.Nodes {
		list = append(list, RetiredNode{Name: n.Name, ID: n.ID, Key: n.Key})
	}
	return slices.DeleteFunc(list, func(r RetiredNode) bool {
		_, err := h.now.Node(r.Name)
		return err == nil
	})
}

// tag is that of the cluster, or one made of its name, so that two clusters
// that see the same LUN are not likely to have the same keys.
func (h *head) tag() uint16 {
	for _, tag := range []uint16{h.now.Tag, h.before.Tag} {
		if tag != 0 {
			return tag
		}
	}
	sum := crc32.ChecksumIEEE([]byte(h.now.Name))
	return max(uint16(sum>>16)^uint16(sum), 1)
}

// retiredIn finds what a config says of a node that was removed.
func retiredIn(c *Config, name string) (RetiredNode, bool) {
	at := slices.IndexFunc(c.Retired, func(r RetiredNode) bool { return r.Name == name })
	if at < 0 {
		return RetiredNode{}, false
	}
	return c.Retired[at], true
}

// retiredNodes are the removed nodes as nodes.
func retiredNodes(c *Config) []Node {
	var list []Node
	for _, r := range c.Retired {
		list = append(list, r.node())
	}
	return list
}

// node is the removed node as it was.
func (r RetiredNode) node() Node { return Node{Name: r.Name, ID: r.ID, Key: r.Key} }

// same reports whether both had their keys by the same line.
func (r RetiredNode) same(o RetiredNode) bool { return r.node().sameParameter(o.node()) }

// parameter is the line that gave the node its key, line the one that keeps it
// from being given to others.
func (r RetiredNode) parameter() string { return r.node().keyParameter() }

func (r RetiredNode) line() string {
	if r.ID != 0 {
		return "RETIRED_NODE_ID " + r.String()
	}
	return "RETIRED_NODE_PR_KEY " + r.String()
}

// String is the value of that line.
func (r RetiredNode) String() string {
	_, value, _ := strings.Cut(r.parameter(), " ")
	return r.Name + "=" + value
}
