package corosync

import (
	"crypto/md5"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
)

const three = `# a comment
totem {
	version: 2
	cluster_name: lab
	interface {
		cluster_name: not this
	}
}
quorum {
  provider: corosync_votequorum
}
nodelist {
	node {
		ring0_addr: 10.77.0.11
		name: node1
		nodeid: 1
	}
	node {
		name: node2
		ring0_addr: fd00::12
		nodeid: 2
	}
	node {
		ring0_addr: node3
		nodeid: 3
	}
}
`

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"as it is": three, "CRLF": strings.ReplaceAll(three, "\n", "\r\n"), "no last newline": strings.TrimSpace(three),
		"names quoted by nobody": strings.ReplaceAll(three, "name: ", "name :\t"),
	} {
		got, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := &Config{Name: "lab", Nodes: []Node{{"node1", 1, "10.77.0.11"}, {"node2", 2, "fd00::12"}, {"node3", 3, "node3"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseFails(t *testing.T) {
	node := func(lines ...string) string {
		return "totem {\ncluster_name: x\n}\nnodelist {\nnode {\n" + strings.Join(lines, "\n") + "\n}\n}\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "totem has no cluster_name\nthere is no node in a nodelist"},
		{"no cluster name", strings.Replace(three, "	cluster_name: lab\n", "", 1), "totem has no cluster_name"},
		{"not closed", three + "logging {\n", `line 28: the section "logging" is not closed`},
		{"closed twice", three + "}\n", "line 28: a section is closed that was not opened"},
		{"a word", three + "word\n", `line 28: neither a section nor a value: "word"`},
		{"no name", node("nodeid: 1"), "line 7: a node has neither name nor ring0_addr"},
		{"no id", node("name: a"), `line 7: node a: nodeid is "", not a number from 1 to 4294967295`},
		{"id 0", node("name: a", "nodeid: 0"), `line 8: node a: nodeid is "0", not a number from 1 to 4294967295`},
		{"id of 33 bits", node("name: a", "nodeid: 4294967296"), `line 8: node a: nodeid is "4294967296", not a number from 1 to 4294967295`},
		{"names", node("name: a", "nodeid: 1", "}", "node {", "name: a", "nodeid: 2"), "two nodes have the name a"},
		{"ids", node("name: a", "nodeid: 1", "}", "node {", "name: b", "nodeid: 1"), "the nodes a and b have the nodeid 1"},
		{"long", strings.Repeat("#", MaxSize+1), "more than 1048576 bytes"},
	} {
		_, err := Parse([]byte(c.text))
		var syntax *SyntaxError
		if err == nil || !errors.As(err, &syntax) || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

// TestKeys has the keys of a cluster whose fence_scsi registered them.
func TestKeys(t *testing.T) {
	c, err := Parse([]byte(strings.Replace(three, "ring0_addr: node3", "name: node3", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[Derivation][]pr.Key{
		ByPosition: {0xf9660000, 0xf9660001, 0xf9660002},
		ByName:     {0xf9661645, 0xf9667888, 0xf9661315},
		ByNodeID:   {0x0cf9664e00000001, 0x0cf9664e00000002, 0x0cf9664e00000003},
	} {
		got, err := c.Keys(d)
		if err != nil {
			t.Errorf("%s: %v", d, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", d, diff)
		}
		for i, k := range want {
			for _, inUse := range Derivations() {
				node, by, ok := c.Recognise(k, inUse)
				if ok != (inUse != d) || ok && (node != c.Nodes[i].Name || by != d) {
					t.Errorf("%v, in use %s: recognised as %s's by %s, %v", k, inUse, node, by, ok)
				}
			}
		}
	}
}

// TestKeyOfPosition has what fence_scsi does with ten nodes and more: decimal digits
// are read as hexadecimal ones.
func TestKeyOfPosition(t *testing.T) {
	c := &Config{Name: "lab"}
	for i := range 10001 {
		c.Nodes = append(c.Nodes, Node{Name: fmt.Sprint("n", i), ID: uint32(i + 1)})
	}
	for position, want := range map[int]pr.Key{9: 0xf9660009, 10: 0xf9660010, 9999: 0xf9669999, 10000: 0xf966_10000} {
		if got, err := c.Key(ByPosition, position); err != nil || got != want {
			t.Errorf("position %d: %v, %v, want %v", position, got, err, want)
		}
	}
}

func TestKeysFail(t *testing.T) {
	c := &Config{Name: "lab", Nodes: []Node{{Name: "a", ID: 1}, {Name: "b", ID: 2}}}
	var unknown *DerivationError
	if _, err := c.Keys("config"); !errors.As(err, &unknown) || unknown.Derivation != "config" {
		t.Errorf("config: %v", err)
	}
	// The names of two nodes of which the first four digits are the same.
	var same *SameKeyError
	seen := map[string]string{}
	for i := 0; ; i++ {
		name := fmt.Sprint("n", i)
		if other, ok := seen[digits(name)[:4]]; ok {
			c.Nodes = []Node{{Name: other, ID: 1}, {Name: name, ID: 2}}
			break
		}
		seen[digits(name)[:4]] = name
	}
	if _, err := c.Keys(ByName); !errors.As(err, &same) || same.Nodes != [2]string{c.Nodes[0].Name, c.Nodes[1].Name} {
		t.Errorf("same names: %v", err)
	}
	if _, err := c.Keys(ByPosition); err != nil {
		t.Errorf("by position: %v", err)
	}
	// A cluster whose name begins with four zeros, and its first node.
	for i := 0; ; i++ {
		if c.Name = fmt.Sprint("c", i); digits(c.Name)[:4] == "0000" {
			break
		}
	}
	var zero *ZeroKeyError
	if _, err := c.Keys(ByPosition); !errors.As(err, &zero) || zero.Node != c.Nodes[0].Name {
		t.Errorf("zero: %v", err)
	}
}

// FuzzParse: whatever the text, no node lacks a name or an id.
func FuzzParse(f *testing.F) {
	f.Add([]byte(three))
	f.Add([]byte("nodelist {\nnode {\n}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if c.Name == "" || len(c.Nodes) == 0 {
			t.Fatalf("%+v", c)
		}
		for _, n := range c.Nodes {
			if n.Name == "" || n.ID == 0 {
				t.Fatalf("%+v", c)
			}
		}
	})
}

// TestIsLocal: 192.0.2.0/24 is for documents, and no host's.
func TestIsLocal(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1": true, "192.0.2.1": false, "2001:db8::1": false, "localhost": false, "": false} {
		if got := (Node{Address: address}).IsLocal(); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

// FuzzDigits compares with the standard library's.
func FuzzDigits(f *testing.F) {
	for n := range 200 {
		f.Add(strings.Repeat("x", n))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := digits(text), fmt.Sprintf("%x", md5.Sum([]byte(text))); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	})
}
