//go:build lab

package guest

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rulesFile is what the product wants udev to do.
const rulesFile = "/lab/62-lunguard.rules"

// Udev does for one node what udev would do with the product's rules: it listens to what
// the kernel tells of devices and runs, as far as the test lets it, what the rules say. It
// knows what these rules use of udev's language, and fails at anything else.
type Udev struct {
	node  *Node
	rules []rule
	fd    int
}

// rule is one line: what has to fit, and what is run then.
type rule struct {
	fits []condition
	run  string
}

// condition compares what is called key, for instance ENV{DEVTYPE}, with a pattern.
type condition struct{ key, pattern string }

// StartUdev begins to listen. The node's config is where the rules look for one.
func StartUdev(t testing.TB, n *Node) *Udev {
	t.Helper()
	installConfig(t, n)
	const kernelGroup = 1
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	// Logins make many events.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		t.Fatal(err)
	}
	u := &Udev{node: n, rules: readRules(t), fd: fd}
	t.Cleanup(func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	})
	return u
}

// installConfig lets the product find a node's config where the rules look for one.
func installConfig(t testing.TB, n *Node) {
	t.Helper()
	const config = "/etc/lunguard/cluster.conf"
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(n.ConfigFile(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(config); err != nil {
			t.Error(err)
		}
	})
}

// readRules reads the product's rules.
func readRules(t testing.TB) []rule {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`^([A-Z]+(?:\{[A-Z_]+\})?)(==|\+=)"([^"]*)"$`)
	var rules []rule
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		var r rule
		for part := range strings.SplitSeq(line, ", ") {
			m := word.FindStringSubmatch(part)
			switch {
			case m != nil && m[2] == "==":
				r.fits = append(r.fits, condition{m[1], m[3]})
			case m != nil && m[1] == "RUN" && r.run == "":
				r.run = m[3]
			default:
				t.Fatalf("%s: %q is not understood", rulesFile, part)
			}
		}
		rules = append(rules, r)
	}
	if len(rules) == 0 {
		t.Fatalf("%s: no rules", rulesFile)
	}
	return rules
}

// fit reports whether the rule is for an event. Patterns are the shell's.
func (r rule) fit(t testing.TB, event map[string]string) bool {
	t.Helper()
	for _, c := range r.fits {
		env, isEnv := strings.CutPrefix(c.key, "ENV{")
		var value string
		switch {
		case isEnv:
			value = event[strings.TrimSuffix(env, "}")]
		case c.key == "ACTION", c.key == "SUBSYSTEM":
			value = event[c.key]
		case c.key == "KERNEL":
			value = path.Base(event["DEVPATH"])
		case c.key == "TEST":
			if _, err := os.Stat(c.pattern); err != nil {
				return false
			}
			continue
		default:
			t.Fatalf("%s: %s is not understood", rulesFile, c.key)
		}
		if ok, err := path.Match(c.pattern, value); err != nil || !ok {
			return false
		}
	}
	return true
}

// Run waits until the rules have asked for a number of commands, runs them at the same
// time, as udev does for different devices, and returns what came of them, by device. They
// get what udev gives: the event, and no PATH. Only the name of the node is added, which
// would be the host's.
func (u *Udev) Run(t testing.TB, number int) map[string]Result {
	t.Helper()
	procs := map[string]*Process{}
	for deadline := time.Now().Add(diskTimeout); len(procs) < number; {
		event := u.next(t, deadline)
		for _, r := range u.rules {
			if !r.fit(t, event) {
				continue
			}
			device := path.Base(event["DEVPATH"])
			p, err := start(program{env: u.env(event), path: appletDir, args: u.command(t, r, device)})
			if err != nil {
				t.Fatal(err)
			}
			procs[device] = p
		}
	}
	results := map[string]Result{}
	for device, p := range procs {
		results[device] = p.Wait(t)
		fmt.Fprintf(t.Output(), "udev for %s, %s: %s\n%s%s", u.node.Name, device, strings.Join(p.cmd.Args, " "), results[device].Stdout, results[device].Stderr)
	}
	return results
}

// command is what a rule runs. The applets are not where the rules think.
func (u *Udev) command(t testing.TB, r rule, device string) []string {
	t.Helper()
	args := strings.Fields(strings.ReplaceAll(r.run, "%k", device))
	if !path.IsAbs(args[0]) {
		t.Fatalf("%s: RUN without the program's path: %q", rulesFile, r.run)
	}
	args[0] = path.Base(args[0])
	return args
}

func (u *Udev) env(event map[string]string) []string {
	env := []string{"SG_NODE=" + u.node.Name}
	for key, value := range event {
		env = append(env, key+"="+value)
	}
	return env
}

// Forget drops the events that nobody has looked at.
func (u *Udev) Forget(t testing.TB) {
	t.Helper()
	for buf := make([]byte, 16<<10); ; {
		if _, _, err := unix.Recvfrom(u.fd, buf, unix.MSG_DONTWAIT); err == unix.EAGAIN {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// next is the kernel's next event.
func (u *Udev) next(t testing.TB, deadline time.Time) map[string]string {
	t.Helper()
	wait := unix.NsecToTimeval(int64(max(time.Millisecond, time.Until(deadline))))
	if err := unix.SetsockoptTimeval(u.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16<<10)
	n, _, err := unix.Recvfrom(u.fd, buf, 0)
	if err != nil {
		t.Fatalf("the kernel has not told of what the rules are for: %v", err)
	}
	event := map[string]string{}
	for word := range strings.SplitSeq(string(buf[:n]), "\x00") {
		if key, value, ok := strings.Cut(word, "="); ok {
			event[key] = value
		}
	}
	return event
}
