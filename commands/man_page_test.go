package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lunguard/commands/front"
)

// manPage is a manual page, read from its source.
type manPage struct {
	// file is its name, such as pr_start.8.
	file     string
	text     string
	sections []manSection
}

// manSection is a section with its lines.
type manSection struct {
	name  string
	lines []string
}

// readManPage reads the page of an applet.
func readManPage(t *testing.T, applet string) *manPage {
	t.Helper()
	var files []string
	for _, section := range []string{"1m", "8"} {
		found, err := filepath.Glob(filepath.Join("..", "man", applet+"."+section))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) != 1 {
		t.Fatalf("%s: pages %v, one expected", applet, files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return parseManPage(filepath.Base(files[0]), string(text))
}

func parseManPage(file, text string) *manPage {
	p := &manPage{file: file, text: text}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, ".Sh "); ok {
			p.sections = append(p.sections, manSection{name: name})
		} else if n := len(p.sections); n > 0 {
			p.sections[n-1].lines = append(p.sections[n-1].lines, line)
		}
	}
	return p
}

func (p *manPage) section(name string) []string {
	for _, s := range p.sections {
		if s.name == name {
			return s.lines
		}
	}
	return nil
}

// options are the names of the options that the page explains.
func (p *manPage) options() []string {
	var names []string
	for _, line := range p.section("DESCRIPTION") {
		rest, ok := strings.CutPrefix(line, ".It Fl ")
		if !ok {
			continue
		}
		for _, word := range strings.Fields(rest) {
			switch {
			// A value follows, which Ns joins to the name.
			case word == "Ar" || word == "Cm" || word == "Ns":
			case word == ",":
				continue
			default:
				names = append(names, strings.TrimPrefix(word, "-"))
				continue
			}
			break
		}
	}
	return names
}

// statuses are the exit statuses that the page lists.
func (p *manPage) statuses() []string {
	var list []string
	for _, line := range p.section("EXIT STATUS") {
		if item, ok := strings.CutPrefix(line, ".It "); ok {
			list = append(list, strings.ReplaceAll(item, "Ar n", "N"))
		}
	}
	return list
}

