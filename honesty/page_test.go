package honesty

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pageFile is what make matrix writes.
const pageFile = "../docs/honesty.md"

// pageHead stands before all that was found.
const pageHead = `# Honesty

What do the commands say on a bad day, and is it so? Each command was run while each
fault was on one of the two paths to one of one or two LUNs, on the simulated array.
Then somebody who is no part of the product looked at the LUNs themselves and tried
to write to each, as the node itself, as the other node of the cluster, and as a host
that is none, through each path; at once, and again when all that was under way had
been performed. A **false success** is exit status 0, or the word that a LUN is
protected, where that is not so. Two words are not judged here: that something failed,
and that nothing is known.

To repeat it: ` + "`make matrix`" + `, which writes this page. The unit tests run a part, ` + rule + `.
`

// legend says how to read the tables.
const legend = `
## The tables

A column is a command, a row is a fault, and each place has as many runs as there are
ways in which the fault can happen to that command: at which of its commands to the
device, on which path, on which LUN of how many. **12/3** says that 12 runs ended with
status 0 and all is as promised, and that 3 ended with another status. "killed"
counts those that did not come to an end, after which ` + "`pr_check`" + ` told the truth.
"passed on" counts answers in which the device itself did not tell the truth, which
sg_persist, which sends one command through one path, gave on as they came. "too long"
took longer than ` + "`--timeout`" + ` and 5 s. "FALSE" is a false success.
`

// page is docs/honesty.md of the results of all cells.
func page(r *results, all []cell) string {
	var b strings.Builder
	b.WriteString(pageHead)
	fmt.Fprintf(&b, "\n## What was found\n\n%s.\n", r)
	fmt.Fprintf(&b, "\n%d commands, %d faults, %d false successes, %d runs that took too long.\n", len(list()), len(faults()), r.verdicts[lied], r.verdicts[late])
	b.WriteString(pageKnown(knownFalse()))
	b.WriteString(legend)
	commands := list()
	for len(commands) > 0 {
		n := 1
		for n < len(commands) && n < 8 && commands[n].group == commands[0].group {
			n++
		}
		b.WriteString(r.pageTable(commands[:n]))
		commands = commands[n:]
	}
	b.WriteString(pageCommands())
	b.WriteString(pageFaults())
	b.WriteString(pageBeside())
	return b.String()
}

// pageKnown lists what is not right yet.
func pageKnown(list []known) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nNot right yet:\n\n| command | fault | what is wrong |\n|---|---|---|\n")
	for _, k := range list {
		command, fault := k.command, k.fault
		if command == "" {
			command = "any"
		}
		if fault == "" {
			fault = "any"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", command, fault, k.why)
	}
	return b.String()
}

// pageTable is the table of a few commands.
func (r *results) pageTable(commands []command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n| %s |", commands[0].group)
	for _, c := range commands {
		fmt.Fprintf(&b, " %s |", c.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(commands)) + "\n")
	for _, f := range faults() {
		fmt.Fprintf(&b, "| %s |", f.name)
		for _, c := range commands {
			fmt.Fprintf(&b, " %s |", place(r.table[c.name][f.name]))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// place is one place of a table.
func place(counts map[verdict]int) string {
	if len(counts) == 0 {
		return ""
	}
	text := fmt.Sprintf("%d/%d", counts[right], counts[refused])
	for _, v := range []verdict{ended, passedOn, late, lied} {
		if n := counts[v]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, v)
		}
	}
	return text
}

// pageCommands tells what each command is.
func pageCommands() string {
	var b strings.Builder
	b.WriteString("\n## The commands\n\nAll were run on jack3. DISK is the faulty path; the other words in capitals are files.\n\n| name | what stood there before | command | what status 0 promises |\n|---|---|---|---|\n")
	for _, c := range list() {
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s |\n", c.name, c.world, c.argv, c.promise.words)
	}
	return b.String()
}

// pageFaults tells what each fault is.
func pageFaults() string {
	var b strings.Builder
	b.WriteString("\n## The faults\n\nThe plans are those of `lunguard sim faults`, see lunguard(8); NEXUS is the faulty path.\n\n| name | what it is | plans |\n|---|---|---|\n")
	for _, f := range faults() {
		plans := "`" + strings.Join(f.plans, "` `") + "`"
		if f.plans[0] == "" {
			plans = "none"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.name, f.what, plans)
	}
	return b.String()
}

// besideFile has what fence_scsi did in the laboratory, as the rows of a table; there
// is none as long as nobody has measured that.
const besideFile = "testdata/fence_scsi.md"

// pageBeside is what fence_scsi answers to those faults that a real target can show.
func pageBeside() string {
	const head = "\n## Beside fence_scsi\n\n"
	rows, err := os.ReadFile(besideFile)
	if err != nil {
		return head + "Not measured yet: which of these faults the laboratory can show to fence_scsi, and\nwhat it says then.\n"
	}
	return head + string(rows)
}

// The page is of these commands, faults and known false successes, and shows no other.
func TestPage(t *testing.T) {
	read, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(read)
	for _, part := range []string{pageHead, legend, pageKnown(knownFalse()), pageCommands(), pageFaults(), pageBeside()} {
		if !strings.Contains(text, part) {
			t.Errorf("docs/honesty.md is not of this matrix: make matrix; this is not there:\n%s", part)
		}
	}
	if strings.Contains(text, string(lied)+" |") && len(knownFalse()) == 0 {
		t.Error("docs/honesty.md has a false success that is not known")
	}
}

// What is said of fence_scsi is what the laboratory's scenario wants.
func TestBeside(t *testing.T) {
	scenario, err := os.ReadFile("../lab/guest/fence_faults_test.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(pageBeside()) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 3 || cells[0] == "fault" {
			continue
		}
		rows++
		for _, c := range cells {
			if !strings.Contains(string(scenario), strconv.Quote(c)) {
				t.Errorf("%q is not in the scenario", c)
			}
		}
	}
	if rows != strings.Count(string(scenario), "monitor 0") {
		t.Errorf("%d rows", rows)
	}
}

// Names tell commands, faults and cells apart.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range cells(list(), faults()) {
		if seen[x.name()] {
			t.Errorf("%s twice", x.name())
		}
		seen[x.name()] = true
	}
	if n := len(faults()); n < 24 {
		t.Errorf("%d faults", n)
	}
	for _, k := range knownFalse() {
		if k.command != "" && !slices.ContainsFunc(list(), func(c command) bool { return c.name == k.command }) ||
			k.fault != "" && !slices.ContainsFunc(faults(), func(f fault) bool { return f.name == k.fault }) {
			t.Errorf("there is no %s / %s", k.command, k.fault)
		}
	}
}
