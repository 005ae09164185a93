package man

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/commands/catalogue"
)

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// sources are the pages in mdoc.
func sources(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, pattern := range []string{"*.1m", "*.5", "*.7", "*.8"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, files...)
	}
	if len(list) < 15 {
		t.Fatalf("%d pages, at least 15 expected", len(list))
	}
	return list
}

// mandoc runs mandoc on a page. Where it is not installed the test is left out,
// save where everything must be tested.
func mandoc(t *testing.T, in string, args ...string) string {
	t.Helper()
	cmd := exec.Command("mandoc", args...)
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "true":
		t.Skip("mandoc is not installed")
	case err != nil:
		t.Errorf("mandoc %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// generated compares a generated file with what it should be, or writes it.
func generated(t *testing.T, file, want string) {
	t.Helper()
	got := read(t, file)
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is stale, run make man-text (-want +got):\n%s", file, cmp.Diff(want, got))
}

// messagesBlock is where groups of messages belong in lunguard-messages.7.
var messagesBlock = regexp.MustCompile(`(?ms)^(\.\\" messages:([^\n]*)\n)(.*?)^(\.\\" end messages)$`)

// The page of messages has each group of messages once.
func TestMessages(t *testing.T) {
	groups, err := catalogue.ReadGroups("messages")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]int{}
	page := read(t, messagesPage)
	want := messagesBlock.ReplaceAllStringFunc(page, func(block string) string {
		part := messagesBlock.FindStringSubmatch(block)
		var text strings.Builder
		for _, name := range strings.Fields(part[2]) {
			used[name]++
			text.WriteString(inPage(t, groups[name]))
		}
		return part[1] + text.String() + part[4]
	})
	generated(t, messagesPage, want)
	for name := range groups {
		if used[name] != 1 {
			t.Errorf("%s has messages/%s.mdoc %d times", messagesPage, name, used[name])
		}
		delete(used, name)
	}
	for name := range used {
		t.Errorf("%s: there is no messages/%s.mdoc", messagesPage, name)
	}
}

// messagesPage is the page of all messages.
const messagesPage = "lunguard-messages.7"

// inPage is a group as it stands in the page.
func inPage(t *testing.T, g catalogue.Group) string {
	lines := []string{".Ss " + g.Title}
	if slices.Equal(g.By, []string{"all"}) {
		lines = append(lines, "Said by every command.")
	} else {
		lines = append(lines, "Said by")
		lines = append(lines, references(t, g.By)...)
	}
	lines = append(lines, ".Bl -diag")
	for _, line := range g.Lines {
		also, isAlso := strings.CutPrefix(line, `.\" also: `)
		switch {
		case isAlso:
			lines = append(lines, "Also said by")
			lines = append(lines, references(t, strings.Fields(also))...)
		case !strings.HasPrefix(line, `.\"`):
			lines = append(lines, line)
		}
	}
	return strings.Join(append(lines, ".El"), "\n") + "\n"
}

// references are lines that name the pages of commands.
func references(t *testing.T, names []string) []string {
	var lines []string
	for i, name := range names {
		at := slices.IndexFunc(sections(), func(section string) bool { return read(t, name+"."+section) != "" })
		if at < 0 {
			t.Fatalf("%s has no page", name)
		}
		end := " ,"
		if i == len(names)-1 {
			end = " ."
		}
		lines = append(lines, ".Xr "+name+" "+sections()[at]+end)
	}
	return lines
}

// mandoc has nothing to say about the pages.
func TestLint(t *testing.T) {
	for _, file := range sources(t) {
		if out := mandoc(t, "", "-Tlint", "-W", "warning", file); out != "" {
			t.Errorf("%s", out)
		}
	}
}

// overstrike is how mandoc makes letters bold or underlined.
var overstrike = regexp.MustCompile(".\b")

// plainDiagnostics puts what is said of a message into lines of its own: in plain
// text no bold letters tell where the message ends.
func plainDiagnostics(page string) string {
	var b strings.Builder
	inside, before := false, ""
	for line := range strings.Lines(page) {
		item, isItem := strings.CutPrefix(line, ".It ")
		switch {
		case strings.HasPrefix(line, ".Bl -diag"):
			inside, line = true, ".Bl -tag -compact -width 4n\n"
		case strings.HasPrefix(line, ".El"):
			inside = false
		case inside && isItem:
			line = ".It \"" + strings.TrimSuffix(item, "\n") + "\"\n"
			if !strings.HasPrefix(before, ".It ") {
				line = ".sp\n" + line
			}
		}
		if !strings.HasPrefix(line, `.\"`) {
			before = line[strings.LastIndex(strings.TrimSuffix(line, "\n"), "\n")+1:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// plainText is a page as mandoc makes it.
func plainText(t *testing.T, file string) string {
	text := overstrike.ReplaceAllString(mandoc(t, plainDiagnostics(read(t, file)), "-Tascii", "-Owidth=78"), "")
	for n, line := range strings.Split(text, "\n") {
		if strings.ContainsAny(line, "\f\b\x1b") || len(line) > 125 {
			t.Errorf("%s:%d: %q is not plain", file, n+1, line)
		}
	}
	return text
}

// The binary has the pages as mandoc makes them now. The compressed bytes are not
// compared: another bzip2 may compress otherwise.
func TestPacked(t *testing.T) {
	var all strings.Builder
	for _, file := range sources(t) {
		fmt.Fprintf(&all, "%s%s\n%s", mark, file, plainText(t, file))
	}
	got, err := Pages()
	if diff := cmp.Diff(unpack(all.String()), got); err != nil || diff != "" {
		if !*update {
			t.Errorf("pages.bz2 is stale, run make man-text: %v (-want +got):\n%s", err, diff)
			return
		}
		pack(t, all.String())
	}
}

// pack writes the compressed pages: bzip2 makes them a quarter smaller than flate, and its
// reader is smaller, too.
func pack(t *testing.T, text string) {
	bzip2 := exec.Command("bzip2", "-9")
	bzip2.Stdin, bzip2.Stderr = strings.NewReader(text), os.Stderr
	packed, err := bzip2.Output()
	if err == nil {
		err = os.WriteFile("pages.bz2", packed, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mostLines is how long the page of a command may be.
const mostLines = 250

// The page of a command can be read at once: what belongs to several commands is in
// pages of section 7.
func TestPageLength(t *testing.T) {
	pages, err := Pages()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		if n := strings.Count(p.Text, "\n"); (p.Section == "1m" || p.Section == "8") && n > mostLines {
			t.Errorf("%s(%s) has %d lines, at most %d are wanted", p.Name, p.Section, n, mostLines)
		}
	}
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ section, name, want string }{
		{"", "vg_pr_key", "1m"}, {"1m", "vg_pr_key", "1m"}, {"8", "vg_pr_key", "1m"}, {"1", "vg_pr_key", "1m"},
		{"", "pr_start", "8"}, {"8", "pr_start", "8"}, {"1", "pr_start", ""}, {"5", "vg_pr_key", ""},
		{"", "pr_star", ""}, {"", "", ""},
	} {
		p, err := Find(c.section, c.name)
		if (err == nil) != (c.want != "") || p.Section != c.want || err == nil && p.Name != c.name {
			t.Errorf("%s(%s): found %s(%s), %v", c.name, c.section, p.Name, p.Section, err)
		}
	}
}
