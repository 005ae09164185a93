package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the prefix of imports of ours.
const module = "lunguard/"

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// goFiles lists the Go files of the project by folder.
func goFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			files[filepath.Dir(path)] = append(files[filepath.Dir(path)], path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// importsOf lists the packages of ours that a folder's code imports.
func importsOf(t *testing.T, files []string) []string {
	t.Helper()
	var list []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range tree.Imports {
			path, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if name, ours := strings.CutPrefix(path, module); ours {
				list = append(list, name)
			}
		}
	}
	return list
}

// The table of rooms in CONTRIBUTING.md says which package may import which.
func TestRooms(t *testing.T) {
	code := regexp.MustCompile("`([a-z/]+)`")
	rooms := map[string][]string{}
	var order []string
	for line := range strings.Lines(read(t, "CONTRIBUTING.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		room := code.FindStringSubmatch(cells[1])[1]
		rooms[room] = []string{}
		order = append(order, room)
		for _, m := range code.FindAllStringSubmatch(cells[3], -1) {
			rooms[room] = append(rooms[room], m[1])
		}
	}
	if len(rooms) < 10 {
		t.Fatalf("%d rooms in the table", len(rooms))
	}
	for dir, files := range goFiles(t) {
		room := slices.MaxFunc(append(slices.DeleteFunc(slices.Clone(order), func(r string) bool {
			return dir != r && !strings.HasPrefix(dir, r+"/")
		}), ""), func(a, b string) int { return len(a) - len(b) })
		for _, name := range importsOf(t, files) {
			switch {
			case room == "" && name == "commands" && dir == ".":
			case room != "" && (slices.Contains(rooms[room], name) || name == room || strings.HasPrefix(name, room+"/")):
			default:
				t.Errorf("%s imports %s, which %s does not allow", dir, name, "CONTRIBUTING.md")
			}
		}
	}
}

// Files and tests that the documents for developers name are there.
func TestNamedFiles(t *testing.T) {
	var tests []string
	for _, files := range goFiles(t) {
		for _, file := range files {
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(read(t, file), -1) {
				tests = append(tests, m[1])
			}
		}
	}
	name := regexp.MustCompile("`([\\w./-]+)`|\\]\\(([\\w./-]+)\\)")
	test := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`)
	for _, doc := range []string{"CONTRIBUTING.md", "SECURITY.md"} {
		text := read(t, doc)
		for _, m := range name.FindAllStringSubmatch(text, -1) {
			path := m[1] + m[2]
			if strings.Contains(path, "NAME") || !strings.Contains(path, "/") && !regexp.MustCompile(`\.(go|md)$`).MatchString(path) {
				continue
			}
			// Files of one folder are listed without it.
			found := false
			for _, dir := range []string{".", "scsi/simlun/registry"} {
				_, err := os.Stat(filepath.Join(dir, path))
				found = found || err == nil
			}
			if strings.HasPrefix(path, "/") {
				continue
			}
			if !found {
				t.Errorf("%s: there is no %s", doc, path)
			}
		}
		for _, want := range test.FindAllString(text, -1) {
			if !slices.Contains(tests, want) {
				t.Errorf("%s: there is no %s", doc, want)
			}
		}
	}
}

// Nothing of package crypto is in the binary: its self-tests would take 33 MB of
// the memory that pr_watchdog locks.
func TestNoCryptography(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(dep, "crypto/") {
			t.Errorf("%s is linked in", dep)
		}
	}
}

// Each claim of SECURITY.md, which is an item of a list about what is trusted, what is not
// and what an attacker can do, names the tests that fail without it. Who is trusted
// without being looked at is no claim.
func TestClaims(t *testing.T) {
	unproved := []string{"- **lvm2's report**", "- **The kernel and the array.**"}
	claims := 0
	for _, section := range strings.Split(read(t, "SECURITY.md"), "\n## ") {
		head, body, _ := strings.Cut(section, "\n")
		if !slices.Contains([]string{"What is trusted", "What is not trusted", "What an attacker can do, and cannot"}, head) {
			continue
		}
		for _, item := range regexp.MustCompile(`(?m)^- (?:.+\n?(?:^  .*\n?)*)`).FindAllString(body, -1) {
			claims++
			known := slices.ContainsFunc(unproved, func(u string) bool { return strings.HasPrefix(item, u) })
			if named := regexp.MustCompile("`Test[A-Z]\\w+`").MatchString(item); named == known {
				t.Errorf("names a test: %v: %s", named, item)
			}
		}
	}
	if claims < 10 {
		t.Errorf("%d claims were found", claims)
	}
}

// TestAlone: a test that make unit leaves out for the race detector is in one of the
// packages in which it then runs without.
func TestAlone(t *testing.T) {
	makefile := read(t, "Makefile")
	names := regexp.MustCompile(`(?m)^ALONE = \^\((.*)\)\$\$$`).FindStringSubmatch(makefile)
	run := regexp.MustCompile(`-run '\$\(ALONE\)' (.*)\n`).FindStringSubmatch(makefile)
	if names == nil || run == nil {
		t.Fatal("Makefile: no ALONE, or nothing runs it")
	}
	packages := strings.Fields(run[1])
	found := map[string]bool{}
	for dir, files := range goFiles(t) {
		for _, file := range files {
			for _, name := range strings.Split(names[1], "|") {
				if !strings.HasSuffix(file, "_test.go") || !strings.Contains(read(t, file), "\nfunc "+name+"(") {
					continue
				}
				found[name] = true
				if !slices.Contains(packages, "./"+dir) {
					t.Errorf("%s: %s would never be run", file, name)
				}
			}
		}
	}
	for _, name := range strings.Split(names[1], "|") {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
