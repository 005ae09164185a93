package commands

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lunguard/commands/catalogue"
	"lunguard/commands/words"
)

// literal is a piece of a message in the source.
type literal struct{ at, text string }

// wordSources are the folders whose messages reach people.
func wordSources(t *testing.T) []string {
	t.Helper()
	return append(rooms(t), ".", "runpkg", "watchdog", "../cluster", "../cluster/ownfile", "../vg", "../scsi")
}

// madeOfWords are functions whose string literals are all words for people,
// besides those of files named words, and of methods named Error and message.
func madeOfWords() []string {
	return []string{"unsupported", "left", "nothing", "next", "onLUN"}
}

// wordless are literals in such places that are no words of a message, with
// the reason.
func wordless() map[string]string {
	return map[string]string{
		"halt_package":                       "is the function that a log names",
		"service_monitor":                    "is the function that a log names",
		"STATUS=":                            "is for the service manager",
		"the decision is too old":            "starts a protocol anew",
		"a grace of %v is less than nothing": "no such number is taken from the command line",
		"(%d lines were lost)\n":             "stands before a line whose reader is slow",
	}
}

// sourceLiterals finds the literals of messages in a folder.
func sourceLiterals(t *testing.T, dir string) []literal {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var list []literal
	for _, file := range files {
		// What the completions offer is for shells, and is no message: neither
		// an error nor a warning comes from there.
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "complete") {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		f := literalFinder{set: set, words: regexp.MustCompile(`(^|_)words(_\w+)?\.go$`).MatchString(name) && !strings.HasPrefix(dir, "..") && dir != "runpkg" || dir == "words" && name != "state.go"}
		ast.Walk(&f, tree)
		list = append(list, f.found...)
	}
	return list
}

// literalFinder collects the literals of one file.
type literalFinder struct {
	set *token.FileSet
	// words says that whole functions of the file are made of words.
	words bool
	found []literal
	seen  map[token.Pos]bool
}

func (f *literalFinder) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.FuncDecl:
		name := n.Name.Name
		if n.Recv != nil && (name == "Error" || name == "Message" || name == "Finding") || f.words || slices.Contains(madeOfWords(), strings.ToLower(name[:1])+name[1:]) {
			f.take(n)
		}
	case *ast.CallExpr:
		if speaks(n.Fun) {
			for _, arg := range n.Args {
				f.take(arg)
			}
		}
	case *ast.CompositeLit:
		if slices.Contains([]string{"message", "usageError", "parameterError", "serviceError", "keptError", "configError", "scriptError", "leftError"}, bareName(n.Type)) {
			f.take(n)
		}
	}
	return f
}

// bareName is the name of a function or type, in whatever package it is, as that
// package itself may call it.
func bareName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return bareName(e.Sel)
	case *ast.Ident:
		return strings.ToLower(e.Name[:1]) + e.Name[1:]
	}
	return ""
}

// speaks reports whether the arguments of a function become a message.
func speaks(fun ast.Expr) bool {
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		if id, ok := sel.X.(*ast.Ident); ok && (id.Name == "errors" && sel.Sel.Name == "New" || id.Name == "fmt" && sel.Sel.Name == "Errorf") {
			return true
		}
		if slices.Contains([]string{"warn", "Warn", "say", "fail", "Fail", "failAt"}, sel.Sel.Name) {
			return true
		}
	}
	return bareName(fun) == "usagef"
}

// take takes all string literals below a node that have words in them.
func (f *literalFinder) take(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || f.seen[lit.Pos()] {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err == nil && hasWords(text) {
			if f.seen == nil {
				f.seen = map[token.Pos]bool{}
			}
			f.seen[lit.Pos()] = true
			at := f.set.Position(lit.Pos())
			f.found = append(f.found, literal{fmt.Sprintf("%s:%d", at.Filename, at.Line), text})
		}
		return true
	})
}

// hasWords reports whether a format says anything by itself.
func hasWords(format string) bool {
	bare := verb().ReplaceAllString(format, "")
	for _, tag := range []string{"error:", "warning:", "hint:"} {
		bare = strings.ReplaceAll(bare, tag, "")
	}
	return regexp.MustCompile(`[a-zA-Z]{3}`).MatchString(bare)
}

// verb is a verb of a format.
func verb() *regexp.Regexp { return regexp.MustCompile(`%[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z]`) }

