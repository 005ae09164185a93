package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
)

// logged runs an applet on a host of the rig with a system log of its own and
// returns the lines, without time and tag.
func (r *rig) logged(ctx context.Context, host string, argv ...string) (status int, text string, lines []string) {
	r.t.Helper()
	socket := filepath.Join(r.t.TempDir(), "log")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		r.t.Fatal(err)
	}
	env := map[string]string{front.SimVariable: filepath.Join(r.dir, host), session.ConfigVariable: r.conf}
	var out bytes.Buffer
	status = Run(ctx, front.Streams{Out: &out, Err: &out, Syslog: socket}, func(name string) string { return env[name] }, argv)
	form := regexp.MustCompile(`^<(27|28|29)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ` + argv[0] + `\[` + strconv.Itoa(os.Getpid()) + `\]: (.*)$`)
	buf := make([]byte, 1<<16)
	for {
		// All was sent before Run returned.
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			return status, out.String(), lines
		}
		if err != nil {
			r.t.Fatal(err)
		}
		m := form.FindStringSubmatch(string(buf[:n]))
		if m == nil {
			r.t.Fatalf("not the form of a log line: %q", buf[:n])
		}
		lines = append(lines, "<"+m[1]+"> "+regexp.MustCompile(` ms=\d+ `).ReplaceAllString(m[2], " ms=N "))
	}
}

// Each change is one line, in the order of a LUN, and then one for the end.
func TestSystemLog(t *testing.T) {
	const wwid = " wwid=naa.6001405000000000"
	r := newRig(t, 1, 1)
	for _, c := range []struct {
		host string
		argv []string
		want []string
	}{
		{"jack3", []string{"pr_start", "--log", "syslog", "pkg1"}, []string{
			"<29> action=register pkg=pkg1 node=jack3 dev=/dev/sda" + wwid + " key=0xbcb00001 prgen=0 result=ok",
			"<29> action=reserve pkg=pkg1 node=jack3 dev=/dev/sda" + wwid + " key=0xbcb00001 prgen=1 result=ok",
			"<29> action=start pkg=pkg1 node=jack3 luns=1 commands=6 ms=N result=ok",
		}},
		{"jack4", []string{"pr_start", "--log", "syslog", "pkg1"}, []string{
			"<29> action=register pkg=pkg1 node=jack4 dev=/dev/sda" + wwid + " key=0x40000000bcb00002 prgen=1 result=ok",
			"<29> action=preempt pkg=pkg1 node=jack4 dev=/dev/sda" + wwid + " key=0x40000000bcb00002 victim=0xbcb00001 prgen=2 result=ok",
			"<29> action=unmark pkg=pkg1 node=jack4 dev=/dev/sda" + wwid + " key=0xbcb00002 prgen=3 result=ok",
			// The first one that removes somebody asks whether the device can.
			"<29> action=start pkg=pkg1 node=jack4 luns=1 commands=7 ms=N result=ok",
		}},
		{"jack3", []string{"pr_halt", "--log", "syslog", "pkg1"}, []string{
			"<29> action=nothing-left pkg=pkg1 node=jack3 dev=/dev/sda" + wwid + " key=0xbcb00001 heir=0xbcb00002 prgen=4",
			"<29> action=halt pkg=pkg1 node=jack3 luns=1 commands=2 ms=N result=ok",
		}},
		{"jack4", []string{"pr_check", "--log", "syslog", "--repair", "pkg1"}, nil},
		{"jack3", []string{"pr_start", "--log", "none", "pkg1"}, nil},
		{"jack3", []string{"pr_halt", "pkg1"}, nil},
		{"jack3", []string{"pr_start", "--log", "syslog", "--dry-run", "pkg1"}, nil},
	} {
		status, text, lines := r.logged(context.Background(), c.host, c.argv...)
		if status != words.ExitOK {
			t.Errorf("%v: exit status %d\n%s", c.argv, status, text)
		}
		if diff := gocmp.Diff(c.want, lines); diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.host, c.argv, diff)
		}
	}
}

func TestLogFlag(t *testing.T) {
	r := newRig(t, 1, 1)
	status, text := r.here("jack3", "pr_start", "--log", "stderr", "pkg1")
	if status != words.ExitOK || strings.Count(text, "pr_start: action=") != 3 || strings.Count(text, "\n") != 3 {
		t.Errorf("exit status %d\n%s", status, text)
	}
	status, text = r.here("jack3", "pr_start", "--log", "paper", "pkg1")
	if status != words.ExitFailed || !strings.Contains(text, "--log paper: stderr, syslog or none was expected") {
		t.Errorf("exit status %d\n%s", status, text)
	}
}

