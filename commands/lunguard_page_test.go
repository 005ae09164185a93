package commands

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lunguard/commands/front"
	"lunguard/nvme/simns"
	"lunguard/scsi/simlun"
)

// The page of simulated arrays has every word of lunguard sim, every quirk and every
// word of a fault plan.
func TestLunguardPage(t *testing.T) {
	text, err := os.ReadFile("../man/lunguard-sim.7")
	if err != nil {
		t.Fatal(err)
	}
	words := append(simlun.QuirkNames(), simns.QuirkNames()...)
	words = append(words, completed(t, func(string) string { return "" }, "lunguard", "sim", "")...)
	plan := wordsOfPlans(t)
	if len(plan) < 35 {
		t.Errorf("%d words of plans were found: %q", len(plan), plan)
	}
	for _, w := range append(words, plan...) {
		if !regexp.MustCompile(`(?m)^\.(It Cm|Cm|Nm lunguard Cm sim)[^\n]*[ .]` + regexp.QuoteMeta(w) + `( |=|$)`).Match(text) {
			t.Errorf("%s is not described", w)
		}
	}
}

// wordsOfPlans are the words that a plan of faults can have, by the text of
// its parser.
func wordsOfPlans(t *testing.T) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), "../scsi/simlun/fault/text.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	add := func(list []ast.Expr) {
		for _, e := range list {
			if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				word, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				words = append(words, word)
			}
		}
	}
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !slices.Contains([]string{"opcodeNamed", "outActionNamed", "inActionNamed", "parseAction", "garblingNamed"}, f.Name.Name) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CaseClause:
				add(n.List)
			case *ast.CompositeLit:
				add(n.Elts)
			}
			return true
		})
	}
	return words
}

// The command lines that lunguard(7) gives as advice have applets and options
// that exist.
func TestAdvice(t *testing.T) {
	text, err := os.ReadFile("../man/lunguard.7")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^\.Ql (\w+) ([^\n]*)$`).FindAllStringSubmatch(string(text), -1)
	seen := 0
	for _, m := range lines {
		a := applets().Find(m[1])
		if a == nil || m[1] == front.Self {
			continue
		}
		seen++
		for _, word := range strings.Fields(m[2]) {
			name := strings.TrimLeft(word, "-")
			if name != word && !slices.Contains(flagNames(a), name) {
				t.Errorf("%s %s: there is no option %s", m[1], m[2], word)
			}
		}
	}
	if seen < 8 {
		t.Errorf("%d command lines were found", seen)
	}
}
