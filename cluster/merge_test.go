package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/cluster/ownfile"
)

// desk is a folder with a config and files to apply to it.
type desk struct {
	t    *testing.T
	dir  string
	conf string
}

func newDesk(t *testing.T, conf string) *desk {
	d := &desk{t: t, dir: t.TempDir()}
	d.conf = filepath.Join(d.dir, "cluster.conf")
	if conf != "" {
		d.write("cluster.conf", conf)
	}
	return d
}

func (d *desk) write(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// apply merges and writes, and returns what the config is then.
func (d *desk) apply(clusterFile string, packages ...string) string {
	d.t.Helper()
	if clusterFile != "" {
		clusterFile = d.write("cmcl.conf", clusterFile)
	}
	var files []string
	for i, p := range packages {
		files = append(files, d.write("pkg"+string(rune('a'+i))+".conf", p))
	}
	m, err := MergeFiles(d.t.Context(), d.conf, clusterFile, files)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := ownfile.Replace(d.conf, m.Text, m.Old); err != nil {
		d.t.Fatal(err)
	}
	if _, err := LoadConfig(d.t.Context(), d.conf); err != nil {
		d.t.Errorf("what was written is no config: %v", err)
	}
	got, err := os.ReadFile(d.conf)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(got)
}

func (d *desk) want(got, want string) {
	d.t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		d.t.Errorf("(-want +got):\n%s", diff)
	}
}

// A node's key is the same whatever comes and goes; an id is given once.
func TestMergeKeepsKeys(t *testing.T) {
	d := newDesk(t, "")
	d.want(d.apply("# bla\nCLUSTER_NAME bla\nNODE_NAME a\nNODE_NAME b\n", "package_name p\nnode_name a\nvg v\n"),
		"CLUSTER_PR_TAG 0xf4d6\n# bla\nCLUSTER_NAME bla\nNODE_NAME a\n  NODE_ID 1\nNODE_NAME b\n  NODE_ID 2\n\npackage_name p\nnode_name a\nvg v\n")
	// b leaves, c comes: 2 is not given again.
	d.want(d.apply("CLUSTER_NAME bla\nNODE_NAME c\nNODE_NAME a\n"),
		"CLUSTER_PR_TAG 0xf4d6\nCLUSTER_NAME bla\nNODE_NAME c\n  NODE_ID 3\nNODE_NAME a\n  NODE_ID 1\nRETIRED_NODE_ID b=2\n\npackage_name p\nnode_name a\nvg v\n")
	// c leaves, too, b is back with what it had, d is new.
	d.want(d.apply("CLUSTER_NAME bla\nNODE_NAME a\nNODE_NAME b\nNODE_NAME d\n"),
		"CLUSTER_PR_TAG 0xf4d6\nCLUSTER_NAME bla\nNODE_NAME a\n  NODE_ID 1\nNODE_NAME b\n  NODE_ID 2\nNODE_NAME d\n  NODE_ID 4\nRETIRED_NODE_ID c=3\n\npackage_name p\nnode_name a\nvg v\n")
	if bak, err := os.ReadFile(d.conf + ".bak"); err != nil || !strings.Contains(string(bak), "NODE_NAME c") {
		t.Errorf("backup: %q, %v", bak, err)
	}
	// What came out goes in again without a change.
	before, _ := os.ReadFile(d.conf)
	head, _, _ := strings.Cut(string(before), "\npackage_name")
	d.want(d.apply(head), string(before))
}

// Explicit keys stay, and need no tag.
func TestMergeExplicitKeys(t *testing.T) {
	d := newDesk(t, "CLUSTER_NAME x\nNODE_NAME a\nNODE_PR_KEY 0x10001\nNODE_NAME b\nNODE_PR_KEY 2\n")
	d.want(d.apply("CLUSTER_NAME x\nNODE_NAME b\nNODE_NAME a\nNODE_PR_KEY 00010001\n"),
		"CLUSTER_NAME x\nNODE_NAME b\n  NODE_PR_KEY 2\nNODE_NAME a\nNODE_PR_KEY 00010001\n")
	d.want(d.apply("CLUSTER_NAME x\nNODE_NAME a\nNODE_NAME c\n"),
		"CLUSTER_PR_TAG 0x9a5f\nCLUSTER_NAME x\nNODE_NAME a\n  NODE_PR_KEY 10001\nNODE_NAME c\n  NODE_ID 1\nRETIRED_NODE_PR_KEY b=2\n")
}

