package commands

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"lunguard/commands/catalogue"
	"lunguard/commands/front"
)

// TestManualExamples runs the EXAMPLES of the manual pages, each by a script of
// its name in testdata/manual. Besides the words of TestScript there are:
//
//	on HOST                  the host of commands whose prompt names none
//	example N                run block N; each command must exit 0, and print
//	                         what stands below it
//	example N status S       the same, but the last command must exit S
//	example N file NAME      the block is no commands: write it to that file
//	example N skip REASON... it needs more than a simulated array
//
// A block begins with a prompt, "# " or "$ ", with a host before it or not. A
// line of dots stands for any lines.
func TestManualExamples(t *testing.T) {
	testscript.Run(t, scriptParams("testdata/manual", t.TempDir()))
}

func scriptOn(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(front.SimVariable, ts.MkAbs("A/"+args[0]))
}

func scriptExample(ts *testscript.TestScript, _ bool, args []string) {
	block, err := exampleBlock(ts.Name(), args[0])
	ts.Check(err)
	switch {
	case len(args) > 2 && args[1] == "skip":
		return
	case len(args) == 3 && args[1] == "file":
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Join(block, "\n")+"\n"), 0o644))
		return
	}
	want := "0"
	if len(args) == 3 && args[1] == "status" {
		want = args[2]
	} else if len(args) != 1 {
		ts.Fatalf("usage: example N [status S | file NAME | skip REASON...]")
	}
	steps, err := parseExample(block)
	ts.Check(err)
	ts.Check(ts.Exec("sh", "-c", exampleScript(steps, ts.MkAbs("A"))))
	if err := judgeExample(steps, ts.ReadFile("stdout"), want); err != nil {
		ts.Fatalf("example %s: %v", args[0], err)
	}
}

// exampleBlock gives block number of the page of a command, or of a page whose
// file has that name.
func exampleBlock(name, number string) (manBlock, error) {
	var errs []error
	for _, file := range []string{name + ".1m", name + ".8", name} {
		text, err := os.ReadFile(filepath.Join("..", "man", file))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		blocks := parseManPage(file, string(text)).examples()
		for i, b := range blocks {
			if itoa(i+1) == number {
				return b, nil
			}
		}
		return nil, fmt.Errorf("%s has %d examples, and no number %s", file, len(blocks), number)
	}
	return nil, errors.Join(errs...)
}

// exampleStep is one command of an example with what it prints.
type exampleStep struct {
	host, command string
	output        []string
}

// parseExample takes a block apart.
func parseExample(block manBlock) ([]exampleStep, error) {
	prompt := regexp.MustCompile(`^([a-z0-9]*)[#$] (.*)$`)
	var steps []exampleStep
	for _, line := range block {
		if m := prompt.FindStringSubmatch(line); m != nil {
			steps = append(steps, exampleStep{host: m[1], command: m[2]})
			continue
		}
		if len(steps) == 0 {
			return nil, fmt.Errorf("%q: a prompt was expected before it", line)
		}
		last := &steps[len(steps)-1]
		if n := len(last.command); n > 0 && last.command[n-1] == '\\' && len(last.output) == 0 {
			last.command = last.command[:n-1] + strings.TrimPrefix(strings.TrimSpace(line), "> ")
			continue
		}
		last.output = append(last.output, line)
	}
	return steps, nil
}

// stepMark ends the output of a command; its exit status follows.
const stepMark = "=== end of the step, status "

// exampleScript is a script for sh that runs the steps.
func exampleScript(steps []exampleStep, array string) string {
	var b strings.Builder
	b.WriteString("exec 2>&1\n")
	for _, s := range steps {
		if s.host != "" {
			fmt.Fprintf(&b, "%s='%s/%s'; export %s\n", front.SimVariable, array, s.host, front.SimVariable)
		}
		fmt.Fprintf(&b, "%s\necho \"%s$?\"\n", s.command, stepMark)
	}
	return b.String()
}

// judgeExample compares what the steps printed with what the page says.
func judgeExample(steps []exampleStep, output, status string) error {
	parts := strings.Split(output, stepMark)
	if len(parts) != len(steps)+1 {
		return fmt.Errorf("%d commands ended, not %d:\n%s", len(parts)-1, len(steps), output)
	}
	text := parts[0]
	for i, s := range steps {
		got, rest, _ := strings.Cut(parts[i+1], "\n")
		want := "0"
		if i == len(steps)-1 {
			want = status
		}
		if got != want {
			return fmt.Errorf("%s: exit status %s, %s expected:\n%s", s.command, got, want, text)
		}
		if !sameOutput(s.output, text) {
			return fmt.Errorf("%s: the page has\n%s\nit printed\n%s", s.command, strings.Join(s.output, "\n"), text)
		}
		text = rest
	}
	return nil
}

