package dist

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Each alert fires in a test of the rules, and those tests pass.
func TestAlerts(t *testing.T) {
	rules, err := os.ReadFile("prometheus/lunguard.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("prometheus/lunguard.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`(?m)- alert: (\w+)$`).FindAllStringSubmatch(string(rules), -1)
	if len(alerts) < 10 {
		t.Errorf("%d alerts", len(alerts))
	}
	for _, a := range alerts {
		fires := regexp.MustCompile(`alertname: ` + a[1] + `\n *exp_alerts:\n *- exp_labels:`)
		if !fires.Match(tests) {
			t.Errorf("%s fires in no test", a[1])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	cmd := exec.Command(promtool, "test", "rules", "lunguard.test.yml")
	cmd.Dir = "prometheus"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What cannot be installed is said with the reason that apt gave, whole; another apt is
// waited for, and with CI=true what is missing is a failure.
func TestNeed(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"id":      "#!/bin/sh\necho 0\n",
		"apt-get": "#!/bin/sh\necho \"$*\" >>" + dir + "/asked\necho 'Err:1 http://mirror bookworm'\necho 'E: Unable to locate package nothing'\nexit 100\n",
	} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, ci := range []string{"", "true"} {
		cmd := exec.Command("/bin/sh", "../testdata/need.sh", "no-such-command", "nothing")
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "CI=" + ci}
		out, err := cmd.CombinedOutput()
		if (err != nil) != (ci == "true") {
			t.Errorf("CI=%s: %v", ci, err)
		}
		for _, want := range []string{"no-such-command is missing (packages: nothing)", "Err:1 http://mirror", "E: Unable to locate package nothing"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("CI=%s: %q does not have %q", ci, out, want)
			}
		}
	}
	asked, err := os.ReadFile(dir + "/asked")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(asked)) {
		if !strings.Contains(line, "DPkg::Lock::Timeout=") {
			t.Errorf("apt-get %s does not wait for another", line)
		}
	}
}
