package corosync

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// DefaultPath is where corosync looks for its configuration.
const DefaultPath = "/etc/corosync/corosync.conf"

// MaxSize is how many bytes a configuration may have; real ones have a few thousand.
const MaxSize = 1 << 20

// Config is what a corosync.conf says of its cluster.
type Config struct {
	// Name is totem.cluster_name.
	Name string
	// Nodes are those of the nodelist, in the order of the file: what corosync
	// calls a node's position, from 0.
	Nodes []Node
}

// Node is a member of the nodelist.
type Node struct {
	// Name is the node's name or, without one, its first address.
	Name string
	// ID is its nodeid, never 0.
	ID uint32
	// Address is its first one, a number or a name; it may be empty.
	Address string
}

// SyntaxError says what is wrong with a line, from 1, of a configuration. Line 0 is the
// file as a whole.
type SyntaxError struct {
	Line int
	What string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.What
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.What)
}

// Parse reads the text of a corosync.conf. What it does not need it passes over, but
// for its sections, which have to be closed. The errors are *SyntaxError, joined.
func Parse(text []byte) (*Config, error) {
	if len(text) > MaxSize {
		return nil, &SyntaxError{What: fmt.Sprintf("more than %d bytes", MaxSize)}
	}
	p := &parser{conf: &Config{}}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, MaxSize+1)
	for lines.Scan() {
		p.line++
		if err := p.take(strings.TrimSpace(lines.Text())); err != nil {
			return nil, err
		}
	}
	if len(p.sections) > 0 {
		return nil, p.wrong("the section %q is not closed", p.sections[len(p.sections)-1])
	}
	if err := p.conf.check(); err != nil {
		return nil, err
	}
	return p.conf, nil
}

// parser takes one line after the other.
type parser struct {
	conf     *Config
	line     int
	sections []string // those that are open
	node     rawNode  // the node whose section is open
}

// rawNode is a node's section as it is read.
type rawNode struct{ name, address, id string }

func (p *parser) wrong(format string, args ...any) *SyntaxError {
	return &SyntaxError{Line: p.line, What: fmt.Sprintf(format, args...)}
}

// take reads one line. A brace that opens a section counts before a colon, and that
// before a brace that closes one, as corosync has it.
func (p *parser) take(line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	if before, _, ok := strings.Cut(line, "{"); ok {
		p.sections = append(p.sections, strings.TrimSpace(before))
		if p.within("nodelist", "node") {
			p.node = rawNode{}
		}
		return nil
	}
	if key, value, ok := strings.Cut(line, ":"); ok {
		p.set(strings.TrimSpace(key), strings.TrimSpace(value))
		return nil
	}
	if !strings.Contains(line, "}") {
		return p.wrong("neither a section nor a value: %q", line)
	}
	if len(p.sections) == 0 {
		return p.wrong("a section is closed that was not opened")
	}
	var err error
	if p.within("nodelist", "node") {
		err = p.add()
	}
	p.sections = p.sections[:len(p.sections)-1]
	return err
}

// within reports whether these sections, and no others, are open.
func (p *parser) within(names ...string) bool {
	if len(p.sections) != len(names) {
		return false
	}
	for i, name := range names {
		if p.sections[i] != name {
			return false
		}
	}
	return true
}

func (p *parser) set(key, value string) {
	switch {
	case p.within("totem") && key == "cluster_name":
		p.conf.Name = value
	case !p.within("nodelist", "node"):
	case key == "name":
		p.node.name = value
	case key == "ring0_addr":
		p.node.address = value
	case key == "nodeid":
		p.node.id = value
	}
}

// add takes the node whose section ends.
func (p *parser) add() error {
	n := Node{Name: p.node.name, Address: p.node.address}
	if n.Name == "" {
		n.Name = p.node.address
	}
	if n.Name == "" {
		return p.wrong("a node has neither name nor ring0_addr")
	}
	id, err := strconv.ParseUint(p.node.id, 10, 32)
	if err != nil || id == 0 {
		return p.wrong("node %s: nodeid is %q, not a number from 1 to 4294967295", n.Name, p.node.id)
	}
	n.ID = uint32(id)
	p.conf.Nodes = append(p.conf.Nodes, n)
	return nil
}

// check looks for what makes a configuration useless here.
func (c *Config) check() error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, &SyntaxError{What: fmt.Sprintf(format, args...)})
	}
	if c.Name == "" {
		fail("totem has no cluster_name")
	}
	if len(c.Nodes) == 0 {
		fail("there is no node in a nodelist")
	}
	for i, n := range c.Nodes {
		for _, other := range c.Nodes[:i] {
			if n.Name == other.Name {
				fail("two nodes have the name %s", n.Name)
			}
			if n.ID == other.ID {
				fail("the nodes %s and %s have the nodeid %d", other.Name, n.Name, n.ID)
			}
		}
	}
	return errors.Join(errs...)
}
