package serviceguard

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lunguard/cluster"
)

// uncommented takes the # away from each parameter of a package file.
func uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if len(line) > 1 && line[0] == '#' && line[1] != ' ' {
			line = line[1:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// Each module's file is a package when it has a name, with the parameters that it was
// asked for and no others; and so it is with all that is a comment in it, for each of
// them is one of the parameters.
func TestPackageFiles(t *testing.T) {
	const head = "CLUSTER_NAME x\nNODE_NAME a\nNODE_PR_KEY 1\n"
	for _, name := range moduleNames() {
		modules, err := chosenModules([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		text, err := packageFile(t.Context(), modules, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cluster.ParseConfig(strings.NewReader(head+string(text)), name); err == nil || !strings.Contains(err.Error(), `"package_name": one value was expected after it, not 0`) {
			t.Errorf("%s: without a name: %v", name, err)
		}
		named := strings.Replace(string(text), "\npackage_name\n", "\npackage_name pkg1\n", 1)
		c, err := cluster.ParseConfig(strings.NewReader(head+named), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := c.Packages[0].Settings.All("module_name")
		if want := name; !strings.HasSuffix(name, "all") && !slices.Contains(got, want) || slices.Contains(got, "sg/all") || !slices.Contains(got, "sg/basic") {
			t.Errorf("%s: modules %q", name, got)
		}
		whole, err := cluster.ParseConfig(strings.NewReader(head+uncommented(named)), name)
		if err != nil {
			t.Errorf("%s, uncommented: %v", name, err)
			continue
		}
		var has []string
		for _, s := range whole.Packages[0].Settings {
			has = append(has, s.Name)
		}
		for _, m := range modules {
			for _, p := range m.Parameters {
				if p != "pev_" && !slices.Contains(has, p) {
					t.Errorf("%s lacks %s", name, p)
				}
			}
		}
		// Asked for again, nothing is lacking.
		file := filepath.Join(t.TempDir(), "pkg.conf")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := packageFile(t.Context(), modules, file)
		if err != nil || string(again) != string(text) {
			t.Errorf("%s: on itself: %v\n%s", name, err, again[min(len(again), len(text)):])
		}
	}
}

// A template stays as it is, and gets what it lacks.
func TestPackageFileTemplate(t *testing.T) {
	const mine = "# mine\nPACKAGE_NAME p\nmodule_name sg/basic\nmodule_name sg/failover\nFAILOVER_POLICY configured_node\nmodule_name sg/priority\nservice_name s\nservice_cmd /bin/true"
	file := filepath.Join(t.TempDir(), "pkg.conf")
	if err := os.WriteFile(file, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	modules, err := chosenModules([]string{"SG/service", "sg/pr_cntl"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := packageFile(t.Context(), modules, file)
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(string(text), mine+"\n")
	if !ok || strings.Contains(rest, "\nservice_") || strings.Contains(rest, "failover") || strings.Contains(rest, "package_name") ||
		!strings.Contains(rest, "#pv ") || !strings.Contains(rest, "#service_restart ") || strings.Count(rest, "\nmodule_name ") != 2 {
		t.Errorf("%s", text)
	}
}

// What becomes of a parameter is what people are told.
func TestUses(t *testing.T) {
	for _, p := range cluster.PackageParameters() {
		warned := unsupported(cluster.Setting{Name: p.Name, Value: "yes"}) != ""
		if warned != (p.Use == cluster.Warned) {
			t.Errorf("%s is %s, and there is a warning of it: %v", p.Name, p.Use, warned)
		}
	}
}
