package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"lunguard/commands/catalogue"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/pr"
)

// sampleRun is a call whose messages are wanted.
type sampleRun struct {
	topic string
	argv  string
	env   []string
}

// sampleRuns are calls that go wrong, for the messages that are made where they
// are printed. CONF is a config, EMPTY and OFF are others.
func sampleRuns() []sampleRun {
	off, empty, real := []string{session.ConfigVariable + "=off.conf"}, []string{session.ConfigVariable + "=empty.conf"}, []string{front.SimVariable + "="}
	return []sampleRun{
		{"usage", "pr_start -X", nil}, {"usage", "pr_start --frobnicate", nil}, {"usage", "pr_start --dry-run=yes", nil},
		{"usage", "pr_start --node", nil}, {"usage", "pr_start -C", nil}, {"usage", "pr_check --d", nil},
		{"timeout", "pr_start --timeout soon pkg1", nil},
		{"operand", "pr_start a b", nil},
		{"unprotected", "pr_start pkg1", off}, {"nolun", "pr_halt pkg1", empty}, {"nolun", "pr_check pkg1", empty},
		{"pr_check", "pr_check --device sda", nil}, {"pr_check", "pr_check", empty},
		{"pr_fence", "pr_fence", nil}, {"pr_fence", "pr_fence --key xyz", nil}, {"pr_fence", "pr_fence jack3", []string{front.SimVariable + "=A/jack4"}}, {"pr_fence", "pr_fence jack4", nil},
		{"pr_cntl", "pr_cntl", nil}, {"pr_cntl", "pr_cntl begin", nil}, {"pr_cntl", "pr_cntl validate pkg1", []string{"SG_SCRIPT_LOG_FILE=/nothere/log"}},
		{"pr_watchdog", "pr_watchdog --on-unknown panic pkg1", nil}, {"pr_watchdog", "pr_watchdog --on-empty panic pkg1", nil}, {"pr_watchdog", "pr_watchdog --prometheus= pkg1", nil}, {"pr_watchdog", "pr_watchdog --grace long pkg1", nil},
		{"pr_watchdog", "pr_watchdog", nil}, {"pr_watchdog", "pr_watchdog --wait", nil}, {"pr_watchdog", "pr_watchdog pkg1", empty},
		{"pr_watchdog", "pr_watchdog --interval 0 pkg1", nil}, {"pr_watchdog", "pr_watchdog --timeout 2 pkg1", nil},
		{"pr_watchdog", "pr_watchdog --watchdog-timeout 1500ms pkg1", nil}, {"pr_watchdog", "pr_watchdog --watchdog-timeout 2 pkg1", nil},
		{"vg_pr_key", "vg_pr_key vg", nil}, {"vg_pr_key", "vg_pr_key -g", nil},
		{"pr_list", "pr_list", []string{front.SimVariable + "=bare"}}, {"pr_list", "pr_list --keys --paths", nil}, {"pr_list", "pr_list --diff x --foreign", nil}, {"pr_list", "pr_list --diff nothere", nil}, {"pr_list", "pr_list --diff .", nil}, {"pr_list", "pr_list --diff two", nil},
		{"pr_list", "pr_list", []string{"COROSYNC_MAIN_CONFIG_FILE=nothere"}}, {"pr_list", "pr_list --names nothere", nil}, {"pr_list", "pr_list --names .", nil}, {"pr_list", "pr_list --names same.saved", nil},
		{"pr_probe", "pr_probe", nil}, {"pr_probe", "pr_probe /dev/sda", nil}, {"pr_probe", "pr_probe --destroy-reservations /dev/sdb /dev/sda", nil},
		{"pr_probe", "pr_probe --destroy-reservations /dev/sda --html --json /dev/sda", nil}, {"pr_probe", "pr_probe --destroy-reservations /dev/sda --scratch x /dev/sda", nil},
		{"pr_probe", "pr_probe --destroy-reservations /dev/sda --wait 0 /dev/sda", nil},
		{"pr_cleanup", "pr_cleanup", nil}, {"pr_cleanup", "pr_cleanup -k xyz vg", nil}, {"pr_cleanup", "pr_cleanup -f - /dev/sda", nil},
		{"pr_cleanup", "pr_cleanup -f two", nil}, {"pr_cleanup", "pr_cleanup -f nothere", nil}, {"pr_cleanup", "pr_cleanup -f .", nil},
		{"cmviewcl", "cmviewcl a b", nil}, {"cmviewcl", "cmviewcl --json -f line", nil}, {"cmviewcl", "cmviewcl -f tree", nil},
		{"cmviewcl", "cmviewcl -s live", nil}, {"cmviewcl", "cmviewcl -l lun", nil}, {"cmviewcl", "cmviewcl -n jack3 -p pkg1", nil},
		{"cmviewcl", "cmviewcl -l cluster -n jack3", nil}, {"cmviewcl", "cmviewcl -l cluster -p pkg1", nil}, {"cmviewcl", "cmviewcl -l node -p pkg1", nil},
		{"operand", "cmrunpkg", nil}, {"cmgetconf", "cmgetconf a b", nil}, {"cmmakepkg", "cmmakepkg a b", nil}, {"cmmakepkg", "cmmakepkg -t nosuch", nil}, {"cmmodpkg", "cmmodpkg pkg1", nil}, {"cmmodpkg", "cmmodpkg -d -t pkg1", nil}, {"cmmodpkg", "cmmodpkg -e pkg1", nil}, {"cmrunserv", "cmrunserv db", nil}, {"cmrunserv", "cmrunserv -r many db x", nil}, {"cmrunserv", "cmrunserv db x", nil}, {"cmhaltserv", "cmhaltserv", nil}, {"cmhaltserv", "cmhaltserv x", nil}, {"lunguard", "lunguard cmquerycl", nil}, {"files", "cmcheckconf pkg1.conf", nil}, {"files", "cmcheckconf --keys-from saved.txt", nil},
		{"files", "cmcheckconf --conf retired.conf -C other.cluster", nil},
		{"files", "cmcheckconf --conf retired.conf -C gone.cluster", nil}, {"files", "cmcheckconf --conf retired.conf -C ids.cluster", nil},
		{"files", "cmcheckconf --conf retiredkey.conf -C keys.cluster", nil}, {"files", "cmcheckconf --conf last.conf -C new.cluster", nil},
		{"files", "cmcheckconf -C new.cluster --keys-from other.saved", nil}, {"files", "cmcheckconf -C new.cluster --keys-from twice.saved", nil},
		{"files", "cmcheckconf -C new.cluster --keys-from same.saved", nil}, {"files", "cmcheckconf -C new.cluster --keys-from no.saved", nil},
		{"files", "cmcheckconf -P two.package -P empty.package", nil}, {"files", "cmcheckconf -P fs.package -P fs.package", nil}, {"files", "cmcheckconf -P fs.package", nil},
		{"lunguard", "lunguard --list x", nil}, {"lunguard", "lunguard --install ", nil}, {"lunguard", "lunguard frobnicate", nil},
		{"lunguard", "lunguard sim", nil}, {"lunguard", "lunguard sim show", nil}, {"lunguard", "lunguard sim write x", nil}, {"lunguard", "lunguard sim frobnicate", nil}, {"lunguard", "lunguard sim quirks A/array/lun0 Nonsense", nil},
		{"lunguard", "lunguard sim create D --luns 0", nil}, {"lunguard", "lunguard sim write /dev/sda x text", nil},
		{"lunguard", "lunguard sim faults A/array/lun0 nonsense", nil}, {"lunguard", "lunguard sim quirks A/array/lun0 nonsense", nil},
		{"lunguard", "lunguard --install .", nil}, {"lunguard", "lunguard --install nosuch", nil}, {"lunguard", "lunguard sim create A", nil}, {"lunguard", "lunguard sim create D --nodes array", nil}, {"lunguard", "lunguard sim vgextend A a/b /dev/sda", nil}, {"lunguard", "lunguard sim vgextend A vg2 /dev/sda", nil}, {"lunguard", "lunguard sim vgextend A vg2 /dev/sda /dev/sda", nil},
		{"lunguard", "lunguard man a b c", nil}, {"lunguard", "lunguard sim write --sim= /dev/sda 1 text", []string{front.SimVariable + "="}},
		{"lunguard", "lunguard sim write /dev/sdb 1 " + strings.Repeat("x", 513), nil}, {"lunguard", "lunguard sim write /dev/sda 1 text", []string{front.SimVariable + "=A/jack4"}},
		{"files", "cmcheckconf -v --conf off.conf", nil},
		{"lunguard", "lunguard --list --only pr_start", nil}, {"lunguard", "lunguard --json", nil}, {"lunguard", "lunguard sim reset --json /dev/sda", nil}, {"lunguard", "lunguard --install . --only frobnicate", nil},
		{"scan", "pr_start --scan sda* pkg1", real}, {"scan", "cmviewcl --scan [", real},
		{"plan", "pr_start --json pkg1", nil}, {"syslog", "pr_start --log file pkg1", nil},
		{"syslog", "pr_start -v --log syslog pkg1", []string{"SG_NODE=jack3"}},
		{"table", "pr_check --color red", nil}, {"table", "pr_check --watch=soon", nil}, {"table", "vg_pr_key -g --watch=0.01 vg", nil},
		{"pr_check", "pr_check --html=", nil}, {"pr_check", "pr_check --problems --json", nil}, {"pr_check", "pr_check --table --json", nil}, {"pr_check", "pr_check --html - --prometheus -", nil},
		{"pr_check", "pr_check --watch --repair", nil}, {"pr_check", "pr_check --html a --dry-run", nil},
		{"vg_pr_key", "vg_pr_key -s --table vg", nil}, {"vg_pr_key", "vg_pr_key -g --table --json vg", nil}, {"vg_pr_key", "vg_pr_key -g -v --table vg", nil},
	}
}

