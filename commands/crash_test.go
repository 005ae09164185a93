package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lunguard/vg/simhost"
)

// TestCrashIsNotOff: 2 says that a node is off, and is also how Go's programs end that crash.
func TestCrashIsNotOff(t *testing.T) {
	dir := t.TempDir()
	if _, err := simhost.CreateArray(filepath.Join(dir, "A"), simhost.Spec{Nodes: []string{"a", "b"}, LUNs: 1, Paths: 1}); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "corosync.conf")
	if err := os.WriteFile(conf, []byte("totem {\ncluster_name: x\n}\nnodelist {\nnode {\nname: a\nnodeid: 1\n}\nnode {\nname: b\nnodeid: 2\n}\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Too few files for what Go waits with.
	cmd := exec.Command("sh", "-c", "ulimit -c 0; ulimit -n 6; exec "+shipped(t)+" fence_lunguard -o status -n b -d /dev/sda")
	cmd.Env = append(os.Environ(), "LUNGUARD_SIM="+filepath.Join(dir, "A", "a"), "LUNGUARD_CONF=", "COROSYNC_MAIN_CONFIG_FILE="+conf)
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "fatal error") {
		t.Fatalf("it did not crash: %v\n%.500s", err, out)
	}
	if code := cmd.ProcessState.ExitCode(); code == 0 || code == 2 {
		t.Errorf("exit status %d", code)
	}
}
