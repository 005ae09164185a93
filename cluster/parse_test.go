package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol"
)

// text joins the lines of a config.
func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

// manyNodes is a config of n nodes, n01 and so on.
func manyNodes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "NODE_NAME n%02d\nNODE_PR_KEY %x\n", i+1, i+1)
	}
	return b.String()
}

// manyFaults are those that are told of a file with more, from its third line on.
func manyFaults() []string {
	var list []string
	for i := range maxFaults {
		list = append(list, fmt.Sprintf(`f:%d: "x": unknown parameter; before package_name, those of clusters and nodes are expected`, i+3))
	}
	return append(list, fmt.Sprintf("f:%d: at most 100 faults were expected, what follows was not looked at", maxFaults+3))
}

func TestParseConfig(t *testing.T) {
	two := []Node{{"jack3", 1, 0xbcb00001, nil}, {"jack4", 2, 0xbcb00002, nil}}
	both := []string{"jack3", "jack4"}
	head := text("CLUSTER_NAME bla", "CLUSTER_PR_TAG 0xbcb0", "NODE_NAME jack3", "NODE_ID 1", "NODE_NAME jack4", "NODE_ID 2")
	cases := map[string]struct {
		text string
		want Config
	}{
		"ids with a tag": {head, Config{Name: "bla", Tag: 0xbcb0, Nodes: two}},
		"explicit keys": {text("node_name a", "node_pr_key 10001", "node_name b", "Node_PR_Key 0X3FFFFFFFFFFFFFFF"),
			Config{Nodes: []Node{{"a", 0, 0x10001, nil}, {"b", 0, 0x3fffffffffffffff, nil}}}},
		"mixed": {text("cluster_pr_tag FFFF", "node_name a", "node_pr_key 1", "node_name b", "node_id 65535"),
			Config{Tag: 0xffff, Nodes: []Node{{"a", 0, 1, nil}, {"b", 65535, 0xffffffff, nil}}}},
		"tag behind the nodes": {text("NODE_NAME a", "NODE_ID 7", "CLUSTER_PR_TAG 1"), Config{Tag: 1, Nodes: []Node{{"a", 7, 0x10007, nil}}}},
		"comments and blanks": {text("# NODE_NAME x", "", " \t ", "  NODE_NAME\ta   # the first", "NODE_PR_KEY 1 #", "#", "\t# NODE_PR_KEY 2"),
			Config{Nodes: []Node{{"a", 0, 1, nil}}}},
		"# inside a word": {text("CLUSTER_NAME bla#1", "NODE_NAME a", "NODE_PR_KEY 1"), Config{Name: "bla#1", Nodes: []Node{{"a", 0, 1, nil}}}},
		"CRLF":            {"NODE_NAME a\r\nNODE_PR_KEY 1\r\n\r\n# x\r\n", Config{Nodes: []Node{{"a", 0, 1, nil}}}},
		"no last newline": {"NODE_NAME a\nNODE_PR_KEY 1", Config{Nodes: []Node{{"a", 0, 1, nil}}}},
		"longest name":    {text("NODE_NAME "+strings.Repeat("n", 39), "NODE_PR_KEY 1"), Config{Nodes: []Node{{strings.Repeat("n", 39), 0, 1, nil}}}},
		"names":           {text("NODE_NAME a-b_c.d", "NODE_PR_KEY 1", "NODE_NAME 4", "NODE_PR_KEY 2"), Config{Nodes: []Node{{"a-b_c.d", 0, 1, nil}, {"4", 0, 2, nil}}}},
		"names by case":   {text("NODE_NAME a", "NODE_PR_KEY 1", "NODE_NAME A", "NODE_PR_KEY 2"), Config{Nodes: []Node{{"a", 0, 1, nil}, {"A", 0, 2, nil}}}},
		"longest line":    {text("NODE_NAME a"+strings.Repeat(" ", maxLine-len("NODE_NAME a")), "NODE_PR_KEY 1"), Config{Nodes: []Node{{"a", 0, 1, nil}}}},
		"package, defaults": {head + text("package_name pkg1", "vg /dev/iscsi_vg3", "pv /dev/mapper/mpathc"),
			Config{Name: "bla", Tag: 0xbcb0, Nodes: two, Packages: []Package{{"pkg1", Failover, both, []string{"iscsi_vg3"}, []string{"/dev/mapper/mpathc"}, nil, nil}}}},
		"packages, all": {head + text("PACKAGE_NAME pkg1", "Package_Type MULTI_NODE", "node_name *", "VG vg1", "VG vg2", "package_name pkg2", "package_type system_multi_node", "node_name jack4", "node_name jack3", "pv /dev/sdx"),
			Config{Name: "bla", Tag: 0xbcb0, Nodes: two, Packages: []Package{
				{"pkg1", MultiNode, both, []string{"vg1", "vg2"}, nil, nil, nil}, {"pkg2", SystemMultiNode, []string{"jack4", "jack3"}, nil, []string{"/dev/sdx"}, nil, nil},
			}}},
		"package without LUNs": {head + text("package_name pkg1"), Config{Name: "bla", Tag: 0xbcb0, Nodes: two, Packages: []Package{{"pkg1", Failover, both, nil, nil, nil, nil}}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ParseConfig(strings.NewReader(c.text), "f")
			if err != nil {
				t.Fatal(err)
			}
			c.want.Path = "f"
			// Which line every value came from is another test's.
			bare := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Settings" }, cmp.Ignore())
			if diff := cmp.Diff(&c.want, got, bare); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if c, err := ParseConfig(strings.NewReader(manyNodes(16)), "f"); err != nil || len(c.Nodes) != 16 {
		t.Errorf("16 nodes: %v", err)
	}
}

// configFault is a config with faults, and all that is said of it.
type configFault struct {
	text string
	want []string
}

// configFaults are faults in what concerns reservations, by name.
func configFaults() map[string]configFault {
	const (
		aKey      = "a key of 1 to 16 hexadecimal digits was expected, not zero"
		letters   = "letters and digits, and . - _ between them, were expected"
		unknown   = "unknown parameter; before package_name, those of clusters and nodes are expected"
		unknownIn = "unknown parameter; after package_name, those of packages are expected"
		tagDigits = "1 to 4 hexadecimal digits were expected, not zero"
		idRange   = "a number from 1 to 65535 was expected"
		aGroup    = "the name of a volume group was expected, VG or /dev/VG"
	)
	node := text("NODE_NAME a", "NODE_PR_KEY 1")
	return map[string]configFault{
		"empty":                 {"", []string{`f: at least one NODE_NAME line was expected`}},
		"nodes elsewhere":       {text("NODES_FROM absent"), []string{`f:1: "absent": nodes of corosync were expected there: no such file or directory`}},
		"nodes here, too":       {text("NODES_FROM absent") + node, []string{`f:2: "a": no NODE_NAME line was expected: NODES_FROM names where the nodes are`}},
		"keys of nodes here":    {text("KEY_VALUE id") + node, []string{`f:1: "id": a NODES_FROM line was expected with it`}},
		"comments only":         {text("# a"), []string{`f: at least one NODE_NAME line was expected`}},
		"host identifier 0":     {node + text("NODE_NVME_HOSTID 00000000-0000-0000-0000-000000000000"), []string{`f:3: "00000000-0000-0000-0000-000000000000": a host identifier was expected, as in /etc/nvme/hostid: 32 hexadecimal digits, or 16, not all zero`}},
		"host identifier twice": {node + text("NODE_NVME_HOSTID 0123456789abcdef", "NODE_NAME b", "NODE_PR_KEY 2", "NODE_NVME_HOSTID 01234567-89ABCDEF"), []string{`f:6: "01234567-89ABCDEF": a host identifier of its own was expected, node a has this one: to a namespace the two are one host`}},
		"key 0":                 {text("NODE_NAME a", "NODE_PR_KEY 0"), []string{`f:2: "0": ` + aKey}},
		"key 0x0":               {text("NODE_NAME a", "NODE_PR_KEY 0x0000"), []string{`f:2: "0x0000": ` + aKey}},
		"key of letters":        {text("NODE_NAME a", "NODE_PR_KEY key01"), []string{`f:2: "key01": ` + aKey}},
		"key of 17 digits":      {text("NODE_NAME a", "NODE_PR_KEY 10000000000000000"), []string{`f:2: "10000000000000000": ` + aKey}},
		"key with bit 63":       {text("NODE_NAME a", "NODE_PR_KEY 8000000000000000"), []string{`f:2: "8000000000000000": a key below 4000000000000000 was expected, its two highest bits mark nodes that are leaving or taking`}},
		"key with bit 62":       {text("NODE_NAME a", "NODE_PR_KEY 4000000000000000"), []string{`f:2: "4000000000000000": a key below 4000000000000000 was expected, its two highest bits mark nodes that are leaving or taking`}},
		"one key twice":         {node + text("NODE_NAME b", "NODE_PR_KEY 0x0001"), []string{`f:4: "0x1": a key of its own was expected for node b, node a has this one`}},
		"one key by id and key": {text("CLUSTER_PR_TAG 1", "NODE_NAME a", "NODE_PR_KEY 10002", "NODE_NAME b", "NODE_ID 2"), []string{`f:5: "0x10002": a key of its own was expected for node b, node a has this one`}},
		"one key thrice": {node + text("NODE_NAME b", "NODE_PR_KEY 1", "NODE_NAME c", "NODE_PR_KEY 1"), []string{
			`f:4: "0x1": a key of its own was expected for node b, node a has this one`,
			`f:6: "0x1": a key of its own was expected for node c, node a has this one`, `f:6: "0x1": a key of its own was expected for node c, node b has this one`,
		}},
		"no key":               {text("NODE_NAME a"), []string{`f:1: "a": a NODE_ID or NODE_PR_KEY line was expected for this node`}},
		"id without a tag":     {text("NODE_NAME a", "NODE_ID 1"), []string{`f:2: "NODE_ID": a CLUSTER_PR_TAG line was expected with it, or NODE_PR_KEY in its place`}},
		"id 0":                 {text("CLUSTER_PR_TAG 1", "NODE_NAME a", "NODE_ID 0"), []string{`f:3: "0": ` + idRange}},
		"id 65536":             {text("CLUSTER_PR_TAG 1", "NODE_NAME a", "NODE_ID 65536"), []string{`f:3: "65536": ` + idRange}},
		"id and key":           {text("CLUSTER_PR_TAG 1", "NODE_NAME a", "NODE_ID 1", "NODE_PR_KEY 1"), []string{`f:4: "NODE_PR_KEY": node a has a NODE_ID or NODE_PR_KEY already, in line 3`}},
		"key before nodes":     {text("NODE_PR_KEY 1") + node, []string{`f:1: "NODE_PR_KEY": a NODE_NAME line was expected before it`}},
		"tag 0":                {text("CLUSTER_PR_TAG 0") + node, []string{`f:1: "0": ` + tagDigits}},
		"tag of 5 digits":      {text("CLUSTER_PR_TAG 10000") + node, []string{`f:1: "10000": ` + tagDigits}},
		"two tags":             {text("CLUSTER_PR_TAG 1", "CLUSTER_PR_TAG 2") + node, []string{`f:2: "2": the cluster has a tag already, 0x1`}},
		"two cluster names":    {text("CLUSTER_NAME a", "CLUSTER_NAME b") + node, []string{`f:2: "b": the cluster has a name already, a`}},
		"one node twice":       {node + text("NODE_NAME a", "NODE_PR_KEY 2"), []string{`f:3: "a": another node was expected, this one is in line 1`}},
		"name of 40":           {text("NODE_NAME "+strings.Repeat("n", 40), "NODE_PR_KEY 1"), []string{`f:1: "` + strings.Repeat("n", 40) + `": at most 39 characters were expected, not 40`}},
		"name with a dash end": {text("NODE_NAME -a", "NODE_PR_KEY 1", "NODE_NAME a.", "NODE_PR_KEY 2"), []string{`f:1: "-a": ` + letters, `f:3: "a.": ` + letters}},
		"name in UTF-8":        {text("NODE_NAME jäck", "NODE_PR_KEY 1"), []string{`f:1: "jäck": ` + letters}},
		"name not in UTF-8":    {text("NODE_NAME j\xe4ck", "NODE_PR_KEY 1"), []string{`f:1: "j\xe4ck": ` + letters}},
		"NUL in a name":        {text("NODE_NAME a\x00b", "NODE_PR_KEY 1"), []string{`f:1: "a\x00b": ` + letters}},
		"NUL bytes":            {"\x00\x00\n" + node, []string{`f:1: "\x00\x00": one value was expected after it, not 0`}},
		"byte order mark":      {"\ufeff" + node, []string{`f:1: "\ufeffNODE_NAME": ` + unknown, `f:2: "NODE_PR_KEY": a NODE_NAME line was expected before it`, `f: at least one NODE_NAME line was expected`}},
		"no value":             {node + text("CLUSTER_NAME"), []string{`f:3: "CLUSTER_NAME": one value was expected after it, not 0`}},
		"value in a comment":   {node + text("CLUSTER_NAME # bla"), []string{`f:3: "CLUSTER_NAME": one value was expected after it, not 0`}},
		"two values":           {text("NODE_NAME a b", "NODE_PR_KEY 1"), []string{`f:1: "NODE_NAME": one value was expected after it, not 2`, `f:2: "NODE_PR_KEY": a NODE_NAME line was expected before it`, `f: at least one NODE_NAME line was expected`}},
		"equals sign":          {node + text("CLUSTER_NAME=bla"), []string{`f:3: "CLUSTER_NAME=bla": one value was expected after it, not 0`}},
		"unknown parameter":    {node + text("CLUSTER_LOCK 1"), []string{`f:3: "CLUSTER_LOCK": ` + unknown}},
		"vg before packages":   {node + text("VG vg1"), []string{`f:3: "VG": a package_name line was expected before it`}},
		"unknown in package":   {node + text("package_name p", "vgs vg1"), []string{`f:4: "vgs": ` + unknownIn}},
		"node line in package": {node + text("package_name p", "NODE_PR_KEY 2"), []string{`f:4: "NODE_PR_KEY": ` + unknownIn}},
		"unknown node":         {node + text("package_name p", "node_name b"), []string{`f:4: "b": the name of a node in this file was expected`}},
		"node in other case":   {node + text("package_name p", "node_name A"), []string{`f:4: "A": the name of a node in this file was expected`}},
		"* beside a node":      {node + text("package_name p", "node_name a", "node_name *"), []string{`f:5: "*": the name of a node in this file was expected`}},
		"node twice":           {node + text("package_name p", "node_name a", "node_name a"), []string{`f:5: "a": another node was expected, the package lists this one already`}},
		"one package twice":    {node + text("package_name p", "package_name p"), []string{`f:4: "p": another package was expected, this one is in line 3`}},
		"package name":         {node + text("package_name p!"), []string{`f:3: "p!": ` + letters}},
		"package type":         {node + text("package_name p", "package_type shared"), []string{`f:4: "shared": failover, multi_node or system_multi_node was expected`}},
		"two types":            {node + text("package_name p", "package_type failover", "package_type failover"), []string{`f:5: "failover": package p has a type already, in line 4`}},
		"vg is a path":         {node + text("package_name p", "vg /dev/mapper/x", "vg /dev/", "vg -x"), []string{`f:4: "/dev/mapper/x": ` + aGroup, `f:5: "/dev/": ` + aGroup, `f:6: "-x": ` + aGroup}},
		"pv is no path":        {node + text("package_name p", "pv sda"), []string{`f:4: "sda": the full name of a device was expected, /dev/...`}},
		"one vg, two packages": {node + text("package_name p", "vg v", "package_name q", "vg /dev/v"), []string{`f:6: "v": it belongs to package p already`}},
		"one pv, two packages": {node + text("package_name p", "pv /dev/x", "package_name q", "pv /dev/x"), []string{`f:6: "/dev/x": it belongs to package p already`}},
		"no LUNs, and one":     {node + text("package_name p", "vg v", "no_luns yes"), []string{`f:5: "yes": no was expected, the package has a vg or pv line`}},
		"one vg twice":         {node + text("package_name p", "vg v", "vg v"), []string{`f:5: "v": it belongs to package p already`}},
		"17 nodes":             {manyNodes(17), []string{`f:33: "n17": at most 16 nodes were expected`}},
		"line too long":        {node + "#" + strings.Repeat("x", maxLine) + "\n", []string{`f:3: a line of at most 65535 characters was expected`}},
		"too many lines":       {node + strings.Repeat("\n", maxLines), []string{`f: a file of at most 200000 lines was expected`}},
		"too many faults":      {node + strings.Repeat("x 1\n", 2*maxFaults), manyFaults()},
		"file too long":        {node + strings.Repeat(strings.Repeat("#", 1023)+"\n", maxConfig>>10), []string{`f: a file of at most 4194304 bytes was expected`}},
	}
}

// Each fault of a file is told with line, word and what was expected; all at
// once, and no config comes with them.
func TestParseConfigErrors(t *testing.T) {
	for name, c := range configFaults() {
		t.Run(name, func(t *testing.T) {
			got, err := ParseConfig(strings.NewReader(c.text), "f")
			if got != nil || err == nil {
				t.Fatalf("%+v, %v", got, err)
			}
			if diff := cmp.Diff(strings.Join(c.want, "\n"), err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				var ce *ConfigError
				if !errors.As(e, &ce) {
					t.Errorf("%v is no *ConfigError", e)
				}
			}
		})
	}
}

// A config that cannot be read to its end is no config, however good its
// beginning was.
func TestLoadConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cluster.conf")
	if err := os.WriteFile(file, []byte(manyNodes(2)), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := LoadConfig(t.Context(), file); err != nil || c.Path != file || len(c.Nodes) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	var pe *fs.PathError
	if c, err := LoadConfig(t.Context(), filepath.Join(dir, "absent")); c != nil || !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &pe) {
		t.Errorf("absent: %v", err)
	}
	if c, err := LoadConfig(t.Context(), dir); c != nil || !errors.As(err, &pe) || err.Error() != "read "+dir+": is a directory" {
		t.Errorf("a directory: %v", err)
	}
	broken := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(manyNodes(2))))
	if c, err := ParseConfig(broken, "f"); c != nil || !errors.Is(err, iotest.ErrTimeout) || !errors.As(err, &pe) || pe.Path != "f" {
		t.Errorf("broken off: %+v, %v", c, err)
	}
}

