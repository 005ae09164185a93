package cluster

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"strings"

	"lunguard/cluster/ownfile"
)

// Merge is the config that comes of applying files to the one that there is.
type Merge struct {
	// Config is what the text says, Before what there was; nil if nothing.
	Config, Before *Config
	// Text is what is to be written.
	Text []byte
	// Old is what stands in the file now; nil if there is none.
	Old []byte
}

// Changed reports whether anything is to be written.
func (m *Merge) Changed() bool { return string(m.Text) != string(m.Old) }

// segment is a part of a config: the cluster with its nodes, or one package.
type segment struct {
	// name is the package, empty for the cluster.
	name  string
	lines []fileLine
}

// MergeFiles applies a cluster file and package files, each of which may be
// missing, to the config at path. The cluster file takes the place of the
// cluster with its nodes, a package file that of the package of its name; the
// rest stays as it is, with its comments. What gives nodes their keys is kept:
// a node keeps the id that it has or once had, and a new one gets an id that
// no other ever had.
//
// Errors, joined where there are several: *os.PathError, *ConfigError with
// file and line of the file that the fault is in.
func MergeFiles(path, clusterFile string, packageFiles []string) (*Merge, error) {
	m := &Merge{}
	var segments []segment
	if err := m.readOld(path, &segments); err != nil {
		return nil, err
	}
	var errs []error
	if clusterFile != "" {
		head, err := m.newHead(clusterFile)
		errs = append(errs, err)
		segments[0].lines = head
	}
	seen := map[string]string{}
	for _, file := range packageFiles {
		s, err := packageSegment(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if other, twice := seen[s.name]; twice {
			errs = append(errs, &ConfigError{File: file, Word: s.name, Expected: "another package was expected, this one is in " + other})
			continue
		}
		seen[s.name] = file
		at := slices.IndexFunc(segments, func(o segment) bool { return o.name == s.name })
		if at < 0 {
			segments = append(segments, s)
			continue
		}
		segments[at] = s
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := m.put(path, segments); err != nil {
		return nil, err
	}
	return m, nil
}

// put makes text and config of the segments, with a blank line between them.
func (m *Merge) put(path string, segments []segment) error {
	var b strings.Builder
	var all []fileLine
	for _, s := range segments {
		lines := trimBlank(s.lines)
		if len(lines) > 0 && len(all) > 0 {
			b.WriteString("\n")
		}
		for _, l := range lines {
			b.WriteString(l.text + "\n")
		}
		all = append(all, lines...)
	}
	m.Text = []byte(b.String())
	var err error
	m.Config, err = parseLines(path, all)
	return err
}

// trimBlank leaves out the blank lines at both ends.
func trimBlank(lines []fileLine) []fileLine {
	blank := func(l fileLine) bool { return strings.TrimSpace(l.text) == "" }
	for len(lines) > 0 && blank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && blank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// readOld reads the config that there is, if there is one, which must be
// sound: a fault in it would be carried on.
func (m *Merge) readOld(path string, segments *[]segment) error {
	lines, err := linesOf(path)
	if errors.Is(err, fs.ErrNotExist) {
		*segments = []segment{{}}
		return nil
	}
	if err != nil {
		return err
	}
	if m.Before, err = parseLines(path, lines); err != nil {
		return err
	}
	if m.Old, err = os.ReadFile(path); err != nil {
		return err
	}
	*segments = split(lines)
	return nil
}

// split divides a config at its package_name lines. Comments and blank lines
// before such a line belong to its package.
func split(lines []fileLine) []segment {
	segments := []segment{{}}
	from := 0
	for i, l := range lines {
		name, value := parameterOf(l.text)
		if name != "package_name" {
			continue
		}
		start := i
		for start > from && isComment(lines[start-1].text) {
			start--
		}
		last := &segments[len(segments)-1]
		last.lines = lines[from:start]
		segments = append(segments, segment{name: value})
		from = start
	}
	segments[len(segments)-1].lines = lines[from:]
	return segments
}

func isComment(text string) bool { return strings.TrimSpace(uncomment(text)) == "" }

// parameterOf gives the parameter of a line, in lower case, and its value.
func parameterOf(text string) (name, value string) {
	words := strings.Fields(uncomment(text))
	if len(words) == 0 {
		return "", ""
	}
	if len(words) > 1 {
		value = strings.Trim(words[1], `"`)
	}
	return strings.ToLower(words[0]), value
}

// packageSegment reads a package file, which holds one package.
func packageSegment(file string) (segment, error) {
	lines, err := linesOf(file)
	if err != nil {
		return segment{}, err
	}
	parts := split(lines)
	for _, l := range parts[0].lines {
		if name, _ := parameterOf(l.text); name != "" {
			return segment{}, &ConfigError{File: file, Line: l.at.Line, Word: name, Expected: "a package_name line was expected before it"}
		}
	}
	switch {
	case len(parts) < 2:
		return segment{}, &ConfigError{File: file, Expected: "a package_name line was expected"}
	case len(parts) > 2:
		return segment{}, &ConfigError{File: file, Word: parts[2].name, Expected: "one package was expected in a package file"}
	}
	// Comments at the top of the file stay with it.
	return segment{name: parts[1].name, lines: lines}, nil
}

func linesOf(path string) ([]fileLine, error) {
	f, err := ownfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLines(f, path)
}

// newHead reads a cluster file and gives its nodes their ids.
func (m *Merge) newHead(file string) ([]fileLine, error) {
	lines, err := linesOf(file)
	if err != nil {
		return nil, err
	}
	h := &head{before: m.Before, file: file}
	if h.before == nil {
		h.before = &Config{}
	}
	for _, l := range lines {
		h.take(l)
	}
	h.finish()
	if len(h.errs) > 0 {
		return nil, errors.Join(h.errs...)
	}
	return h.lines, nil
}

// head is a cluster file that is being taken over.
type head struct {
	before *Config
	file   string
	lines  []fileLine
	errs   []error
	// name and tag are what the file says of the cluster.
	name, tag string
	nodes     []headNode
}

// headNode is a node of a cluster file.
type headNode struct {
	name string
	at   Position
	// line is the index behind its NODE_NAME line.
	line int
	// keyed says that the file gives it a key or an id.
	keyed bool
}

func (h *head) fail(at Position, word, expected string) {
	h.errs = append(h.errs, &ConfigError{File: at.File, Line: at.Line, Word: word, Expected: expected})
}

// take takes one line over.
func (h *head) take(l fileLine) {
	name, value := parameterOf(l.text)
	switch name {
	case "package_name":
		h.fail(l.at, value, "no package was expected in a cluster file, name its file with -P")
	case "cluster_pr_mode", "retired_node_id":
		// The first is what comes out, the second what is kept here.
		return
	case "cluster_name":
		h.name = value
		if h.before.Name != "" && value != h.before.Name {
			h.fail(l.at, value, "the cluster is "+h.before.Name)
		}
	case "cluster_pr_tag":
		h.tag = value
		if n, err := hexTag(value); err == nil && h.before.Tag != 0 && n != h.before.Tag {
			h.fail(l.at, value, fmt.Sprintf("CLUSTER_PR_TAG is %#x and makes the keys of the nodes, which must not change", h.before.Tag))
		}
	case "node_name":
		h.nodes = append(h.nodes, headNode{name: value, at: l.at, line: len(h.lines) + 1})
	case "node_id", "node_pr_key":
		if len(h.nodes) > 0 {
			h.nodes[len(h.nodes)-1].keyed = true
			h.sameKey(l.at, name, value)
		}
	}
	h.lines = append(h.lines, l)
}

// sameKey refuses another id or key for a node that has one.
func (h *head) sameKey(at Position, name, value string) {
	node := h.nodes[len(h.nodes)-1].name
	if was, err := h.before.Node(node); err == nil && keyParameter(was) != keyParameterOf(name, value) {
		h.fail(at, value, fmt.Sprintf("node %s has %s, which must not change", node, keyParameter(was)))
	}
	for _, r := range h.before.Retired {
		if name == "node_id" && value == fmt.Sprint(r.ID) && r.Name != node {
			h.fail(at, value, "another id was expected, node "+r.Name+" had this one")
		}
	}
}

// keyParameter is the line that gives a node its key.
func keyParameter(n Node) string {
	if n.ID != 0 {
		return fmt.Sprintf("NODE_ID %d", n.ID)
	}
	return fmt.Sprintf("NODE_PR_KEY %x", uint64(n.Key))
}

// keyParameterOf writes such a line in one way, whatever way it was written.
func keyParameterOf(name, value string) string {
	if name == "node_id" {
		return "NODE_ID " + value
	}
	return "NODE_PR_KEY " + strings.TrimLeft(strings.TrimPrefix(strings.ToLower(value), "0x"), "0")
}

// finish adds what the file does not say: ids of nodes, the tag, and the ids
// of nodes that are gone.
func (h *head) finish() {
	last := h.lastID()
	needsTag := false
	// From the end, so that the indices before stay right.
	ids := make([]string, len(h.nodes))
	for i, n := range h.nodes {
		if n.keyed {
			continue
		}
		if was, err := h.before.Node(n.name); err == nil {
			ids[i] = keyParameter(was)
		} else if r, ok := h.retired(n.name); ok {
			ids[i] = fmt.Sprintf("NODE_ID %d", r.ID)
		} else {
			last++
			ids[i] = fmt.Sprintf("NODE_ID %d", last)
		}
		needsTag = needsTag || strings.HasPrefix(ids[i], "NODE_ID")
	}
	for i := len(h.nodes) - 1; i >= 0; i-- {
		if ids[i] != "" {
			h.lines = slices.Insert(h.lines, h.nodes[i].line, fileLine{"  " + ids[i], h.nodes[i].at})
		}
	}
	if h.tag == "" && (needsTag || h.before.Tag != 0) {
		h.lines = slices.Insert(h.lines, 0, h.own(fmt.Sprintf("CLUSTER_PR_TAG 0x%04x", h.newTag())))
	}
	h.lines = trimBlank(h.lines)
	for _, r := range h.gone() {
		h.lines = append(h.lines, h.own("RETIRED_NODE_ID "+r.String()))
	}
}

// own is a line of ours, which stands in no file; faults of it are told of the
// file's first line.
func (h *head) own(text string) fileLine { return fileLine{text, Position{File: h.file}} }

// lastID is the highest id that any node has or had.
func (h *head) lastID() uint16 {
	var last uint16
	for _, n := range h.before.Nodes {
		last = max(last, n.ID)
	}
	for _, r := range h.before.Retired {
		last = max(last, r.ID)
	}
	for _, l := range h.lines {
		if name, value := parameterOf(l.text); name == "node_id" {
			var id uint16
			if _, err := fmt.Sscan(value, &id); err == nil {
				last = max(last, id)
			}
		}
	}
	return last
}

func (h *head) retired(name string) (RetiredNode, bool) {
	at := slices.IndexFunc(h.before.Retired, func(r RetiredNode) bool { return r.Name == name })
	if at < 0 {
		return RetiredNode{}, false
	}
	return h.before.Retired[at], true
}

// gone are nodes that were members and are no longer.
func (h *head) gone() []RetiredNode {
	list := append([]RetiredNode(nil), h.before.Retired...)
	for _, n := range h.before.Nodes {
		if n.ID != 0 {
			list = append(list, RetiredNode{n.Name, n.ID})
		}
	}
	return slices.DeleteFunc(list, func(r RetiredNode) bool {
		return slices.ContainsFunc(h.nodes, func(n headNode) bool { return n.name == r.Name })
	})
}

// newTag makes a tag of the name of the cluster, so that two clusters that see
// the same LUN are not likely to have the same keys.
func (h *head) newTag() uint16 {
	if h.before.Tag != 0 {
		return h.before.Tag
	}
	sum := crc32.ChecksumIEEE([]byte(h.name))
	tag := uint16(sum>>16) ^ uint16(sum)
	if tag == 0 {
		tag = 1
	}
	return tag
}
