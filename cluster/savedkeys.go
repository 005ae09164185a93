package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lunguard/pr"
	"lunguard/protocol"
)

// SavedKeys are the keys of the nodes of the vendor's cluster, as its cmviewcl -v -f
// line has printed them: lines node:NAME|node_pr_key=KEY among others. Nil has none.
type SavedKeys struct {
	// File is where they stand.
	File  string
	nodes []savedKey
}

type savedKey struct {
	name string
	key  pr.Key
	at   Position
}

// LoadKeys reads saved keys. Errors: those of LoadConfig.
func LoadKeys(ctx context.Context, path string) (*SavedKeys, error) {
	lines, err := loadLines(ctx, path)
	if err != nil {
		return nil, err
	}
	k := &SavedKeys{File: path}
	var errs []error
	for _, l := range lines {
		if err := k.take(l); err != nil {
			errs = append(errs, err)
		}
		if len(errs) == maxFaults {
			break
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(k.nodes) == 0 {
		return nil, errors.Join(&ConfigError{File: path, Expected: "a line node:NAME|node_pr_key=KEY was expected, as cmviewcl -v -f line prints it"})
	}
	return k, nil
}

// take takes one line.
func (k *SavedKeys) take(l fileLine) error {
	parts := strings.Split(strings.TrimSpace(l.text), "|")
	value, ok := strings.CutPrefix(parts[len(parts)-1], "node_pr_key=")
	at := slices.IndexFunc(parts, func(p string) bool { return strings.HasPrefix(p, "node:") })
	if !ok || at < 0 {
		return nil
	}
	fail := func(word, expected string) error {
		return &ConfigError{File: l.at.File, Line: l.at.Line, Word: word, Expected: expected}
	}
	name := strings.TrimPrefix(parts[at], "node:")
	if why := badName(name); why != "" || name == "" {
		return fail(name, "letters and digits, and . - _ between them, were expected")
	}
	key, err := pr.ParseKey(value)
	switch {
	case err != nil:
		return fail(value, "a key of 1 to 16 hexadecimal digits was expected, not zero")
	case key&protocol.Marks != 0:
		return fail(value, "a key below 4000000000000000 was expected, its two highest bits mark nodes that are leaving or taking")
	}
	for _, n := range k.nodes {
		switch {
		case n.name == name && n.key == key:
			return nil
		case n.name == name:
			return fail(value, fmt.Sprintf("node %s has the key %v in line %d", name, n.key, n.at.Line))
		case n.key == key:
			return fail(value, fmt.Sprintf("a key of its own was expected for node %s, node %s has this one", name, n.name))
		}
	}
	k.nodes = append(k.nodes, savedKey{name, key, l.at})
	return nil
}

// of is the key of a node.
func (k *SavedKeys) of(name string) (pr.Key, Position, bool) {
	if k == nil {
		return 0, Position{}, false
	}
	at := slices.IndexFunc(k.nodes, func(n savedKey) bool { return n.name == name })
	if at < 0 {
		return 0, Position{}, false
	}
	return k.nodes[at].key, k.nodes[at].at, true
}

// all are the keys.
func (k *SavedKeys) all() []pr.Key {
	if k == nil {
		return nil
	}
	var keys []pr.Key
	for _, n := range k.nodes {
		keys = append(keys, n.key)
	}
	return keys
}

// tellMade completes what is said of keys that nodes got.
func (m *Merge) tellMade(saved *SavedKeys) {
	for i := range m.Made {
		n := &m.Made[i]
		if made, err := m.Config.Node(n.Name); err == nil {
			n.Key = made.Key
		}
		if _, _, ok := saved.of(n.Name); ok {
			m.Taken = append(m.Taken, *n)
		}
	}
	m.Made = slices.DeleteFunc(m.Made, func(n Node) bool {
		_, _, ok := saved.of(n.Name)
		return ok
	})
	if saved == nil {
		return
	}
	for _, n := range saved.nodes {
		if _, err := m.Config.Node(n.name); err != nil {
			m.Left = append(m.Left, n.name)
		}
	}
}
