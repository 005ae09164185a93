package commands

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/vg/simhost"
)

// printing is a command that prints, and what is to be done before it.
type printing struct{ before, argv string }

// everyPrinting has each applet, and each form of its output.
func everyPrinting() []printing {
	const up, shared, running = "pr_start pkg1", "pr_start pkg2", "cmrunpkg pkg2"
	return []printing{
		{"", "vg_pr_key -g iscsi_vg3"}, {"", "vg_pr_key -g --table iscsi_vg3"}, {"", "vg_pr_key -g --json iscsi_vg3"}, {up, "vg_pr_key -s -v iscsi_vg3"},
		{up, "pr_cleanup -v --force iscsi_vg3"}, {up, "pr_cleanup --dry-run --force iscsi_vg3"}, {up, "pr_cleanup --dry-run --force --json iscsi_vg3"},
		{"", "pr_start -v pkg1"}, {"", "pr_start --dry-run pkg1"}, {"", "pr_start --dry-run --json pkg1"},
		{up, "pr_halt -v pkg1"}, {up, "pr_halt --dry-run pkg1"}, {shared, "pr_fence --dry-run jack4 pkg2"}, {shared, "pr_fence -v jack4 pkg2"},
		{"", "pr_check pkg1"}, {"", "pr_check --table pkg1"}, {"", "pr_check --table --color always pkg1"}, {"", "pr_check --json pkg1"},
		{"", "pr_check --html - pkg1"}, {"", "pr_check --prometheus - pkg1"}, {"", "pr_check -v pkg1"},
		{"", "pr_list"}, {"", "pr_list --keys"}, {"", "pr_list --html"}, {"", "pr_list --paths"}, {"", "pr_list --csv"}, {"", "pr_list --json"}, {"", "pr_list --foreign"}, {"", "pr_probe --even-in-use --destroy-reservations /dev/sda /dev/sda"}, {"", "pr_probe --even-in-use --destroy-reservations /dev/sda --html /dev/sda"}, {"", "pr_probe --even-in-use --destroy-reservations /dev/sda --json /dev/sda"},
		{"", "sg_persist -k /dev/sda"}, {"", "sg_persist -s /dev/sda"}, {"", "sg_persist --json -r /dev/sda"}, {"", "sg_persist -c /dev/sda"},
		{"", "cmcheckconf -P pkg.conf"}, {"", "cmapplyconf -f -v -P pkg.conf"},
		{"", "cmviewcl"}, {"", "cmviewcl -v"}, {"", "cmviewcl -f line"}, {"", "cmviewcl -v -f line"}, {"", "cmviewcl -v --json"},
		{"", "cmgetpkgenv pkg1"}, {"", "cmgetconf -p pkg1"}, {"", "cmmakepkg"}, {"", "cmmodpkg --help"}, {"", "cmrunserv --help"}, {"", "cmhaltserv --help"}, {"", "cmgetpkgenv --json pkg1"},
		{"", running}, {"", "cmrunpkg --dry-run pkg1"}, {running, "cmhaltpkg pkg2"}, {running, "cmhaltpkg --dry-run pkg2"},
		{"", "pr_cntl -v start pkg1"}, {"", "pr_cntl --dry-run start pkg1"},
		{"", "fence_lunguard -o metadata"}, {"", "fence_lunguard --help"}, {"", "lunguard --list"}, {"", "lunguard --version"}, {"", "lunguard --help"}, {"", "lunguard sim show A"}, {"", "lunguard man pr_start"},
		{"", "lunguard complete -- pr_start p"}, {"", "pr_halt --man"}, {"", "pr_fence --help"}, {"", "lunguard sim --help"}, {"", "pr_watchdog --help"},
	}
}

// printer runs commands in a folder with an array and a config.
type printer struct {
	t   *testing.T
	env map[string]string
}

// newPrinter puts name wherever a config and a device can have one.
func newPrinter(t *testing.T, name string) *printer {
	t.Helper()
	t.Chdir(t.TempDir())
	array, err := simhost.CreateArray("A", simhost.Spec{Nodes: []string{"jack3", "jack4"}, LUNs: 3, Paths: 1})
	if err == nil {
		err = array.Extend("iscsi_vg3", []string{"/dev/sda"})
	}
	if err != nil {
		t.Fatal(err)
	}
	log, err := filepath.Abs("log")
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"cluster.conf": "CLUSTER_NAME c\nNODE_NAME jack3\nNODE_PR_KEY bcb00001\nNODE_NAME jack4\nNODE_PR_KEY bcb00002\n" +
			"package_name pkg1\npackage_description \"d" + name + "\"\nnode_name jack3\nnode_name jack4\nvg iscsi_vg3\nscript_log_file " + log + "\n" +
			"service_name s\nservice_cmd \"/bin/sleep 100 " + name + "\"\n" +
			"package_name pkg2\npackage_type multi_node\nnode_name jack3\nnode_name jack4\npv /dev/sdb\n",
		"pkg.conf": "package_name pkg9\npackage_description \"d" + name + "\"\nnode_name jack3\npv /dev/sdc\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	putTools(t)
	return &printer{t, map[string]string{front.SimVariable: "A/jack3", session.ConfigVariable: "cluster.conf"}}
}

