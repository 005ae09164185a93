package commands

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lunguard/commands/front"
	"lunguard/commands/session"
)

// completeWorld is a config with two packages and a host with devices that
// nobody can open: they are pipes.
func completeWorld(t *testing.T) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	conf := scriptConfig + "package_name other\npackage_type multi_node\nvg /dev/vg02\npv /dev/$(touch${IFS}x)\n"
	for name, text := range map[string]string{
		"cluster.conf": conf,
		"one.conf":     "CLUSTER_NAME one\nNODE_NAME lone\nNODE_PR_KEY 5\n",
		"bad.conf":     "NONSENSE\n",
		"escape.conf":  strings.Replace(conf, "iscsi_vg3", "v\x1b[31m", 1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "dev", "mapper"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sda", "sdb", "sda1", "watchdog", "watchdog1", "mapper/mpatha", "pipe"} {
		if err := syscall.Mkfifo(filepath.Join(dir, "dev", name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string) string {
		return map[string]string{session.ConfigVariable: filepath.Join(dir, "cluster.conf"), front.SimVariable: dir, "DIR": dir}[name]
	}
}

// completed is what lunguard complete prints, without what words mean.
func completed(t *testing.T, getenv func(string) string, args ...string) []string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var out, errs bytes.Buffer
	done := make(chan int)
	go func() {
		done <- Run(ctx, front.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, getenv, append([]string{"lunguard", "complete"}, args...))
	}()
	select {
	case status := <-done:
		if status != 0 || errs.Len() > 0 {
			t.Errorf("%q: status %d, errors %s", args, status, &errs)
		}
	case <-ctx.Done():
		t.Fatalf("%q: waits for something", args)
	}
	words := []string{}
	for line := range strings.Lines(out.String()) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		words = append(words, word)
	}
	return words
}