// spokenRuns is what sampleRuns print on the error stream.
func spokenRuns(t *testing.T) []catalogue.Message {
	t.Helper()
	dir := t.TempDir()
	array := filepath.Join(dir, "A")
	if err := makeArray(array, 2, 1); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cluster.conf":    scriptConfig,
		"off.conf":        "FORCED_PR_DISABLE yes\n" + scriptConfig,
		"empty.conf":      strings.ReplaceAll(scriptConfig, "vg             iscsi_vg3\n", "node_name jack3\nno_luns yes\n"),
		"two":             "/dev/sda /dev/sdb\n",
		"vg_pr_key":       "no link\n",
		"retired.conf":    "RETIRED_NODE_ID jack5=7\n" + scriptConfig,
		"other.cluster":   "CLUSTER_NAME blub\nCLUSTER_PR_TAG 1\nNODE_NAME jack3\nNODE_ID 3\nNODE_NAME jack6\nNODE_ID 7\npackage_name pkg1\n",
		"gone.cluster":    "NODE_NAME jack3\nNODE_NAME jack4\nNODE_NAME jack5\nNODE_ID 8\n",
		"ids.cluster":     "NODE_NAME jack3\nNODE_NAME jack4\nNODE_NAME jack6\nNODE_ID 7\n",
		"retiredkey.conf": "RETIRED_NODE_PR_KEY jack5=5\n" + scriptConfig,
		"keys.cluster":    "NODE_NAME jack3\nNODE_NAME jack4\nNODE_NAME jack6\nNODE_PR_KEY 5\n",
		"last.conf":       allIDs() + scriptConfig,
		"new.cluster":     "NODE_NAME jack3\nNODE_NAME jack4\nNODE_NAME jack6\n",
		"other.saved":     "node:jack3|node_pr_key=0x1\n", "twice.saved": "node:jack3|node_pr_key=1\nnode:jack3|node_pr_key=2\n",
		"same.saved": "node:jack3|node_pr_key=1\nnode:jack4|node_pr_key=1\n", "no.saved": "jack3\n",
		"two.package": "package_name a\npackage_name b\n", "empty.package": "",
		"fs.package": "package_name c\nno_luns yes\nfs_name /dev/other/l\nfs_directory /mnt\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A host without a LUN.
	if err := os.MkdirAll(filepath.Join(dir, "bare", "dev"), 0o700); err != nil {
		t.Fatal(err)
	}
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	// pr_watchdog does not want it, and what other tests start would inherit that.
	defer signal.Reset(syscall.SIGPIPE)
	defer t.Chdir(back)
	if err := registerByHand(filepath.Join(array, "jack3"), "/dev/sda", 0xbcb00001, pr.WriteExclusiveRegistrantsOnly); err != nil {
		t.Fatal(err)
	}
	runs := append(sampleRuns(), sampleRun{"pr_cleanup", "pr_cleanup --dry-run --force lun /dev/sda", nil}, sampleRun{"pr_cleanup", "pr_cleanup --force lun /dev/sda", nil})
	var list []catalogue.Message
	for _, r := range runs {
		env := append([]string{session.ConfigVariable + "=cluster.conf", front.SimVariable + "=A/jack3", "SG_NODE=jack4"}, r.env...)
		getenv := func(name string) string {
			for _, v := range slices.Backward(env) {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		}
		var out, errs bytes.Buffer
		argv := strings.Split(r.argv, " ")
		status := Run(context.Background(), front.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Syslog: "nolog"}, getenv, argv)
		said := spokenLines(r.topic, status, errs.String())
		if len(said) == 0 {
			t.Errorf("%s: nothing on the error stream", r.argv)
		}
		list = append(list, said...)
	}
	return list
}

// allIDs retires a node for each id that is left.
func allIDs() string {
	const first, last = 3, 1<<16 - 1
	var b strings.Builder
	for id := first; id <= last; id++ {
		fmt.Fprintf(&b, "RETIRED_NODE_ID n%d=%d\n", id, id)
	}
	return b.String()
}

// spokenLines takes what a command printed on the error stream apart. Lines
// without its name belong to the message before them.
func spokenLines(topic string, status int, text string) []catalogue.Message {
	var list []catalogue.Message
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		kind, rest, _ := strings.Cut(rest, ": ")
		switch kind {
		case "error", "warning":
			s := catalogue.Message{Topic: topic, Kind: kind, Text: rest}
			if kind == "error" {
				s.Status = status
			}
			list = append(list, s)
		case "hint":
			if len(list) > 0 {
				list[len(list)-1].Hint = rest
			}
		}
	}
	return list
}
