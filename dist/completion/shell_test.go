// Package completion has the completions for shells. Its tests type into real
// ones.
package completion

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The config has volume groups that nobody should have, but may.
const configText = `CLUSTER_NAME   bla
CLUSTER_PR_TAG 0xbcb0
NODE_NAME      jack3
  NODE_ID      1
NODE_NAME      jack4
  NODE_ID      2
package_name   pkg1
vg             vg1
package_name   other
vg             ` + hostile + `
vg             ` + quotes + `
`

// Names of such groups.
const (
	hostile = "hostile$(touch${IFS}executed)`touch${IFS}executed`"
	quotes  = `quotes'"&;|>\*`
)

// installed is what make install lays out, with a simulated host and a config,
// and the folder that the shells run in.
type installed struct {
	prefix, work string
}

func install(t *testing.T) installed {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := installed{prefix: filepath.Join(dir, "usr"), work: filepath.Join(dir, "work")}
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "PREFIX="+in.prefix, "SYSCONFDIR="+filepath.Join(dir, "etc"), "BINARY="+filepath.Join(dir, "lunguard"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	run("go", "build", "-o", filepath.Join(dir, "lunguard"), "lunguard")
	run("sh", "../install.sh", "install")
	// A command of somebody else.
	for name, text := range map[string]string{
		"other/sg_persist": "#!/bin/sh\n",
		"other/args":       "#!/bin/sh\nprintf '<%s>' \"$@\"\necho .\n",
		"work/c.conf":      configText,
		"work/conf/a.conf": "", "work/conf/b.conf": "",
		"work/host/dev/sda": "", "work/host/dev/sdb": "", "work/host/dev/mapper/mpatha": "", "work/host/dev/null": "",
	} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// env is the environment of a shell.
func (in installed) env() []string {
	return []string{
		"HOME=" + in.work, "TERM=xterm", "LC_ALL=C.UTF-8", "XDG_CONFIG_HOME=" + in.work, "XDG_DATA_HOME=" + in.work,
		"PATH=" + in.prefix + "/sbin:" + in.prefix + "/lib/lunguard/bin:" + filepath.Dir(in.prefix) + "/other:/usr/bin:/bin",
		"XDG_DATA_DIRS=" + in.prefix + "/share:/usr/share",
		"LUNGUARD_CONF=" + in.work + "/c.conf", "LUNGUARD_SIM=" + in.work + "/host",
	}
}

// all stands in what is typed for the key that inserts all completions; the
// others for tab.
const all, tab = "\x1b*", "\t"

// typing are command lines as they are typed, and what the shell then has.
var typing = []struct{ name, typed, want string }{
	{"package", "pr_start p" + tab, "pr_start pkg1"},
	{"packages", "pr_start " + all, "pr_start other pkg1"},
	{"second operand", "pr_start pkg1 x" + tab, "pr_start pkg1 x"},
	{"nodes", "pr_fence " + all, "pr_fence jack3 jack4"},
	{"behind the node", "pr_fence jack3 pk" + tab, "pr_fence jack3 pkg1"},
	{"option", "pr_start --dr" + tab, "pr_start --dry-run"},
	{"value", "pr_start -n jack4" + tab + "pk" + tab, "pr_start -n jack4 pkg1"},
	{"value behind =", "cmviewcl --format=l" + tab, "cmviewcl --format=line"},
	{"values", "cmviewcl --level " + all, "cmviewcl --level cluster node package"},
	{"file", "pr_start -C conf/a" + tab, "pr_start -C conf/a.conf"},
	{"file behind =", "pr_start --config=conf/a" + tab, "pr_start --config=conf/a.conf"},
	{"group", "vg_pr_key -g vg" + tab, "vg_pr_key -g vg1"},
	{"group as a device", "vg_pr_key -g /dev/vg" + tab, "vg_pr_key -g /dev/vg1"},
	{"hostile group", "vg_pr_key -g host" + tab, "vg_pr_key -g " + hostile},
	{"group with quotes", "vg_pr_key -g quo" + tab, "vg_pr_key -g " + quotes},
	{"action", "pr_cntl v" + tab + "p" + tab, "pr_cntl validate pkg1"},
	{"disk", "sg_persist -k /dev/sdb" + tab, "sg_persist -k /dev/sdb"},
	{"map", "sg_persist /dev/mapper/m" + tab, "sg_persist /dev/mapper/mpatha"},
	{"directory of maps", "sg_persist /dev/map" + tab + "m" + tab, "sg_persist /dev/mapper/mpatha"},
	{"applet", "lunguard pr_fe" + tab + "jack4" + tab, "lunguard pr_fence jack4"},
	{"by its path", "../usr/sbin/pr_start p" + tab, "../usr/sbin/pr_start pkg1"},
	{"somebody else's", "../other/sg_persist conf/a" + tab, "../other/sg_persist conf/a.conf"},
}

// args is the command line as a program gets it.
func args(line string) string {
	return "<" + strings.Join(strings.Fields(line), "><") + ">"
}

// program finds a shell.
func program(t *testing.T, name string) string {
	t.Helper()
	file, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	return file
}

// terminal is a shell on a terminal.
type terminal struct {
	t     *testing.T
	tty   *os.File
	heard bytes.Buffer
}

// patience is how long a shell may take to answer.
const patience = 30 * time.Second

func start(t *testing.T, in installed, argv ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err = errors.Join(err, unix.SetNonblock(fd, true), unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 300})); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = in.work, in.env()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It has nothing to lose; how it ends tells nothing.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &terminal{t: t, tty: master}
}

