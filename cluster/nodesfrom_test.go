package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const corosyncConf = "totem {\ncluster_name: lab\n}\nnodelist {\nnode {\nname: node1.site\nnodeid: 1\n}\nnode {\nname: node2.site\nnodeid: 7\n}\n}\n"

// Nodes and keys of corosync are a config's as if they stood there; what cannot be had
// from its file is an error of the line that names it.
func TestNodesFrom(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"good": corosyncConf, "bad": "totem {\n", "odd": strings.ReplaceAll(corosyncConf, "node2.site", "no de"), "one": strings.ReplaceAll(corosyncConf, "nodeid: 7", "nodeid: 1")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const pkg = "\npackage_name p\nnode_name node2.site\npv /dev/sda\n"
	for _, c := range []struct {
		name, text string
		want       []Node
		err        string
	}{
		{"by nodeid", "NODES_FROM good" + pkg, []Node{{Name: "node1.site", Key: 0x0cf9664e00000001}, {Name: "node2.site", Key: 0x0cf9664e00000007}}, ""},
		{"by id", "NODES_FROM " + dir + "/good\nKEY_VALUE id" + pkg, []Node{{Name: "node1.site", Key: 0xf9660000}, {Name: "node2.site", Key: 0xf9660001}}, ""},
		{"absent", "NODES_FROM absent" + pkg, nil, `f:1: "absent": nodes of corosync were expected there: no such file or directory`},
		{"not complete", "NODES_FROM bad" + pkg, nil, `f:1: "bad": nodes of corosync were expected there: line 1: the section "totem" is not closed`},
		{"two with one nodeid", "NODES_FROM one" + pkg, nil, `f:1: "one": nodes of corosync were expected there: the nodes node1.site and node2.site have the nodeid 1`},
		{"a name that cannot be", "NODES_FROM odd", nil, `f:1: "no de": letters and digits, and . - _ between them, were expected`},
		{"nodes here, too", "NODES_FROM good\nNODE_NAME a\nNODE_PR_KEY 1" + pkg, nil, `f:2: "a": no NODE_NAME line was expected: NODES_FROM names where the nodes are`},
		{"keys of nodes here", "KEY_VALUE id\nNODE_NAME a\nNODE_PR_KEY 1", nil, `f:1: "id": a NODES_FROM line was expected with it`},
		{"another key_value", "NODES_FROM good\nKEY_VALUE name", nil, `f:2: "name": `},
	} {
		conf, err := ParseConfig(strings.NewReader(c.text), filepath.Join(dir, "f"))
		if c.err != "" {
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), dir+"/", ""), c.err) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, conf.Nodes); diff != "" || conf.Name != "lab" || !conf.Packages[0].RunsOn("node2.site") {
			t.Errorf("%s: %s, (-want +got):\n%s", c.name, conf.Name, diff)
		}
	}
}

// A host is the node of its name, or the only one that has it before the first dot.
func TestNodeHere(t *testing.T) {
	c := &Config{Nodes: []Node{{Name: "a.site"}, {Name: "b.east"}, {Name: "b.west"}, {Name: "c"}}}
	for host, want := range map[string]string{"a.site": "a.site", "a": "a.site", "b": "", "c": "c", "d": ""} {
		n, err := c.NodeHere(host)
		var unknown *UnknownNodeError
		if n.Name != want || (want == "") != errors.As(err, &unknown) {
			t.Errorf("%s: %q, %v", host, n.Name, err)
		}
	}
}