// Without a system log all works, and -v says once that there is none.
func TestNoSystemLog(t *testing.T) {
	r := newRig(t, 2, 1)
	env := map[string]string{front.SimVariable: filepath.Join(r.dir, "jack3"), session.ConfigVariable: r.conf}
	for verbose, want := range map[string]int{"-v": 1, "--timeout=60": 0} {
		var out bytes.Buffer
		streams := front.Streams{Out: &out, Err: &out, Syslog: filepath.Join(t.TempDir(), "none")}
		status := Run(context.Background(), streams, func(name string) string { return env[name] }, []string{"pr_start", "--log", "syslog", verbose, "pkg1"})
		if n := strings.Count(out.String(), "nothing goes to the system log"); status != words.ExitOK || n != want {
			t.Errorf("%s: exit status %d\n%s", verbose, status, &out)
		}
	}
}

// A system log that does not read neither delays a protocol nor makes it fail.
func TestHungSystemLog(t *testing.T) {
	const luns = 64
	r := newRig(t, luns, 1)
	socket := filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// What the kernel keeps for it is full before it begins.
	filler, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for {
		if err := filler.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := filler.Write([]byte("full")); err != nil {
			break
		}
	}
	env := map[string]string{front.SimVariable: filepath.Join(r.dir, "jack3"), session.ConfigVariable: r.conf}
	var out bytes.Buffer
	status := Run(context.Background(), front.Streams{Out: &out, Err: &out, Syslog: socket}, func(name string) string { return env[name] },
		[]string{"pr_start", "--log", "syslog", "pkg1"})
	if want := fmt.Sprintf("the system log did not take %d lines", 2*luns+1); status != words.ExitOK || !strings.Contains(out.String(), want) {
		t.Errorf("exit status %d\n%s", status, &out)
	}
	r.wantOwner(keyJack3)
}

// constants are the values of the constants of a type.
func constants(t *testing.T, file, typ string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			for _, v := range spec.Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, text)
			}
		}
		return true
	})
	slices.Sort(list)
	return list
}

// described are the names in the tables of a section of docs/logging.md.
func described(t *testing.T, section string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/logging.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("no section %s", section)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var list []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(rest, -1) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return list
}

// docs/logging.md has every action, field and result, and no others.
func TestLogDescribed(t *testing.T) {
	actions := append(constants(t, "../protocol/run.go", "Action"), constants(t, "front/record.go", "Deed")...)
	slices.Sort(actions)
	for section, want := range map[string][]string{
		"Actions": actions, "Fields": constants(t, "front/record.go", "Field"), "Results": constants(t, "front/record.go", "result"),
	} {
		if len(want) < 3 {
			t.Fatalf("%s: only %v found", section, want)
		}
		if diff := gocmp.Diff(want, described(t, section)); diff != "" {
			t.Errorf("%s (-code +docs/logging.md):\n%s", section, diff)
		}
	}
}

// fields takes a line of the log apart, as a program would.
func fields(t *testing.T, line string) map[string]string {
	t.Helper()
	m := map[string]string{}
	part := regexp.MustCompile(`^([a-z]+)=("(?:[^"\\]|\\.)*"|[^" ]+)( |$)`)
	for line != "" {
		f := part.FindStringSubmatch(line)
		if f == nil {
			t.Fatalf("no field at %q", line)
		}
		if _, twice := m[f[1]]; twice {
			t.Errorf("%s stands there twice: %s", f[1], line)
		}
		m[f[1]] = f[2]
		line = line[len(f[0]):]
	}
	return m
}

