package cluster

import (
	"errors"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// manualFile is the page of the config, manualFaults what lunguard-messages(7) says of it.
const (
	manualFile   = "../man/cluster.conf.5"
	manualFaults = "../man/messages/cluster.conf.mdoc"
)

// manualEntry is what the page says of one parameter.
type manualEntry struct {
	// head is the parameter in whose list it stands, text all of its words.
	head, text string
}

// manual is the page, as far as it can be compared with the parser.
type manual struct {
	entries  map[string]manualEntry
	examples []string
	// faults are those of lunguard-messages(7).
	faults []string
}

// readManual takes the page apart. Items of a list that stand below one
// another share the text behind the last of them.
func readManual(t *testing.T) manual {
	t.Helper()
	text, err := os.ReadFile(manualFile)
	if err != nil {
		t.Fatal(err)
	}
	m := manual{entries: map[string]manualEntry{}}
	var section string
	var block *strings.Builder
	// open are the parameters that the present text belongs to, outer those of
	// the lists round it.
	var open []string
	var outer [][]string
	textSeen := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		macro, rest, _ := strings.Cut(line, " ")
		switch {
		case macro == ".Sh":
			section = rest
		case macro == ".Bd":
			block = &strings.Builder{}
		case macro == ".Ed":
			if section == "EXAMPLES" {
				m.examples = append(m.examples, block.String())
			}
			block = nil
		case block != nil:
			block.WriteString(strings.ReplaceAll(line, `\e`, `\`) + "\n")
		case !strings.HasPrefix(section, "PARAMETERS"):
		case macro == ".Bl":
			outer, open = append(outer, open), nil
		case macro == ".El":
			open, outer = outer[len(outer)-1], outer[:len(outer)-1]
			textSeen = true
		case macro == ".It":
			if textSeen {
				open = nil
			}
			textSeen = false
			words := strings.Fields(rest)
			name := strings.ToLower(words[1])
			if words[0] != "Ic" || m.entries[name].text != "" && section != "PARAMETERS OF A PACKAGE" {
				t.Errorf("%q: a parameter was expected, once", line)
			}
			if section == "PARAMETERS OF A PACKAGE" {
				name = "package " + name
			}
			e := manualEntry{text: rest + "\n"}
			if over := outer[len(outer)-1]; len(over) > 0 {
				e.head = strings.TrimPrefix(over[len(over)-1], "package ")
			}
			m.entries[name], open = e, append(open, name)
		default:
			textSeen = true
			for _, name := range open {
				e := m.entries[name]
				e.text += line + "\n"
				m.entries[name] = e
			}
		}
	}
	faults, err := os.ReadFile(manualFaults)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range regexp.MustCompile(`(?m)^\.It (.*)$`).FindAllStringSubmatch(string(faults), -1) {
		m.faults = append(m.faults, item[1])
	}
	return m
}

// parametersOf lists the parameters that functions of the parser know, by their
// own text: the words of the cases in which name is looked at.
func parametersOf(t *testing.T, file string, functions ...string) []string {
	t.Helper()
	tree, err := goparser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !slices.Contains(functions, f.Name.Name) {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range c.List {
				if lit, ok := e.(*ast.BasicLit); ok {
					name, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					names = append(names, name)
				}
			}
			return true
		})
	}
	return names
}

// Every parameter that the parser takes is in the page, where it can stand,
// with its form and its range, and no other is.
func TestManualParameters(t *testing.T) {
	m := readManual(t)
	// These are checked as they are taken.
	known := map[string]form{
		"cluster_name": {}, "cluster_pr_tag": {}, "node_name": {many: true}, "node_id": {}, "node_pr_key": {},
		"package package_name": {many: true}, "package package_type": words(string(Failover), string(MultiNode), string(SystemMultiNode)),
		"package node_name": {many: true}, "package vg": {many: true}, "package pv": {many: true},
		"package pev_": upTo(maxText),
	}
	for _, name := range parametersOf(t, "params.go", "clusterForm") {
		known[name], _ = clusterForm(name)
	}
	for _, name := range parametersOf(t, "params.go", "nodeForm") {
		known[name], _ = nodeForm(name)
	}
	for _, name := range parametersOf(t, "params.go", "packageForm", "blockForm") {
		known["package "+name], _ = packageForm(name)
	}
	if len(known) < 100 {
		t.Fatalf("%d parameters were found in the parser", len(known))
	}
	for name, f := range known {
		e, ok := m.entries[name]
		if !ok {
			t.Errorf("%s is not in the page", name)
			continue
		}
		if e.head != f.head {
			t.Errorf("%s stands in the block of %q, not of %q", name, e.head, f.head)
		}
		if got := strings.Contains(e.text, "\nRepeatable"); got != f.many {
			t.Errorf("%s: repeatable %v, by the page %v", name, f.many, got)
		}
		for _, want := range f.inWords() {
			if !strings.Contains(e.text, want) {
				t.Errorf("%s: %q is not said of it:\n%s", name, want, e.text)
			}
		}
	}
	for name := range m.entries {
		if _, ok := known[name]; !ok {
			t.Errorf("%s is no parameter", name)
		}
	}
}

// inWords is what a page has to say of a form.
func (f form) inWords() []string {
	list := slices.Clone(f.words)
	switch f.kind {
	case number:
		list = append(list, fmt.Sprintf("number from %d to %d", f.min, f.max))
	case line:
		list = append(list, fmt.Sprintf("text of at most %d characters", f.max))
	case file:
		list = append(list, "full name")
	case label:
		list = append(list, "of the form of a node's")
	}
	return list
}

// The examples of the page are whole configs.
func TestManualExamples(t *testing.T) {
	m := readManual(t)
	if len(m.examples) < 4 {
		t.Fatalf("%d examples", len(m.examples))
	}
	for i, text := range m.examples {
		c, err := ParseConfig(strings.NewReader(text), fmt.Sprintf("example %d", i+1))
		if err != nil {
			t.Error(err)
		} else if len(c.Packages) == 0 || c.Name == "" {
			t.Errorf("example %d: %d packages in cluster %q", i+1, len(c.Packages), c.Name)
		}
	}
	last, err := ParseConfig(strings.NewReader(m.examples[2]), "")
	if err != nil {
		t.Fatal(err)
	}
	p := &last.Packages[0]
	if v, _ := p.Settings.Get("package_description"); v != "the database # and nothing else" {
		t.Errorf("description %q", v)
	}
	if s := p.Services(); len(s) != 1 || s[0].Command != "su db -c '/opt/db/bin/db -D /db/data'" || s[0].Restarts != 3 {
		t.Errorf("services %+v", s)
	}
}

// Every fault that the parser finds is in the page, and no other is.
func TestManualFaults(t *testing.T) {
	m := readManual(t)
	patterns := make([]*regexp.Regexp, len(m.faults))
	for i, text := range m.faults {
		p := regexp.QuoteMeta(strings.ReplaceAll(text, `\&`, ""))
		p = regexp.MustCompile(`\b(NODE|PACKAGE|NUMBER|TEXT|VALUE)\b`).ReplaceAllStringFunc(p, func(word string) string {
			if word == "NUMBER" {
				return `\d+`
			}
			return `.+`
		})
		patterns[i] = regexp.MustCompile("^" + p + "$")
	}
	hit := make([]bool, len(patterns))
	var texts []string
	for _, c := range configFaults() {
		texts = append(texts, c.text)
	}
	for text := range parameterFaults() {
		texts = append(texts, text)
	}
	for _, text := range texts {
		_, err := ParseConfig(strings.NewReader(text), "f")
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			t.Fatalf("%.80q: %v", text, err)
		}
		for _, e := range joined.Unwrap() {
			var fault *ConfigError
			if !errors.As(e, &fault) {
				t.Fatal(e)
			}
			at := slices.IndexFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(fault.Expected) })
			if at < 0 {
				t.Errorf("not in the page: %s", fault.Expected)
				continue
			}
			// The most general one stands for what no other does.
			for i, p := range patterns {
				if p.MatchString(fault.Expected) && len(m.faults[i]) > len(m.faults[at]) {
					at = i
				}
			}
			hit[at] = true
		}
	}
	for i, text := range m.faults {
		if !hit[i] {
			t.Errorf("no config has this fault: %s", text)
		}
	}
}
