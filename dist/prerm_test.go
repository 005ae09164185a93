package dist

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// removal is a host on which the package is to be removed: its processes and its cluster's
// configuration are files below a folder.
type removal struct {
	t   *testing.T
	dir string
}

// process makes a process of a name, and of a program.
func (r removal) process(pid, name, program string) {
	r.t.Helper()
	dir := filepath.Join(r.dir, "proc", pid)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "comm"), []byte(name+"\n"), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(dir, "exe")); err != nil {
		r.t.Fatal(err)
	}
}

// cib is the cluster's configuration.
func (r removal) cib(text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "cib.xml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// run is the script with the paths of that host. It says what it has said, and whether the
// removal may go on.
func (r removal) run(word string) (string, bool) {
	r.t.Helper()
	text, err := os.ReadFile("package/prerm")
	if err != nil {
		r.t.Fatal(err)
	}
	moved := strings.NewReplacer("/proc", r.dir+"/proc", "/var/lib/pacemaker/cib/cib.xml", r.dir+"/cib.xml", "/run/systemd/system", r.dir+"/no-systemd").Replace(string(text))
	if !strings.Contains(moved, r.dir+"/cib.xml") {
		r.t.Fatal("the script looks at no configuration of a cluster")
	}
	out, err := exec.Command("sh", "-c", moved, "prerm", word).CombinedOutput()
	return string(out), err == nil
}

// A package whose agents a running Pacemaker uses is not removed: it could neither stop what
// it runs nor fence anybody.
func TestPrerm(t *testing.T) {
	const (
		fence    = `<primitive id="fence" class="stonith" type="fence_lunguard"/>`
		resource = `<primitive id="pr" class="ocf" provider="lunguard" type="package"/>`
		other    = `<primitive id="fence" class="stonith" type="fence_scsi"/>`
	)
	for _, c := range []struct {
		name, cib, process, program, word string
		says                              string // empty if it may be removed
	}{
		{"nothing runs", "", "sh", "/bin/dash", "remove", ""},
		{"the fence agent is in use", fence, "pacemakerd", "/usr/sbin/pacemakerd", "remove", "resources of Pacemaker"},
		{"the resource agent is in use", resource, "pacemakerd", "/usr/sbin/pacemakerd", "remove", "resources of Pacemaker"},
		{"rpm", fence, "pacemakerd", "/usr/sbin/pacemakerd", "0", "resources of Pacemaker"},
		{"an upgrade", fence, "pacemakerd", "/usr/sbin/pacemakerd", "upgrade", ""},
		{"rpm's upgrade", fence, "pacemakerd", "/usr/sbin/pacemakerd", "1", ""},
		{"Pacemaker is down", fence, "sh", "/bin/dash", "remove", ""},
		{"another agent is in use", other, "pacemakerd", "/usr/sbin/pacemakerd", "remove", ""},
		{"no cluster", "", "pacemakerd", "/usr/sbin/pacemakerd", "remove", ""},
		{"a deadman", "", "pr_watchdog", "/usr/sbin/lunguard", "remove", "pr_watchdog (process 17)"},
		{"a deadman since before an upgrade", "", "pr_watchdog", "/usr/bin/lunguard (deleted)", "remove", "pr_watchdog (process 17)"},
	} {
		r := removal{t, t.TempDir()}
		r.process("17", c.process, c.program)
		if c.cib != "" {
			r.cib(c.cib)
		}
		said, goesOn := r.run(c.word)
		if goesOn != (c.says == "") || !strings.Contains(said, c.says) || goesOn && said != "" {
			t.Errorf("%s: goes on: %v, %q", c.name, goesOn, said)
		}
	}
}