// putTools puts a vgchange behind the folders of PATH, for a machine without lvm2.
func putTools(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vgchange"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", os.Getenv("PATH")+":"+dir)
}

// run runs a command with its output going to that stream.
func (p *printer) run(s front.Streams, argv string) int {
	s.In = strings.NewReader("")
	return Run(context.Background(), s, func(name string) string { return p.env[name] }, strings.Fields(argv))
}

// What cannot be printed makes a failure of every command, and is said.
func TestOutputToFullDevice(t *testing.T) {
	said := map[string]bool{}
	for _, c := range everyPrinting() {
		t.Run(c.argv, func(t *testing.T) {
			p := newPrinter(t, "")
			var text bytes.Buffer
			if c.before != "" {
				if p.run(front.Streams{Out: &text, Err: &text}, c.before) != words.ExitOK {
					t.Fatal(text.String())
				}
				text.Reset()
			}
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer full.Close()
			status := p.run(front.Streams{Out: full, Err: &text}, c.argv)
			if n := strings.Count(text.String(), "error: standard output: no space left on device"); status == words.ExitOK || n != 1 {
				t.Errorf("exit status %d, said %d times:\n%s", status, n, text.String())
			}
		})
		name, _, _ := strings.Cut(strings.TrimPrefix(c.argv, "lunguard "), " ")
		said[name] = true
	}
	for _, a := range applets().Applets {
		if !said[a.Name] && a.Name != front.Self {
			t.Errorf("%s is not in the table", a.Name)
		}
	}
}

// Nothing that a terminal would act on gets from a config, a device or the command line
// to the streams of any command.
func TestOutputIsPrintable(t *testing.T) {
	const hostile = "\x1b]0;x\x07\u202e\u009b2J\x9b\x7f"
	own := []string{"sg_persist"} // byte for byte another project's
	for _, c := range append(everyPrinting(), printing{"", "pr_start p" + hostile}, printing{"", "pr_check --html /no" + hostile + "/x pkg1"},
		printing{"", "vg_pr_key -g v" + hostile}, printing{"", "pr_cleanup lun /dev/x" + hostile}, printing{"", "lunguard x" + hostile},
		printing{"", "pr_fence n" + hostile + " pkg2"}, printing{"", "cmviewcl -C no" + hostile}, printing{"", "pr_check -C no" + hostile}, printing{"", "pr_start --x" + hostile}) {
		t.Run(c.argv, func(t *testing.T) {
			p := newPrinter(t, hostile)
			var text bytes.Buffer
			if c.before != "" {
				p.run(front.Streams{Out: &text, Err: &text}, c.before)
			}
			if status := p.run(front.Streams{Out: &text, Err: &text}, c.argv); status != words.ExitOK && !strings.Contains(c.argv, hostile) && c.argv != "cmrunpkg pkg1" && !strings.HasPrefix(c.argv, "pr_probe ") {
				// By one path pr_probe finds out too little.
				t.Fatalf("exit status %d\n%q", status, text.String())
			}
			if name, _, _ := strings.Cut(c.argv, " "); slices.Contains(own, name) {
				return
			}
			printed := text.String()
			for _, sgr := range []string{"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[1;31m"} {
				if strings.Contains(c.argv, "--color always") {
					printed = strings.ReplaceAll(printed, sgr, "")
				}
			}
			for i, r := range printed {
				if r != '\n' && r != '\t' && (!unicode.IsPrint(r) || r == unicode.ReplacementChar) {
					t.Fatalf("%q in %q", r, printed[max(i-40, 0):min(i+20, len(printed))])
				}
			}
			if text.Len() == 0 {
				t.Error("it prints nothing")
			}
		})
	}
}

// A shell gets the values as they are, though a terminal does not.
func TestOutputForShell(t *testing.T) {
	p := newPrinter(t, "\x1b[31m\u202e$x`y`\xe9")
	var text bytes.Buffer
	if status := p.run(front.Streams{Out: &text, Err: &text}, "cmgetpkgenv pkg1"); status != words.ExitOK {
		t.Fatal(text.String())
	}
	got := shellRun(t, text.String()+"printf %s \"$SG_PACKAGE_DESCRIPTION\"\n")
	if want := "d\x1b[31m\u202e$x`y`\xe9"; got != want {
		t.Errorf("%q, %q expected", got, want)
	}
}

// shellRun runs a script.
func shellRun(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
