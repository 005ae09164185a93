package cluster

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"lunguard/cluster/corosync"
	"lunguard/cluster/ownfile"
)

// fromCorosync is the value of NODES_FROM that means corosync's configuration where it
// usually is.
const fromCorosync = "corosync"

// FromCorosync are nodes and keys that were taken of corosync's configuration.
type FromCorosync struct {
	Path string
	Conf *corosync.Config
	By   corosync.Derivation
}

// NodesOf takes nodes and keys of corosync's configuration; none have settings. Errors:
// those of [corosync.Config.Keys].
func NodesOf(cs *corosync.Config, by corosync.Derivation) ([]Node, error) {
	keys, err := cs.Keys(by)
	if err != nil {
		return nil, err
	}
	nodes := make([]Node, len(cs.Nodes))
	for i, n := range cs.Nodes {
		nodes[i] = Node{Name: n.Name, Key: keys[i]}
	}
	return nodes, nil
}

// NodeHere is the node whose name is that of this host, or that name before the first dot
// if one node alone has it. The error is *UnknownNodeError.
func (c *Config) NodeHere(host string) (Node, error) {
	n, err := c.Node(host)
	if err == nil {
		return n, nil
	}
	var found []Node
	for _, n := range c.Nodes {
		if short, _, _ := strings.Cut(n.Name, "."); short == host {
			found = append(found, n)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return Node{}, err
}

// finishNodes takes the nodes of NODES_FROM.
func finishNodes(p *parser) {
	from, given := p.config.Settings.Get("nodes_from")
	by, keyed := p.config.Settings.Get("key_value")
	switch at := p.inCluster["nodes_from"]; {
	case !given && keyed:
		p.failAt(p.inCluster["key_value"], by, "a NODES_FROM line was expected with it")
	case !given:
	case len(p.config.Nodes) > 0:
		p.failAt(p.nodes[0].name, p.config.Nodes[0].Name, "no NODE_NAME line was expected: NODES_FROM names where the nodes are")
	default:
		if !keyed {
			by = string(corosync.ByNodeID)
		}
		if err := takeNodes(p, at, from, corosync.Derivation(by)); err != nil {
			reason := err
			if unread := (*fs.PathError)(nil); errors.As(err, &unread) {
				reason = unread.Err
			}
			p.failAt(at, from, "nodes of corosync were expected there: "+strings.ReplaceAll(reason.Error(), "\n", "; "))
		}
	}
}

// takeNodes reads them from a file, which stands in the folder of the config if it is not
// named in full.
func takeNodes(p *parser, at Position, from string, by corosync.Derivation) error {
	path := from
	switch {
	case from == fromCorosync:
		path = corosync.DefaultPath
	case !filepath.IsAbs(path):
		path = filepath.Join(filepath.Dir(p.config.Path), path)
	}
	text, err := ownfile.Read(context.Background(), path, corosync.MaxSize)
	if err != nil {
		return err
	}
	cs, err := corosync.Parse(text)
	if err != nil {
		return err
	}
	nodes, err := NodesOf(cs, by)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if why := badName(n.Name); why != "" {
			p.failAt(at, n.Name, why)
		}
		p.nodes = append(p.nodes, nodeLines{name: at, key: at})
	}
	p.config.Nodes, p.config.Corosync = nodes, &FromCorosync{path, cs, by}
	if p.config.Name == "" {
		p.config.Name = cs.Name
	}
	return nil
}