// A package file takes the place of its package, with its comments; the others
// and the cluster stay as they were, to the byte.
func TestMergePackages(t *testing.T) {
	const head = "CLUSTER_NAME x   # the one\nNODE_NAME a\nNODE_PR_KEY 1\n"
	d := newDesk(t, head+"\n# of p\n# more of p\npackage_name p\nvg v1\n# end of p\n\n# of q\npackage_name q\npv /dev/x\n")
	d.want(d.apply("", "# new p\npackage_name p\nvg v2\n", "package_name r\nvg v3\n"),
		head+"\n# new p\npackage_name p\nvg v2\n\n# end of p\n\n# of q\npackage_name q\npv /dev/x\n\npackage_name r\nvg v3\n")
}

// Faults are told of the file that they are in, and nothing comes of them.
func TestMergeErrors(t *testing.T) {
	const conf = "CLUSTER_NAME x\nCLUSTER_PR_TAG 1\nNODE_NAME a\nNODE_ID 1\nNODE_NAME b\nNODE_ID 2\nRETIRED_NODE_ID z=9\npackage_name p\nnode_name b\nvg v\n"
	for name, c := range map[string]struct {
		conf, cluster string
		packages      []string
		want          []string
	}{
		"nothing at all":       {"", "", nil, []string{"cluster.conf: at least one NODE_NAME line was expected"}},
		"broken config":        {"NODE_NAME a\n", "", nil, []string{`cluster.conf:1: "a": a NODE_ID or NODE_PR_KEY line was expected for this node`}},
		"no name yet":          {conf, "", []string{"# head\npackage_name\nauto_run yes\nnode_name *\n"}, []string{`pkga.conf:2: "package_name": one value was expected after it, not 0`}},
		"other cluster":        {conf, "CLUSTER_NAME y\nNODE_NAME a\nNODE_NAME b\n", nil, []string{`cmcl.conf:1: "y": the cluster is x`}},
		"other tag":            {conf, "CLUSTER_NAME x\nCLUSTER_PR_TAG 2\nNODE_NAME a\nNODE_NAME b\n", nil, []string{`cmcl.conf:2: "2": CLUSTER_PR_TAG is 0x1 and makes the keys of the nodes, which must not change`}},
		"other id":             {conf, "NODE_NAME a\nNODE_ID 7\nNODE_NAME b\n", nil, []string{`cmcl.conf:2: "7": node a has NODE_ID 1, which must not change`}},
		"key for an id":        {conf, "NODE_NAME a\nNODE_PR_KEY 10001\nNODE_NAME b\n", nil, []string{`cmcl.conf:2: "10001": node a has NODE_ID 1, which must not change`}},
		"id of a retired node": {conf, "NODE_NAME a\nNODE_NAME b\nNODE_NAME c\nNODE_ID 9\n", nil, []string{`cmcl.conf:4: "9": another id was expected, node z had this one`}},
		"package in cluster":   {conf, "NODE_NAME a\nNODE_NAME b\npackage_name q\n", nil, []string{`cmcl.conf:3: "q": no package was expected in a cluster file, name its file with -P`}},
		"node still needed":    {conf, "CLUSTER_NAME x\nNODE_NAME a\n", nil, []string{`cluster.conf:9: "b": the name of a node in this file was expected`}},
		"no package":           {conf, "", []string{"# nothing\n"}, []string{`pkga.conf: a package_name line was expected`}},
		"two packages":         {conf, "", []string{"package_name q\npackage_name r\n"}, []string{`pkga.conf: "r": one package was expected in a package file`}},
		"line before":          {conf, "", []string{"vg x\npackage_name q\n"}, []string{`pkga.conf:1: "vg": a package_name line was expected before it`}},
		"one package twice":    {conf, "", []string{"package_name q\n", "package_name q\n"}, []string{`pkgb.conf: "q": another package was expected, this one is in DIR/pkga.conf`}},
		"vg of another":        {conf, "", []string{"package_name q\nvg v\n"}, []string{`pkga.conf:2: "v": it belongs to package p already`}},
		"several faults":       {conf, "", []string{"package_name q\nauto_run maybe\n", "package_name r\nfs_name x\n"}, []string{`pkga.conf:2: "maybe": yes or no was expected`, `pkgb.conf:2: "x": the full name of a file was expected, /...`, `pkgb.conf:2: "x": a fs_directory line was expected after it`}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.conf)
			clusterFile := ""
			if c.cluster != "" {
				clusterFile = d.write("cmcl.conf", c.cluster)
			}
			var files []string
			for i, p := range c.packages {
				files = append(files, d.write("pkg"+string(rune('a'+i))+".conf", p))
			}
			m, err := MergeFiles(t.Context(), d.conf, clusterFile, files)
			if m != nil || err == nil {
				t.Fatalf("%v, %v", m, err)
			}
			got := strings.ReplaceAll(err.Error(), d.dir, "DIR")
			got = strings.ReplaceAll("\n"+got, "\nDIR/", "\n")[1:]
			if diff := cmp.Diff(strings.Join(c.want, "\n"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Root does not take a config that others can change.
func TestTrust(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be deceived")
	}
	const nobody = 65534
	d := newDesk(t, manyNodes(1))
	for name, c := range map[string]struct {
		change, back func(string) error
	}{
		"group can write":  {func(p string) error { return os.Chmod(p, 0o664) }, func(p string) error { return os.Chmod(p, 0o644) }},
		"all can write":    {func(p string) error { return os.Chmod(p, 0o646) }, func(p string) error { return os.Chmod(p, 0o644) }},
		"belongs to other": {func(p string) error { return os.Chown(p, nobody, 0) }, func(p string) error { return os.Chown(p, 0, 0) }},
	} {
		if err := c.change(d.conf); err != nil {
			t.Fatal(err)
		}
		if conf, err := LoadConfig(t.Context(), d.conf); conf != nil || !errors.Is(err, ownfile.ErrNotTrusted) {
			t.Errorf("%s: %v, %v", name, conf, err)
		}
		if _, err := MergeFiles(t.Context(), filepath.Join(d.dir, "absent"), d.conf, nil); !errors.Is(err, ownfile.ErrNotTrusted) {
			t.Errorf("%s, as a cluster file: %v", name, err)
		}
		if err := c.back(d.conf); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(d.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(d.conf)
	if err := ownfile.Replace(d.conf, nil, text); !errors.Is(err, ownfile.ErrNotTrusted) {
		t.Errorf("directory that all can write to: %v", err)
	}
	if err := os.Chmod(d.dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := ownfile.Replace(d.conf, text, text); err != nil {
		t.Errorf("directory with the sticky bit: %v", err)
	}
}

// However a file writes ids, keys and names, nobody gets what another has or
// had, and what comes out goes in again without a change.
func TestMergeSpellings(t *testing.T) {
	const conf = "CLUSTER_NAME bla\nCLUSTER_PR_TAG 0xbcb0\nNODE_NAME jack3\nNODE_ID 1\nNODE_NAME jack4\nNODE_PR_KEY 91ce0007\n" +
		"RETIRED_NODE_ID old=2\nRETIRED_NODE_PR_KEY older=dead0001\n"
	const both = "CLUSTER_NAME bla\nNODE_NAME jack3\nNODE_NAME jack4\n"
	keys := func(c *Config) string {
		var list []string
		for _, n := range c.Nodes {
			list = append(list, n.Name+" "+n.Key.String())
		}
		return strings.Join(list, ", ")
	}
	for name, c := range map[string]struct{ file, want string }{
		"id with a zero":         {"NODE_NAME jack3\nNODE_ID 01\nNODE_NAME jack4\n", "jack3 0xbcb00001, jack4 0x91ce0007"},
		"id in quotes":           {"node_name \"jack3\"\nnode_id \"0001\"#x\nNODE_NAME jack4\n", "jack3 0xbcb00001, jack4 0x91ce0007"},
		"key in capitals":        {"NODE_NAME jack3\nNODE_NAME jack4\nNODE_PR_KEY 0X0091CE0007\n", "jack3 0xbcb00001, jack4 0x91ce0007"},
		"key without 0x":         {"NODE_NAME jack3\nNODE_NAME jack4\nNODE_PR_KEY \"91CE0007\"\n", "jack3 0xbcb00001, jack4 0x91ce0007"},
		"name with a comment":    {"NODE_NAME \"jack3\"#x\nNODE_NAME \"jack4\" # y\n", "jack3 0xbcb00001, jack4 0x91ce0007"},
		"name of two words":      {"NODE_NAME \"jack3\" x\nNODE_NAME jack4\n", `cmcl.conf:1: "NODE_NAME": nothing was expected after the closing quote`},
		"decimal, not octal":     {both + "NODE_NAME new\nNODE_ID 010\nNODE_NAME newer\n", "jack3 0xbcb00001, jack4 0x91ce0007, new 0xbcb0000a, newer 0xbcb0000b"},
		"retired id with a zero": {both + "NODE_NAME new\nNODE_ID 02\n", `cmcl.conf:5: "02": another id was expected, node old had this one`},
		"retired id in quotes":   {both + "NODE_NAME new\nNODE_ID \"2\"\n", `cmcl.conf:5: "2": another id was expected, node old had this one`},
		"retired id as a key":    {both + "NODE_NAME new\nNODE_PR_KEY bcb00002\n", `cmcl.conf:5: "bcb00002": another key was expected, node old had this one`},
		"... in capitals":        {both + "NODE_NAME new\nNODE_PR_KEY 0XBCB00002\n", `cmcl.conf:5: "0XBCB00002": another key was expected, node old had this one`},
		"retired key":            {both + "NODE_NAME new\nNODE_PR_KEY 0x0dead0001\n", `cmcl.conf:5: "0x0dead0001": another key was expected, node older had this one`},
		"retired node, other id": {both + "NODE_NAME old\nNODE_ID 5\n", `cmcl.conf:5: "5": node old had NODE_ID 2, which must not change`},
		"retired node is back":   {both + "NODE_NAME old\nNODE_NAME older\n", "jack3 0xbcb00001, jack4 0x91ce0007, old 0xbcb00002, older 0xdead0001"},
		"... with what it had":   {both + "NODE_NAME old\nNODE_ID 002\nRETIRED_NODE_ID old=2\n", "jack3 0xbcb00001, jack4 0x91ce0007, old 0xbcb00002"},
		"retired line changed":   {both + "RETIRED_NODE_ID old=3\n", `cmcl.conf:4: "old=3": node old had NODE_ID 2, which must not change`},
		"retired in other case":  {both + "retired_node_id old=002\nNODE_NAME new\n", "jack3 0xbcb00001, jack4 0x91ce0007, new 0xbcb00003"},
		"id of one that leaves":  {"NODE_NAME jack4\nNODE_NAME new\nNODE_ID 001\n", `cmcl.conf:3: "001": another id was expected, node jack3 had this one`},
		"key of one that leaves": {"NODE_NAME jack3\nNODE_NAME new\nNODE_PR_KEY 91CE0007\n", `cmcl.conf:3: "91CE0007": another key was expected, node jack4 had this one`},
		"tag in another form":    {"CLUSTER_PR_TAG \"BCB0\"\n" + both, "jack3 0xbcb00001, jack4 0x91ce0007"},
		"ids all given":          {both + "NODE_NAME new\nNODE_ID 65535\nNODE_NAME newer\n", "jack3 0xbcb00001, jack4 0x91ce0007, new 0xbcb0ffff, newer 0xbcb00003"},
		"a key that an id makes": {both + "NODE_NAME new\nNODE_PR_KEY bcb00003\nNODE_NAME newer\n", "jack3 0xbcb00001, jack4 0x91ce0007, new 0xbcb00003, newer 0xbcb00004"},
		"nothing retired told":   {both, "jack3 0xbcb00001, jack4 0x91ce0007"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, conf)
			file := d.write("cmcl.conf", c.file)
			m, err := MergeFiles(t.Context(), d.conf, file, nil)
			if err != nil {
				if got := strings.TrimPrefix(err.Error(), d.dir+"/"); got != c.want {
					t.Errorf("%s; %s expected", got, c.want)
				}
				return
			}
			if got := keys(m.Config); got != c.want {
				t.Errorf("keys %s; %s expected\n%s", got, c.want, m.Text)
			}
			// Nothing that was retired is forgotten, and a second time changes nothing.
			for _, name := range []string{"old", "older"} {
				_, member := m.Config.Node(name)
				if _, ok := retiredIn(m.Config, name); ok == (member == nil) {
					t.Errorf("%s: retired %v, member %v", name, ok, member)
				}
			}
			d.write("cluster.conf", string(m.Text))
			again, err := MergeFiles(t.Context(), d.conf, file, nil)
			if err != nil || again.Changed() {
				t.Errorf("a second time: %v\n%s\n%s", err, m.Text, again.Text)
			}
		})
	}
}

// What is not replaced stays to the byte, whatever it looks like, and a part
// that is the same is not replaced.
func TestMergeKeepsBytes(t *testing.T) {
	const conf = "\r\n\n# top\r\nCLUSTER_NAME x\n\n\nNODE_NAME a\r\n\tNODE_PR_KEY 1\n\n\n# p\npackage_name p  # here\n\n\n\n\t# q\r\nPACKAGE_NAME \"q\"#y\nvg v\n\n  \npackage_name r"
	d := newDesk(t, conf)
	for _, files := range [][]string{{"# p\npackage_name p  # here\n"}, {"\n\t# q\nPACKAGE_NAME \"q\"#y\r\nvg v\r\n\r\n", "package_name r\n"}} {
		d.want(d.apply("", files...), conf)
	}
	d.want(d.apply("# top\nCLUSTER_NAME x\n\n\nNODE_NAME a\n\tNODE_PR_KEY 1\n"), conf)
	d.want(d.apply("", "package_name q\nvg v2\n"), strings.Replace(conf, "\t# q\r\nPACKAGE_NAME \"q\"#y\nvg v\n", "package_name q\nvg v2\n", 1)+"\n")
}

// When every id was somebody's, none is given.
func TestMergeNoID(t *testing.T) {
	var conf strings.Builder
	conf.WriteString("CLUSTER_PR_TAG 1\nNODE_NAME a\nNODE_ID 1\n")
	for id := 2; id <= maxNodeID; id++ {
		fmt.Fprintf(&conf, "RETIRED_NODE_ID r%d=%d\n", id, id)
	}
	d := newDesk(t, conf.String())
	_, err := MergeFiles(t.Context(), d.conf, d.write("cmcl.conf", "NODE_NAME a\nNODE_NAME b\n"), nil)
	if want := `:2: "b": a NODE_PR_KEY line was expected for this node, all ids were given to others`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v; %s expected", err, want)
	}
}

// Nodes of a running cluster keep the keys that they have on LUNs.
func TestMergeSavedKeys(t *testing.T) {
	const cluster = "CLUSTER_NAME bla\nNODE_NAME jack3\nNODE_NAME jack4\nNODE_NAME new\n"
	const saved = "name=bla\r\ncluster_pr_mode=pr_enabled\nnode:jack3|name=jack3\nnode:jack3|node_pr_key=91ce0001\nnode:jack4|node_pr_key=0x91CE0002\nnode:jack4|node_pr_key=91ce0002\nnode:gone|node_pr_key=91ce0003\npackage:p|node:jack3|name=jack3\n"
	for name, c := range map[string]struct{ conf, cluster, saved, want string }{
		"taken":              {"", cluster, saved, "jack3 0x91ce0001, jack4 0x91ce0002, new 0xf4d60001; taken 2, made 1, left [gone]"},
		"with a tag of them": {"", "CLUSTER_PR_TAG 91ce\n" + cluster, saved, "jack3 0x91ce0001, jack4 0x91ce0002, new 0x91ce0004; taken 2, made 1, left [gone]"},
		"the same line":      {"", strings.Replace(cluster, "NODE_NAME jack4", "NODE_PR_KEY 91ce0001\nNODE_NAME jack4", 1), saved, "jack3 0x91ce0001, jack4 0x91ce0002, new 0xf4d60001; taken 1, made 1, left [gone]"},
		"another line":       {"", strings.Replace(cluster, "NODE_NAME jack4", "NODE_PR_KEY 1\nNODE_NAME jack4", 1), saved, `saved:4: "0x91ce0001": node jack3 has the key 0x1 here, which must not change`},
		"another id":         {"", "CLUSTER_PR_TAG 1\nNODE_NAME jack3\nNODE_ID 1\n", saved, `saved:4: "0x91ce0001": node jack3 has the key 0x10001 here, which must not change`},
		"has another":        {"NODE_NAME jack3\nNODE_PR_KEY 7\n", cluster, saved, `saved:4: "0x91ce0001": node jack3 has the key 0x7 here, which must not change`},
		"had another":        {"NODE_NAME a\nNODE_PR_KEY 1\nRETIRED_NODE_PR_KEY jack3=7\n", cluster + "NODE_NAME a\n", saved, `saved:4: "0x91ce0001": node jack3 has the key 0x7 here, which must not change`},
		"has it":             {"NODE_NAME jack3\nNODE_PR_KEY 91ce0001\n", "NODE_NAME jack3\n", "node:jack3|node_pr_key=91ce0001\n", "jack3 0x91ce0001; taken 0, made 0, left []"},
		"two nodes, one key": {"", cluster, "node:jack3|node_pr_key=1\nnode:jack4|node_pr_key=01\n", `saved:2: "01": a key of its own was expected for node jack4, node jack3 has this one`},
		"one node, two keys": {"", cluster, "node:jack3|node_pr_key=1\nnode:jack3|node_pr_key=2\n", `saved:2: "2": node jack3 has the key 0x1 in line 1`},
		"no key":             {"", cluster, "node:jack3|node_pr_key=key01\n", `saved:1: "key01": a key of 1 to 16 hexadecimal digits was expected, not zero`},
		"a mark":             {"", cluster, "node:jack3|node_pr_key=4000000000000001\n", `saved:1: "4000000000000001": a key below 4000000000000000 was expected, its two highest bits mark nodes that are leaving or taking`},
		"no name":            {"", cluster, "node:|node_pr_key=1\n", `saved:1: "": letters`},
		"nothing":            {"", cluster, "cluster_pr_mode=pr_disabled\n", `saved: a line node:NAME|node_pr_key=KEY was expected, as cmviewcl -v -f line prints it`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.conf)
			keys, err := LoadKeys(context.Background(), d.write("saved", c.saved))
			var m *Merge
			if err == nil {
				m, err = MergeWithKeys(context.Background(), d.conf, d.write("cmcl.conf", c.cluster), nil, keys)
			}
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), d.dir+"/", "")
			} else {
				var list []string
				for _, n := range m.Config.Nodes {
					list = append(list, n.Name+" "+n.Key.String())
				}
				got = fmt.Sprintf("%s; taken %d, made %d, left %v", strings.Join(list, ", "), len(m.Taken), len(m.Made), m.Left)
			}
			if got != c.want && !(name == "no name" && err != nil) {
				t.Errorf("%s\n%s expected", got, c.want)
			}
		})
	}
}
