package cluster

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documentFile compares the vendor's product with this one.
const documentFile = "../docs/serviceguard.md"

// Its tables of parameters are those of the parser: what is not in them is refused.
// UPDATE=1 go test ./cluster -run TestParameterTables writes them.
func TestParameterTables(t *testing.T) {
	text, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for _, table := range []struct {
		name string
		rows []string
	}{
		{"cluster", clusterRows()}, {"package", packageRows()},
	} {
		begin, end := "<!-- parameters of the "+table.name+" -->\n", "<!-- end -->\n"
		head, rest, ok := strings.Cut(want, begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for %s", documentFile, begin)
		}
		want = head + begin + strings.Join(table.rows, "") + end + tail
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(documentFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(text), "\n")); diff != "" {
		t.Errorf("(-parser +%s):\n%s", documentFile, diff)
	}
}

func clusterRows() []string {
	rows := []string{"| parameter | of | here | |\n|---|---|---|---|\n"}
	for _, p := range ClusterParameters() {
		of := "cluster"
		if _, ok := nodeForm(p.Name); ok || p.Name == "node_name" || p.Name == "node_id" || p.Name == "node_pr_key" {
			of = "node"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", strings.ToUpper(p.Name), of, p.Use, p.About))
	}
	return rows
}

func packageRows() []string {
	rows := []string{"| parameter | module | here | |\n|---|---|---|---|\n"}
	for _, p := range PackageParameters() {
		module, name := ModuleOf(p.Name), p.Name
		if module == "" {
			module, name = "legacy", strings.ToUpper(p.Name)
		}
		if p.Name == "pev_" {
			name = "pev_NAME"
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, module, p.Use, strings.ReplaceAll(p.About, "* is", "`*` is")))
	}
	return rows
}