// say types something.
func (term *terminal) say(text string) {
	term.t.Helper()
	if _, err := io.WriteString(term.tty, text); err != nil {
		term.t.Fatal(err)
	}
}

// hear reads until something was written, and returns all before it.
func (term *terminal) hear(what string) string {
	term.t.Helper()
	if err := term.tty.SetReadDeadline(time.Now().Add(patience)); err != nil {
		term.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		if before, after, ok := strings.Cut(term.heard.String(), what); ok {
			term.heard.Reset()
			term.heard.WriteString(after)
			return before
		}
		n, err := term.tty.Read(buf)
		term.heard.Write(buf[:n])
		if err != nil {
			term.t.Fatalf("waiting for %q: %v; heard %q", what, err, term.heard.String())
		}
	}
}

// typesAll types each line, puts args before it, and looks at what that gets.
func typesAll(t *testing.T, term *terminal, in installed, prompt string) {
	for _, c := range typing {
		if t.Failed() {
			// The shell may be anywhere.
			return
		}
		t.Run(c.name, func(t *testing.T) {
			term.t = t
			term.say(c.typed + "\x01args \r")
			out := term.hear(">.")
			at := strings.LastIndex(out, "\n<")
			if at < 0 {
				t.Fatalf("heard %q", out)
			}
			if got := out[at+1:] + ">"; got != args(c.want) {
				t.Errorf("typed %q\n got %s\nwant %s", c.typed, got, args(c.want))
			}
			term.hear(prompt)
		})
	}
	term.t = t
	if _, err := os.Stat(filepath.Join(in.work, "executed")); err == nil {
		t.Error("what stands in the config was executed")
	}
}

const prompt = "READY>"

func TestShells(t *testing.T) {
	in := install(t)
	t.Run("bash", func(t *testing.T) { testBash(t, in) })
	t.Run("zsh", func(t *testing.T) { testZsh(t, in) })
	t.Run("fish", func(t *testing.T) { testFish(t, in) })
}

// bash finds the file by itself if bash-completion is there, and else is told.
func testBash(t *testing.T, in installed) {
	bash := program(t, "bash")
	for name, source := range map[string]string{
		"bash-completion": "/usr/share/bash-completion/bash_completion",
		"alone":           in.prefix + "/share/bash-completion/completions/lunguard",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(source); err != nil {
				t.Skip(err)
			}
			term := start(t, in, bash, "--norc", "--noprofile", "-i")
			term.say("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; PS1=READY'>'; . " + source + "\r")
			term.hear(prompt)
			typesAll(t, term, in, prompt)
		})
	}
}

func testZsh(t *testing.T, in installed) {
	zsh := program(t, "zsh")
	term := start(t, in, zsh, "-f", "-i")
	term.say("PS1=READY'>'; unsetopt zle_bracketed_paste prompt_sp prompt_cr list_beep; unset zle_bracketed_paste; " +
		"fpath=(" + in.prefix + "/share/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D; " +
		"zle -C everything complete-word _generic; zstyle ':completion:everything:*' completer _all_matches _complete; " +
		"zstyle ':completion:everything:*' insert true; bindkey -e; bindkey '^[*' everything; echo started\r")
	term.hear("\nstarted")
	term.hear(prompt)
	typesAll(t, term, in, prompt)
}

// fish tells what it would complete without a terminal.
func testFish(t *testing.T, in installed) {
	fish := program(t, "fish")
	for _, c := range typing {
		t.Run(c.name, func(t *testing.T) {
			// As far as the last key; what was completed before it stands there.
			typed := strings.TrimSuffix(strings.TrimSuffix(c.typed, tab), all)
			if i := strings.LastIndex(typed, tab); i >= 0 {
				last := typed[i+1:]
				typed = strings.TrimSuffix(c.want, c.want[strings.LastIndexAny(c.want, " /")+1:]) + last
			}
			cmd := exec.Command(fish, "--no-config", "-c", `set fish_complete_path $argv[2]; complete -C $argv[1]`, typed,
				in.prefix+"/share/fish/vendor_completions.d")
			cmd.Dir, cmd.Env = in.work, in.env()
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var got []string
			for line := range strings.Lines(string(out)) {
				word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
				got = append(got, word)
			}
			slices.Sort(got)
			head := typed[:strings.LastIndex(typed, " ")+1]
			want := strings.Fields(strings.TrimPrefix(c.want, head))
			if c.name == "second operand" {
				want = nil
			}
			if !slices.Equal(got, want) {
				t.Errorf("complete -C %q\n got %q\nwant %q", typed, got, want)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(in.work, "executed")); err == nil {
		t.Error("what stands in the config was executed")
	}
}

// Every command that has a link is known to every shell.
func TestNames(t *testing.T) {
	links, err := os.ReadFile("../links")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"lunguard"}
	for line := range strings.Lines(string(links)) {
		if name, _, ok := strings.Cut(line, "\t"); ok {
			want = append(want, name)
		}
	}
	for file, marks := range map[string][2]string{
		"lunguard.bash": {"complete -F _lunguard ", "\n\x00"}, "_lunguard": {"#compdef ", "\n"}, "lunguard.fish": {"\nfor name in ", "\n"},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), marks[0])
		names, _, _ := strings.Cut(rest, marks[1])
		if got := strings.Fields(strings.ReplaceAll(names, "\\\n", " ")); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}