// A key belongs to its node with and without a mark, to no other,
// and to nobody without a config.
func TestNodeOf(t *testing.T) {
	c, err := ParseConfig(strings.NewReader(manyNodes(2)), "f")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[uint64]string{1: "n01", 2: "n02", 1<<63 | 2: "n02", 3: "", 0: "", 1 << 63: "", 1<<62 | 1: "n01", 1<<61 | 1: ""} {
		n, ok := c.NodeOf(pr.Key(key))
		if n.Name != want || ok != (want != "") {
			t.Errorf("%#x: %v, %v", key, n, ok)
		}
		if n, ok := (*Config)(nil).NodeOf(pr.Key(key)); ok {
			t.Errorf("no config, %#x: %v", key, n)
		}
	}
	if got := c.Foreign([]pr.Key{1, 3, 1<<63 | 1, 1<<63 | 3}); !cmp.Equal(got, []pr.Key{3, 1<<63 | 3}) {
		t.Errorf("foreign: %v", got)
	}
	if _, err := c.Node("n03"); err == nil || err.Error() != "n03 is not a node of f" {
		t.Errorf("unknown node: %v", err)
	}
	if _, err := c.Package("p"); err == nil || err.Error() != "p is not a configured package name" {
		t.Errorf("unknown package: %v", err)
	}
}