// sameOutput reports whether a text is what the lines say.
func sameOutput(lines []string, text string) bool {
	pattern := ""
	for _, line := range lines {
		if line == "..." {
			pattern += `(?:.*\n)*`
			continue
		}
		// mandoc takes blanks at the end of a line for a mistake.
		pattern += regexp.QuoteMeta(strings.TrimRight(line, " ")) + " *\n"
	}
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(text)
}

// The judge of examples does find a lie.
func TestExampleJudge(t *testing.T) {
	for _, c := range []struct{ block, output, status, want string }{
		{"# a", stepMark + "0\n", "0", ""},
		{"# a\nx", "x\n" + stepMark + "0\n", "0", ""},
		{"# a\nx\n# b\ny", "x\n" + stepMark + "0\ny\n" + stepMark + "2\n", "2", ""},
		{"# a\n...\nz", "x\ny\nz\n" + stepMark + "0\n", "0", ""},
		{"# a\nx", "y\n" + stepMark + "0\n", "0", "it printed"},
		{"# a", "y\n" + stepMark + "0\n", "0", "it printed"},
		{"# a\nx", stepMark + "0\n", "0", "it printed"},
		{"# a", stepMark + "1\n", "0", "exit status 1"},
		{"# a\n# b", stepMark + "2\n" + stepMark + "2\n", "2", "a: exit status 2"},
		{"# a\n# b", stepMark + "0\n", "0", "1 commands ended"},
	} {
		steps, err := parseExample(strings.Split(c.block, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		err = judgeExample(steps, c.output, c.status)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %v, want %s", c.block, c.output, err, c.want)
		}
	}
	if _, err := parseExample(manBlock{"no prompt"}); err == nil {
		t.Error("a block without a prompt is no example")
	}
	steps, err := parseExample(manBlock{`jack3# echo "$LUNGUARD_SIM" \`, `  more`, "/A/jack3 more"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", exampleScript(steps, "/A")).Output()
	if err != nil || judgeExample(steps, string(out), "0") != nil {
		t.Errorf("%s: %v", out, err)
	}
	if list := badSetup(2, "example 1\nexample 3\n"); !slices.Equal(list, []string{"example 2 is not run once", "there is no example 3"}) {
		t.Errorf("%q", list)
	}
}

// checkSaid wants what a command has said on the error stream, and its exit
// status, to stand in its manual page.
func checkSaid(ts *testscript.TestScript, args []string, status int) {
	name := args[0]
	if name == front.Self && len(args) > 1 && applets().Find(args[1]) != nil {
		name = args[1]
	}
	if a := applets().Find(name); a == nil || a.Main != nil {
		// The words of sg_persist are compared with the original's elsewhere.
		return
	}
	file := name + ".8"
	if _, err := os.Stat("../man/" + file); err != nil {
		file = name + ".1m"
	}
	page, err := os.ReadFile("../man/" + file)
	ts.Check(err)
	if !slices.Contains(parseManPage(file, string(page)).statuses(), itoa(status)) {
		ts.Fatalf("%s does not explain exit status %d", file, status)
	}
	groups, err := catalogue.ReadGroups("../man/messages")
	ts.Check(err)
	if lack := unexplained(catalogue.ItemsOf(groups, name), name, ts.ReadFile("stderr")); lack != "" {
		ts.Fatalf("lunguard-messages(7) does not have, as said by %s: %s", name, lack)
	}
}

// unexplained is the first of what a command has said on the error stream that none of
// the items is about; empty if there is none.
func unexplained(items []catalogue.Item, name, stderr string) string {
	for line := range strings.Lines(stderr) {
		line = strings.TrimSuffix(line, "\n")
		text, ok := "", strings.HasPrefix(line, "ERROR: ")
		if ok {
			text = line
		}
		for _, kind := range []string{": error: ", ": warning: "} {
			if rest, found := strings.CutPrefix(line, name+kind); found {
				text, ok = rest, true
			}
		}
		if ok && !catalogue.Explained(items, text) {
			return text
		}
	}
	return ""
}

func TestUnexplained(t *testing.T) {
	items := catalogue.ItemsOf(messageGroups(t), "pr_start")
	for said, want := range map[string]string{
		"": "",
		"pr_start: error: a package is missing\n":                                                                                           "",
		"pr_start: error: a package is absent\n":                                                                                            "a package is absent",
		"pr_start: warning: FORCED_PR_DISABLE is set in x.conf: nothing is protected\n":                                                     "",
		"pr_start: warning: it rains\npr_start: hint: take a coat\n":                                                                        "it rains",
		"ERROR: Physical Volume /dev/sda used in the VG has registration which is not from any of the cluster nodes.\nwhat a script says\n": "",
		"ERROR: no\n": "ERROR: no",
		// Others say it.
		"pr_start: error: a service and a command were expected\n": "a service and a command were expected",
	} {
		if got := unexplained(items, "pr_start", said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}
