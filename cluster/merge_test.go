package cluster

import (
	"errors"
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
	m, err := MergeFiles(d.conf, clusterFile, files)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := ownfile.Replace(d.conf, m.Text, m.Old); err != nil {
		d.t.Fatal(err)
	}
	if _, err := LoadConfig(d.conf); err != nil {
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
		"CLUSTER_PR_TAG 0x9a5f\nCLUSTER_NAME x\nNODE_NAME a\n  NODE_PR_KEY 10001\nNODE_NAME c\n  NODE_ID 1\n")
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
		"several faults":       {conf, "", []string{"package_name q\nauto_run maybe\n", "package_name r\nfs_name x\n"}, []string{`pkga.conf:2: "maybe": yes or no was expected`, `pkgb.conf:2: "x": the full name of a file was expected, /...`, `pkgb.conf:2: "x": a fs_directory line was expected behind it`}},
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
			m, err := MergeFiles(d.conf, clusterFile, files)
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
		if conf, err := LoadConfig(d.conf); conf != nil || !errors.Is(err, ownfile.ErrNotTrusted) {
			t.Errorf("%s: %v, %v", name, conf, err)
		}
		if _, err := MergeFiles(filepath.Join(d.dir, "absent"), d.conf, nil); !errors.Is(err, ownfile.ErrNotTrusted) {
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
		t.Errorf("folder that all can write to: %v", err)
	}
	if err := os.Chmod(d.dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := ownfile.Replace(d.conf, text, text); err != nil {
		t.Errorf("folder with the sticky bit: %v", err)
	}
}
