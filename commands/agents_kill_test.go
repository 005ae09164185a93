package commands

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"lunguard/commands/words"
)

// agent calls ocf:lunguard:package on a host, and is its exit status.
func (r *rig) agent(host, action string) int {
	r.t.Helper()
	cmd, text := r.process(host, "package", action)
	cmd.Env = append(cmd.Env, "OCF_RESKEY_package=pkg1", "SG_NODE="+host)
	status := exitOf(r.t, cmd.Run())
	r.t.Logf("%s on %s: %d %s", action, host, status, text)
	return status
}

// killPlans are those that kill who sends one of the first PERSISTENT RESERVE OUTs, before
// it is performed and after.
func killPlans(most int) []string {
	var plans []string
	for n := 1; n <= most; n++ {
		plans = append(plans, fmt.Sprintf("prout@%d:die", n), fmt.Sprintf("prout@%d:after:die", n))
	}
	return plans
}

// Killed at any PERSISTENT RESERVE OUT, the resource agent never says that the package is
// up where it is not wholly protected, nor that it is not there where something is left; a
// stop leaves nothing, and the other node starts.
func TestResourceAgentKilled(t *testing.T) {
	const up, notRunning = 0, 7
	for _, action := range []string{"start", "stop"} {
		for lun := range 2 {
			for _, plan := range killPlans(2) {
				t.Run(fmt.Sprintf("%s/LUN %d %s", action, lun, plan), func(t *testing.T) {
					t.Parallel()
					r := newRig(t, 2, 1)
					if action == "stop" && r.agent("jack3", "start") != 0 {
						t.Fatal("no start")
					}
					r.faults(lun, plan)
					killed := r.agent("jack3", action) != 0
					r.faults(lun, "")
					here := 0
					for i := range r.luns {
						if strings.Contains(r.state(i), keyJack3) {
							here++
						}
					}
					switch status := r.agent("jack3", "monitor"); {
					case status == up && (here < r.luns || killed):
						t.Errorf("up, with the key on %d of %d LUNs", here, r.luns)
					case status == notRunning && here > 0:
						t.Errorf("not running, with the key on %d LUNs", here)
					}
					if r.agent("jack3", "stop") != 0 {
						t.Error("no stop")
					}
					r.wantOwner(words.None)
					if r.agent("jack4", "start") != 0 || r.agent("jack3", "monitor") != notRunning {
						t.Error("the other node does not start it alone")
					}
					r.wantOwner(keyJack4)
				})
			}
		}
	}
}

// Killed at any PERSISTENT RESERVE OUT, a fence has not said that the node is off, nobody
// is told so who asks for the node's status before it is true, and the next one brings it to
// an end.
func TestFenceAgentKilled(t *testing.T) {
	for lun := range 2 {
		for _, plan := range killPlans(3) {
			t.Run(fmt.Sprintf("LUN %d %s", lun, plan), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, 2, 1)
				text := strings.Replace(scriptConfig, "vg   ", "package_type system_multi_node\nvg   ", 1)
				if err := os.WriteFile(r.conf, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				for _, host := range []string{"jack3", "jack4"} {
					r.mustHere(host, "fence_lunguard", "-o", "on", "-n", host)
				}
				r.faults(lun, plan)
				cmd, said := r.process("jack3", "fence_lunguard", "-o", "off", "-n", "jack4")
				out, err := cmd.Output()
				off := exitOf(t, err) == 0
				r.faults(lun, "")
				gone := func() bool {
					for i := range r.luns {
						if strings.Contains(r.state(i), "bcb00002") {
							return false
						}
					}
					return true
				}()
				if off != strings.Contains(string(out), "Success") || off && !gone {
					t.Errorf("it says %q, %s: the node is out: %v", out, said, gone)
				}
				if status, text := r.here("jack3", "fence_lunguard", "-o", "status", "-n", "jack4"); status == 2 && !gone {
					t.Errorf("the node is off by its status: %s", text)
				}
				r.mustHere("jack3", "fence_lunguard", "-o", "off", "-n", "jack4")
				r.wantOwner(keyJack3)
				if status, text := r.here("jack4", "fence_lunguard", "-o", "off", "-n", "jack3"); status == 0 {
					t.Errorf("the loser fences the winner: %s", text)
				}
				r.wantOwner(keyJack3)
			})
		}
	}
}
