package deadman

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const unitFolder = "../../dist/systemd"

// unit is a unit file: section and key to values, in order.
type unit map[string][]string

func readUnit(t *testing.T, name string) unit {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(unitFolder, name+".in"))
	if err != nil {
		t.Fatal(err)
	}
	u := unit{}
	section := ""
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		key, value, assigned := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
		case assigned && section != "" && key == strings.TrimSpace(key):
			u[section+"/"+key] = append(u[section+"/"+key], value)
		default:
			t.Errorf("%s:%d: %q", name, i+1, line)
		}
	}
	return u
}

func (u unit) want(t *testing.T, key string, values ...string) {
	t.Helper()
	if !slices.Equal(u[key], values) {
		t.Errorf("%s is %q, want %q", key, u[key], values)
	}
}

// The units do what the manual page promises: the deadman ends before a
// package is halted, whoever halts it, and is never started again by itself.
func TestUnits(t *testing.T) {
	pkg := readUnit(t, "lunguard@.service")
	pkg.want(t, "Service/Type", "oneshot")
	pkg.want(t, "Service/RemainAfterExit", "yes")
	pkg.want(t, "Service/ExecStart", "@SBINDIR@/pr_start %i")
	pkg.want(t, "Service/ExecStop", "/usr/bin/systemctl stop lunguard-watchdog.service", "@SBINDIR@/pr_halt %i")
	pkg.want(t, "Unit/Before", "remote-fs-pre.target", "lunguard-watchdog.service")
	for _, job := range append(slices.Clone(pkg["Service/ExecStartPost"]), pkg["Service/ExecStopPost"]...) {
		if !strings.HasPrefix(job, "-") || !strings.Contains(job, "--no-block") {
			t.Errorf("%q may wait for this unit, or fail it", job)
		}
	}
	if after := strings.Join(pkg["Unit/After"], " "); !strings.Contains(after, "multipathd.service") || !strings.Contains(after, "iscsi.service") {
		t.Errorf("comes after %q", after)
	}
	dog := readUnit(t, "lunguard-watchdog.service")
	dog.want(t, "Service/Type", "notify")
	dog.want(t, "Service/Restart", "no")
	dog.want(t, "Service/ExecStart", "@SBINDIR@/pr_watchdog")
	dog.want(t, "Service/ExecReload", "/bin/kill -HUP $MAINPID")
	dog.want(t, "Service/OOMScoreAdjust", "-1000")
	// That of a cluster engine is ready, waiting, before it, and ends after it.
	engine := readUnit(t, "lunguard-pacemaker.service")
	engine.want(t, "Service/ExecStart", "@SBINDIR@/pr_watchdog --wait")
	engine.want(t, "Unit/Before", "pacemaker.service")
	engine.want(t, "Install/WantedBy", "pacemaker.service")
	// An end of its own, by another unit, would take the node's deadman away.
	engine.want(t, "Unit/Conflicts")
	for _, key := range []string{"Service/Type", "Service/NotifyAccess", "Service/ExecReload", "Service/Restart", "Service/TimeoutStopSec", "Service/OOMScoreAdjust", "Service/LimitMEMLOCK",
		"Service/LimitRTPRIO", "Service/IOSchedulingClass", "Service/ProtectSystem", "Service/ProtectHome", "Service/PrivateTmp", "Service/NoNewPrivileges"} {
		engine.want(t, key, dog[key]...)
	}
	for _, key := range []string{"Service/WatchdogSec", "Service/KillSignal", "Service/FinalKillSignal", "Unit/OnFailure"} {
		dog.want(t, key)
		engine.want(t, key)
	}
	dog.want(t, "Install/WantedBy")
}

// systemd itself finds no fault with them, with the commands where they are.
func TestUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	var files []string
	for name, as := range map[string]string{"lunguard-watchdog.service": "lunguard-watchdog.service", "lunguard-pacemaker.service": "lunguard-pacemaker.service", "lunguard@.service": "lunguard@pkg1.service"} {
		text, err := os.ReadFile(filepath.Join(unitFolder, name+".in"))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, as)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "@SBINDIR@", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	for _, name := range []string{"pr_start", "pr_halt", "pr_watchdog"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, files...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
