package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every parameter of the parser belongs to a module, or to legacy files, and
// nothing else does.
func TestModules(t *testing.T) {
	known := append([]string{"pev_"}, checkedInPackage()...)
	known = append(known, parametersOf(t, "params.go", "packageForm", "blockForm")...)
	listed := packageParameters()
	for _, name := range known {
		if !slices.Contains(listed, name) {
			t.Errorf("%s belongs to no module", name)
		}
	}
	seen := map[string]bool{}
	for _, name := range listed {
		if seen[name] || !slices.Contains(known, name) {
			t.Errorf("%s belongs to two modules, or is no parameter", name)
		}
		seen[name] = true
	}
	brought := map[string]string{}
	for _, m := range Modules() {
		for _, name := range m.Parameters {
			if !seen[name] || brought[name] != "" || ModuleOf(name) != m.Name {
				t.Errorf("%s brings %s, which %q brings, or nobody knows", m.Name, name, brought[name])
			}
			brought[name] = m.Name
		}
		for _, name := range m.Includes {
			if !isStandard(name) {
				t.Errorf("%s brings along %s", m.Name, name)
			}
		}
	}
	known = append([]string{"cluster_pr_tag", "node_name", "node_id", "node_pr_key"}, parametersOf(t, "params.go", "clusterForm", "nodeForm")...)
	if diff := cmp.Diff(slices.Sorted(slices.Values(known)), slices.Sorted(slices.Values(clusterParameters()))); diff != "" {
		t.Errorf("parameters of clusters (-parser +list):\n%s", diff)
	}
}

// Versions belong to the modules before them.
func TestModuleVersions(t *testing.T) {
	c, err := ParseConfig(strings.NewReader(manyNodes(1)+"package_name p\nmodule_name sg/basic\nmodule_version 1\nmodule_name sg/pr_cntl\nmodule_version 2\n"), "f")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range c.Packages[0].Settings.Blocks("module_name") {
		v, _ := b.Get("module_version")
		got = append(got, b[0].Value+" "+v)
	}
	if !slices.Equal(got, []string{"sg/basic 1", "sg/pr_cntl 2"}) {
		t.Errorf("modules %v", got)
	}
}

// What a module that nobody here knows may have brought is kept.
func TestForeignModules(t *testing.T) {
	c, err := ParseConfig(strings.NewReader(manyNodes(1)+`package_name p
module_name sg/all
module_version 2
module_name ecmt/oracle/oracle
module_version 1
module_name site/backup
ecmt/oracle/oracle/ORACLE_HOME /opt/oracle
ecmt/oracle/oracle/LISTENER_NAME "one two"
ecmt/oracle/oracle/LISTENER_NAME three
backup_window 1 to 2  # at night
`), "f")
	if err != nil {
		t.Fatal(err)
	}
	p := &c.Packages[0]
	var got []string
	for _, s := range p.Foreign() {
		got = append(got, s.Name+"="+s.Value)
	}
	if diff := cmp.Diff([]string{"ecmt/oracle/oracle/oracle_home=/opt/oracle", "ecmt/oracle/oracle/listener_name=one two", "ecmt/oracle/oracle/listener_name=three", "backup_window=1 to 2"}, got); diff != "" {
		t.Error(diff)
	}
	if got := p.ForeignModules(); !slices.Equal(got, []string{"ecmt/oracle/oracle", "site/backup"}) {
		t.Errorf("modules %v", got)
	}
}

// A slip of the pen is told with what may have been meant.
func TestNearest(t *testing.T) {
	node := "NODE_NAME a\nNODE_PR_KEY 1\n"
	pkg := node + "package_name p\n"
	for text, want := range map[string]string{
		node + "CLUSTER_NAM x": "cluster_name", node + "MEMBER_TIEMOUT 1": "member_timeout", node + "NODE_PRKEY 1": "node_pr_key", node + "xyz 1": "",
		pkg + "vgs v": "vg", pkg + "fs_direcotry /x": "fs_directory", pkg + "auto_runn yes": "auto_run", pkg + "SERVICE_NAMES x": "service_name", pkg + "q v": "", pkg + "module_name sg/filesystems": "sg/filesystem",
	} {
		_, err := ParseConfig(strings.NewReader(text), "f")
		var fault *ConfigError
		if !errors.As(err, &fault) || fault.Near != want {
			t.Errorf("%q: %v, near %q; %q expected", text, err, fault.Near, want)
		}
	}
}