func TestComplete(t *testing.T) {
	getenv := completeWorld(t)
	dir := getenv("DIR")
	for _, c := range []struct{ line, want string }{
		{"pr_start ", "pkg1 other"},
		{"pr_start p", "pkg1"},
		{"pr_start pkg1 ", ""},
		{"pr_halt o", "other"},
		{"/usr/sbin/pr_halt o", "other"},
		{"pr_start -", "--help --man --version --verbose --config --node --dry-run --json --timeout --sim --no-lvm --scan --serial --log --strict"},
		{"pr_start -v --n", "--node --no-lvm"},
		{"pr_start --nonsense p", "pkg1"},
		{"pr_start -- -", ""},
		{"pr_start -- p", "pkg1"},
		{"pr_start -n ", "jack3 jack4"},
		{"pr_start -vn ", "jack3 jack4"},
		{"pr_start -vn jack3 p", "pkg1"},
		{"pr_start -njack3 p", "pkg1"},
		{"pr_start --node j", "jack3 jack4"},
		{"pr_start --nod j", "jack3 jack4"},
		{"pr_start --node=jack4", "--node=jack4"},
		{"pr_start --nonsense=j", ""},
		{"pr_start --verbose=j", ""},
		{"pr_start --timeout ", ""},
		{"pr_start -C ", ":files"},
		{"pr_start --config=x", ":files"},
		{"pr_start --sim ", ":dirs"},
		{"pr_start -C DIR/one.conf -n ", "lone"},
		{"pr_start --config=DIR/one.conf -n ", "lone"},
		{"pr_start -C DIR/bad.conf ", ""},
		{"pr_start -C DIR/nosuch.conf ", ""},
		{"pr_start -C DIR/dev/pipe ", ""},
		{"pr_start -C DIR ", ""},
		{"pr_fence ", "jack3 jack4"},
		// A node does not fence itself.
		{"pr_fence -n jack3 ", "jack4"},
		{"pr_fence jack3 ", "pkg1 other"},
		{"pr_fence jack3 pkg1 ", "other"},
		{"pr_check pkg1 ", "other"},
		{"pr_check --repair --device ", "/dev/sda /dev/sdb /dev/mapper/mpatha"},
		{"pr_check --repair --device /dev/s", "/dev/sda /dev/sda1 /dev/sdb"},
		{"pr_check --repair --device /dev/mapper/", "/dev/mapper/mpatha"},
		{"pr_check --repair --device /dev/ma", "/dev/mapper/ /dev/mapper/mpatha"},
		{"pr_watchdog -w ", "/dev/watchdog /dev/watchdog1"},
		{"pr_watchdog --on-unknown ", "keep expire"},
		{"pr_cntl ", "start stop validate"},
		{"pr_cntl stop ", "pkg1 other"},
		{"pr_cntl stop pkg1 ", ""},
		{"vg_pr_key -g ", "iscsi_vg3 vg02"},
		{"vg_pr_key -g vg02 ", "iscsi_vg3"},
		{"vg_pr_key -g /dev/v", "/dev/vg02"},
		{"vg_pr_key -C DIR/escape.conf -g ", "vg02"},
		{"pr_cleanup ", "iscsi_vg3 vg02 lun"},
		{"pr_cleanup lun ", "/dev/sda /dev/sdb /dev/mapper/mpatha"},
		{"pr_cleanup lun /dev/sda ", "/dev/sdb /dev/mapper/mpatha"},
		{"pr_cleanup -k ", "0xbcb00001 0xbcb00002"},
		{"pr_cleanup -f ", ":files"},
		{"pr_cleanup -f x ", ""},
		{"sg_persist ", "/dev/sda /dev/sdb /dev/mapper/mpatha"},
		{"sg_persist --hel", "--help"},
		{"sg_persist --m", "--man --maxlen"},
		{"sg_persist --read-f", "--read-full-status"},
		{"sg_persist -o -T ", "1 3 5 6 7 8"},
		{"sg_persist -o --prout-type=5", "--prout-type=5"},
		{"sg_persist -oGS ", "0xbcb00001 0xbcb00002"},
		{"sg_persist -d /dev/sdb", "/dev/sdb"},
		{"cmviewcl -f ", "line table"},
		{"cmviewcl -l ", "cluster node package"},
		{"cmviewcl -c ", "bla"},
		{"cmviewcl -n jack3 -p o", "other"},
		{"cmviewcl -s ", "config"},
		{"cmapplyconf -P ", ":files"},
		{"cmcheckconf -C ", ":files"},
		{"cmapplyconf -C x --conf DIR/one.conf -n ", "lone"},
		{"cmgetpkgenv ", "pkg1 other"},
		{"cmrunpkg pkg1 ", "other"},
		{"cmrunpkg --su", ""},
		{"cmhaltpkg ", "pkg1 other"},
		{"lunguard pr_st", "pr_start"},
		{"lunguard --", "--help --man --version --list --install --only --json"},
		{"lunguard --install ", ":dirs"},
		{"lunguard --install x --only s", "sg_persist"},
		{"lunguard pr_start ", "pkg1 other"},
		{"lunguard-1.0 pr_start ", "pkg1 other"},
		{"lunguard nosuch ", ""},
		{"lunguard man pr_s", "pr_start"},
		{"lunguard man l", "lunguard"},
		{"lunguard sim p", "power-cycle"},
		{"lunguard sim read ", "/dev/sda /dev/sdb /dev/mapper/mpatha"},
		{"lunguard sim show ", ":dirs"},
		{"nosuch ", ""},
		{"", ""},
	} {
		args := strings.Split(strings.ReplaceAll(c.line, "DIR", dir), " ")
		if diff := gocmp.Diff(strings.Fields(c.want), completed(t, getenv, append([]string{"--"}, args...)...)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.line, diff)
		}
	}
	// The list of applets is complete.
	if got := completed(t, getenv, "lunguard", ""); len(got) != len(applets().Applets)+1 {
		t.Errorf("applets: %q", got)
	}
	for _, args := range [][]string{{}, {"--"}, {"pr_start"}} {
		completed(t, getenv, args...)
	}
}

// Shells show what each option means, by the usage.
func TestMeanings(t *testing.T) {
	for _, a := range applets().Applets {
		var out bytes.Buffer
		Run(t.Context(), front.Streams{Out: &out, Err: &out}, func(string) string { return "" }, []string{"lunguard", "complete", "--", a.Name, "--"})
		for line := range strings.Lines(out.String()) {
			option, meaning, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			// Options of other agents that a fence agent takes and does not look at are named together.
			if !ok && a.Name != "fence_lunguard" || ok && (len(meaning) < 4 || len(meaning) > 60 || strings.Count(meaning, "(") != strings.Count(meaning, ")")) {
				t.Errorf("%s: %s means %q", a.Name, option, meaning)
			}
		}
	}
}

// What a package lays out is every applet.
func TestLinks(t *testing.T) {
	text, err := os.ReadFile("../dist/links")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{front.Self: "sbin"}
	for line := range strings.Lines(string(text)) {
		if name, where, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			got[name] = where
		}
	}
	want := map[string]string{}
	for _, a := range applets().Applets {
		want[a.Name] = "own"
		// These names are nobody else's.
		switch {
		case a.Name == "pr_cleanup":
		case a.Name == front.Self, strings.HasPrefix(a.Name, "pr_"), a.Name == "fence_lunguard":
			want[a.Name] = "sbin"
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("dist/links (-want +got):\n%s", diff)
	}
}

func BenchmarkComplete(b *testing.B) {
	for range b.N {
		Run(b.Context(), front.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, func(string) string { return "" }, []string{"lunguard", "complete", "--", "vg_pr_key", "-g", ""})
	}
}