// What is logged in the life of a cluster, each line of it, is described; and
// each action that the life has comes with the fields that belong to it.
func TestLogOfALife(t *testing.T) {
	known, actions := described(t, "Fields"), described(t, "Actions")
	seen := map[string]map[string]string{}
	run := func(r *rig, want int, host string, argv ...string) {
		t.Helper()
		argv = append([]string{argv[0], "--log", "syslog"}, argv[1:]...)
		status, text, lines := r.logged(context.Background(), host, argv...)
		if status != want {
			t.Errorf("%v: exit status %d\n%s", argv, status, text)
		}
		for _, line := range lines {
			_, line, _ = strings.Cut(line, " ")
			f := fields(t, line)
			for name := range f {
				if !slices.Contains(known, name) {
					t.Errorf("the field %s is not described: %s", name, line)
				}
			}
			if !slices.Contains(actions, f["action"]) {
				t.Errorf("the action is not described: %s", line)
			}
			seen[f["action"]] = f
		}
	}
	r := newRig(t, 2, 1)
	r.config(multiConfig)
	run(r, words.ExitOK, "jack3", "pr_start", "pkg1")
	run(r, words.ExitOK, "jack4", "pr_start", "pkg1")
	run(r, words.ExitOK, "jack3", "pr_cleanup", "--force", "lun", "/dev/sdb")
	run(r, words.ExitOK, "jack4", "vg_pr_key", "-s", "iscsi_vg3")
	run(r, words.ExitOK, "jack3", "pr_halt", "pkg1")
	run(r, words.ExitOK, "jack3", "pr_start", "pkg1")
	run(r, words.ExitOK, "jack4", "pr_fence", "jack3", "pkg1")
	run(r, words.ExitOK, "jack4", "pr_check", "--repair", "pkg1")
	run(r, words.ExitOK, "jack3", "pr_halt", "pkg1")
	if err := registerByHand(filepath.Join(r.dir, "jack3"), "/dev/sda", 0xdead, 0); err != nil {
		t.Fatal(err)
	}
	run(r, words.ExitFailed, "jack4", "pr_start", "pkg1")
	two := newRig(t, 1, 2)
	two.faults(0, "prout%iqn.2026-01.sim:jack3,i,0x800000000002@every:host=1")
	run(two, words.ExitOK, "jack3", "pr_start", "pkg1")
	two.faults(0, "")
	run(two, words.ExitOK, "jack3", "pr_check", "--repair", "pkg1")
	if err := registerByHand(filepath.Join(two.dir, "jack3"), "/dev/sdb", 0, 0); err != nil {
		t.Fatal(err)
	}
	run(two, words.ExitOK, "jack3", "pr_check", "--repair", "--device", "sdb")
	if _, _, lines := two.logged(context.Background(), "jack3", "pr_check", "--log", "syslog", "--repair", "--device", "sdb"); len(lines) > 0 {
		t.Errorf("nothing was missing, and this is logged: %q", lines)
	}
	run(two, words.ExitOK, "jack3", "pr_halt", "pkg1")
	two.configure(strings.ReplaceAll(scriptConfig, "pkg1\nvg             iscsi_vg3", "pkg2\npv /dev/mapper/mpatha"))
	run(two, words.ExitOK, "jack3", "cmrunpkg", "pkg2")
	run(two, words.ExitOK, "jack3", "cmhaltpkg", "pkg2")
	for action, want := range map[string]string{
		"register": "pkg node dev wwid key prgen result", "reserve": "pkg node dev wwid key prgen result",
		"unregister": "pkg node dev wwid key prgen result", "mark-leaving": "pkg node dev wwid key prgen result",
		"mark-taking": "pkg node dev wwid key prgen result", "unmark": "pkg node dev wwid key prgen result",
		"move": "pkg node dev wwid key heir prgen result", "preempt": "pkg node dev wwid key victim prgen result",
		"clear": "dev wwid key prgen result", "introduce": "pkg node dev wwid key prgen result",
		"start": "pkg node luns commands ms result", "halt": "pkg node luns commands ms result",
		"fence": "pkg node victim luns commands ms result", "repair": "pkg node luns commands ms result",
		"readmit-paths": "node luns commands ms result", "readmit": "node dev wwid key prgen result", "path-failed": "pkg node dev path wwid err", "cleanup": "luns commands ms result",
		"copy": "pkg node vg luns commands ms result", "foreign-key": "pkg node dev wwid foreign",
		"nothing-left": "pkg node dev wwid key heir prgen", "run-package": "pkg node ms result", "halt-package": "pkg node ms result",
	} {
		f, ok := seen[action]
		if !ok {
			t.Errorf("%s was not logged", action)
			continue
		}
		for _, name := range strings.Fields(want) {
			if f[name] == "" {
				t.Errorf("%s has no %s: %v", action, name, f)
			}
		}
	}
}