// Whatever stands in a file: no panic, nothing with an error, and an accepted
// config has what the protocols rely on.
func FuzzParseConfig(f *testing.F) {
	f.Add("")
	f.Add(text("CLUSTER_NAME bla", "CLUSTER_PR_TAG 0xbcb0", "NODE_NAME jack3", "NODE_ID 1", "NODE_NAME jack4", "NODE_PR_KEY 10001"))
	f.Add(manyNodes(3) + text("package_name p", "package_type multi_node", "node_name *", "vg v", "pv /dev/x", "package_name q", "node_name n01"))
	f.Add(manyNodes(17))
	f.Add("NODE_NAME a\r\nNODE_PR_KEY 8000000000000001 # x\n\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseConfig(strings.NewReader(s), "f")
		if (c == nil) != (err != nil) {
			t.Fatalf("%+v with error %v", c, err)
		}
		if err != nil {
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				var ce *ConfigError
				if !errors.As(e, &ce) || ce.File != "f" || ce.Line > strings.Count(s, "\n")+1 || ce.Expected == "" {
					t.Fatalf("%v", e)
				}
			}
			return
		}
		keys, names, owned := map[pr.Key]bool{}, map[string]bool{}, map[string]bool{}
		if len(c.Nodes) == 0 || len(c.Nodes) > protocol.MaxMembers {
			t.Fatalf("%d nodes", len(c.Nodes))
		}
		for _, n := range c.Nodes {
			if n.Key == 0 || n.Key&protocol.Marks != 0 || keys[n.Key] || n.Name == "" || names[n.Name] {
				t.Fatalf("node %+v", n)
			}
			keys[n.Key], names[n.Name] = true, true
		}
		packages := map[string]bool{}
		for _, p := range c.Packages {
			if p.Name == "" || packages[p.Name] || len(p.Nodes) == 0 {
				t.Fatalf("package %+v", p)
			}
			packages[p.Name] = true
			for _, n := range p.Nodes {
				if !names[n] {
					t.Fatalf("package %+v: no node %s", p, n)
				}
			}
			for _, d := range append(append([]string{}, p.Groups...), p.Volumes...) {
				if d == "" || owned[d] {
					t.Fatalf("package %+v: %q", p, d)
				}
				owned[d] = true
			}
		}
	})
}