// pattern matches what a format may become.
func (l literal) pattern() *regexp.Regexp {
	// The name of the command and the kind are no part of a message.
	text := regexp.MustCompile(`^%s: (error|warning|hint): `).ReplaceAllString(l.text, "")
	parts := verb().Split(text, -1)
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(strings.ReplaceAll(p, "%%", "%"))
	}
	return regexp.MustCompile(`(?s)` + strings.Join(parts, ".*"))
}

// Every piece of a message in the source is in a message of the catalogue, so
// that none is forgotten there: neither in the list nor in the manual pages.
func TestMessagesComplete(t *testing.T) {
	var said strings.Builder
	for _, m := range catalogued(t) {
		said.WriteString(m.Text + "\n" + m.Hint + "\n")
	}
	lines := strings.Split(said.String(), "\n")
	faults := faultTexts(t)
	for _, dir := range wordSources(t) {
		for _, l := range sourceLiterals(t, dir) {
			if wordless()[l.text] != "" || withinDetail(l) || reworded(l) {
				continue
			}
			if p := l.pattern(); !slices.ContainsFunc(lines, p.MatchString) && !p.MatchString(faults) {
				t.Errorf("%s: %q is in no message of the catalogue", l.at, l.text)
			}
		}
	}
}

// reworded reports whether a literal is what an error says of itself where words
// in this package take its place.
func reworded(l literal) bool {
	return slices.Contains([]string{
		"%s and %s have different keys: %s lacks [%s] and has [%s] beyond", "%s: incomplete, to be run on %v, too",
		"no LUN has keys that could be copied", "another node has removed this node's registration", "keys are left", "%s: lost to %v",
		// The signal is named in its place.
		"ended before anything was done there",
	}, l.text)
}

// faultTexts are the tests of the config's parser, which has each fault of a
// config file there, word for word. In the catalogue they are one message.
func faultTexts(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{"parse_test.go", "params_test.go", "merge_test.go"} {
		text, err := os.ReadFile(filepath.Join("..", "cluster", name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// withinDetail reports whether a literal is a detail behind a message that is
// in the catalogue: what exactly is wrong with an answer of a device or with the
// metadata of lvm2.
func withinDetail(l literal) bool {
	file := l.at[:strings.LastIndex(l.at, ":")]
	if filepath.Dir(file) == "../scsi" {
		// The classes of failure are messages; they stand in errors.go.
		return filepath.Base(file) != "errors.go"
	}
	return slices.Contains([]string{"../vg/lvmmeta.go"}, file)
}

// onlyVerbose reports whether sg_persist says a line with -v alone.
func onlyVerbose(line string) bool {
	return slices.ContainsFunc([]string{
		" ", "open 7 with flags", "scsi_pt_open_flags", "ioctl(SG_IO v3)", "map ENXIO", "sg_ll_inquiry_com", "Number of PROUT",
		"number of tranport-ids", "Not in DEBUG", "PR out (7): command successful", "PR out: command (7) successful",
		"sg_persist: unit attention, sent again", "Sense category: ", "Some error occurred", "sg_persist: response", "version: ",
	}, func(p string) bool { return strings.HasPrefix(line, p) })
}

// spokenSgPersist is what sg_persist says without -v, from its source: its
// words are the original's and have no errors of their own.
func spokenSgPersist(t *testing.T) []catalogue.Message {
	t.Helper()
	var list []catalogue.Message
	for _, name := range []string{"run", "check", "command", "prin", "prout", "capabilities", "values", "transportid"} {
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, filepath.Join("sgpersist", name+".go"), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := literalFinder{set: set}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				// In other files Sprintf makes what is printed of answers.
				if ok && (slices.Contains([]string{"errorf", "Errorf", "New"}, sel.Sel.Name) || sel.Sel.Name == "Sprintf" && name == "run") {
					f.take(n)
				}
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "misuse" {
					f.take(n)
				}
			}
			return true
		})
		for _, l := range f.found {
			for line := range strings.Lines(l.text) {
				line = regexp.MustCompile(`^%s( failed)?:`).ReplaceAllString(strings.TrimSuffix(line, "\n"), "sg_persist$1:")
				line = verb().ReplaceAllString(line, "7")
				if strings.Contains(line, " ") && hasWords(line) && !onlyVerbose(line) {
					list = append(list, catalogue.Message{Topic: "sg_persist", Kind: "error", Text: line, Status: words.ExitFailed})
				}
			}
		}
	}
	return list
}