// unroff takes the escapes out of a line.
func unroff(line string) string {
	return strings.NewReplacer(`\(dq`, `"`, `\&`, "", `\e`, `\`, `\-`, "-", `\(aq`, "'").Replace(line)
}

// manBlock is a literal block of EXAMPLES.
type manBlock []string

// examples are the blocks of EXAMPLES, in order.
func (p *manPage) examples() []manBlock {
	var blocks []manBlock
	open := false
	for _, line := range p.section("EXAMPLES") {
		text, single := strings.CutPrefix(line, ".Dl ")
		switch {
		case single:
			blocks = append(blocks, manBlock{unroff(text)})
		case strings.HasPrefix(line, ".Bd -literal"):
			blocks, open = append(blocks, manBlock{}), true
		case strings.HasPrefix(line, ".Ed"):
			open = false
		case open:
			last := len(blocks) - 1
			blocks[last] = append(blocks[last], unroff(line))
		}
	}
	return blocks
}

// complaints are what is wrong with the form of the page of an applet.
func (p *manPage) complaints(t *testing.T, a *front.Applet) []string {
	var list []string
	list = append(list, p.badSections(a)...)
	list = append(list, p.badOptions(a)...)
	list = append(list, p.badOrder()...)
	list = append(list, p.badStatuses(t, a)...)
	list = append(list, p.badDiagnostics()...)
	list = append(list, p.badExamples(t)...)
	return list
}

func (p *manPage) badSections(a *front.Applet) []string {
	var list []string
	want := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "DIAGNOSTICS", "SEE ALSO"}
	for _, f := range a.Flags {
		if f.Names()[0] == "config" {
			want = append(want, "ENVIRONMENT", "FILES")
		}
	}
	for _, name := range want {
		if len(p.section(name)) == 0 {
			list = append(list, "section "+name+" is missing")
		}
	}
	return list
}

// flagNames are all names of an applet's flags, those with underscores left
// out.
func flagNames(a *front.Applet) []string {
	names := []string{"man", "version", "help", "h"}
	for _, f := range a.Flags {
		for _, n := range f.Names() {
			if !strings.Contains(n, "_") && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

func (p *manPage) badOptions(a *front.Applet) []string {
	var list []string
	said, there := p.options(), flagNames(a)
	for _, n := range there {
		if !slices.Contains(said, n) {
			list = append(list, "option "+n+" is not explained")
		}
	}
	for _, n := range said {
		if !slices.Contains(there, n) {
			list = append(list, "there is no option "+n)
		}
	}
	if a.Main != nil {
		// Its help is in two parts, and a test of its own looks at them.
		return list
	}
	for _, m := range regexp.MustCompile(`(?m)(?:[ [|]|^)--?([a-zA-Z][a-z-]*)`).FindAllStringSubmatch(a.Usage, -1) {
		letters := !slices.ContainsFunc(strings.Split(m[1], ""), func(l string) bool { return !slices.Contains(there, l) })
		if !slices.Contains(there, m[1]) && !letters {
			list = append(list, "the usage has an option "+m[1]+" that does not exist")
		}
	}
	for _, f := range a.Flags {
		if !slices.ContainsFunc(f.Names(), func(n string) bool { return usageHas(a.Usage, n) }) && f.Names()[0] != "supervise" {
			list = append(list, "the usage does not have the option "+f.Names()[0])
		}
	}
	return list
}

// badOrder wants the options of each list in the order of the alphabet, whatever their case,
// and those that all commands have at its end.
func (p *manPage) badOrder() []string {
	var list []string
	before := ""
	for _, line := range p.section("DESCRIPTION") {
		item, isItem := strings.CutPrefix(line, ".It Fl ")
		if !isItem {
			if strings.HasPrefix(line, ".Bl") {
				before = ""
			}
			continue
		}
		name, _, _ := strings.Cut(strings.TrimLeft(item, "-"), " ")
		place := strings.ToLower(name)
		if place == "man" || place == "version" || place == "h" && strings.Contains(item, "-help") || place == "v" && strings.Contains(item, "-version") {
			place = "~"
		}
		if place < before {
			list = append(list, "option "+name+" is out of order")
		}
		before = place
	}
	return list
}

// usageHas reports whether a usage text has an option.
func usageHas(usage, name string) bool {
	return regexp.MustCompile(`(?m)(^|[ [|(])--?`+regexp.QuoteMeta(name)+`\b`).MatchString(usage) ||
		len(name) == 1 && regexp.MustCompile(`\[-[a-zA-Z]*`+name+`[a-zA-Z]*\]`).MatchString(usage)
}

func (p *manPage) badStatuses(t *testing.T, a *front.Applet) []string {
	var want []string
	if a.Name == "sg_persist" {
		want = p.sgStatuses(t)
	} else {
		_, text, _ := strings.Cut(a.Usage, "exit status: ")
		for _, m := range regexp.MustCompile(`(?:^|;\s)(\d+(?: \+ N)?) `).FindAllStringSubmatch(text, -1) {
			want = append(want, m[1])
		}
	}
	if a.Name == "sg_persist" {
		// Signals end it as they end the others.
		want = append(want, "128 + N")
	}
	if got := p.statuses(); len(want) < 2 || !slices.Equal(got, want) {
		return []string{"exit statuses are " + strings.Join(got, ", ") + ", not " + strings.Join(want, ", ")}
	}
	return nil
}

// sgStatuses are those of package sgpersist: its constants in order, save for
// the two that are told as success.
func (p *manPage) sgStatuses(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("sgpersist/status.go")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range regexp.MustCompile(`(?m)^\t\w+ +status = (\d+)$`).FindAllStringSubmatch(string(source), -1) {
		item := m[1]
		if item == "20" || item == "21" {
			continue
		}
		if item == "50" {
			item = "50 + N"
		}
		list = append(list, item)
	}
	return list
}

// badDiagnostics wants the page to leave its messages to lunguard-messages(7).
func (p *manPage) badDiagnostics() []string {
	text := "\n" + strings.Join(p.section("DIAGNOSTICS"), "\n") + "\n"
	switch {
	case strings.Contains(text, "\n.It "):
		return []string{"DIAGNOSTICS has messages: they belong into man/messages"}
	case !strings.Contains(text, "\n.Xr lunguard-messages 7 .\n"):
		return []string{"DIAGNOSTICS does not point to lunguard-messages(7)"}
	}
	return nil
}

// badExamples compares the blocks of EXAMPLES with what the set-up runs.
func (p *manPage) badExamples(t *testing.T) []string {
	t.Helper()
	name := p.file[:strings.LastIndex(p.file, ".")]
	script, err := os.ReadFile(filepath.Join("testdata", "manual", name+".txtar"))
	if err != nil {
		return []string{"the examples have no set-up " + name + ".txtar"}
	}
	return badSetup(len(p.examples()), string(script))
}

// badSetup wants each of n blocks to be run once.
func badSetup(n int, script string) []string {
	var list []string
	count := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^(?:\[exec:\w+\] )?example (\S+)`).FindAllStringSubmatch(script, -1) {
		count[m[1]]++
	}
	for i := 1; i <= n; i++ {
		if number := itoa(i); count[number] != 1 {
			list = append(list, "example "+number+" is not run once")
		}
		delete(count, itoa(i))
	}
	for number := range count {
		list = append(list, "there is no example "+number)
	}
	if n == 0 {
		list = append(list, "there are no examples")
	}
	return list
}
