package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/vg/simhost"
)

// parsedConfig is the cluster that the parsers look at.
const parsedConfig = `CLUSTER_NAME bla
CLUSTER_PR_TAG 1
NODE_NAME jack3
NODE_ID 1
NODE_NAME jack4
NODE_ID 2
package_name pkg1
node_name jack4
node_name jack3
run_script /etc/cmcluster/pkg1/trans.cntl
service_name svc1
service_cmd "/opt/app -x a=b | logger"
pv /dev/sda
package_name mn
package_type multi_node
pv /dev/sdb
`

// parsedHost makes hosts with pkg1 up on jack4 and mn up on both, and returns
// the environment of jack3.
func parsedHost(t *testing.T) func(string) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "cluster.conf")
	if err := os.WriteFile(conf, []byte(parsedConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	array := filepath.Join(dir, "A")
	if _, err := simhost.CreateArray(array, simhost.Spec{Nodes: []string{"jack3", "jack4"}, LUNs: 2, Paths: 1}); err != nil {
		t.Fatal(err)
	}
	env := environment(conf, filepath.Join(array, "jack3"))
	mustRun(t, environment(conf, filepath.Join(array, "jack4")), "pr_start", "pkg1")
	mustRun(t, environment(conf, filepath.Join(array, "jack4")), "pr_start", "mn")
	mustRun(t, env, "pr_start", "mn")
	return env
}

// environment is that of a simulated host.
func environment(conf, host string) func(string) string {
	return func(name string) string {
		switch name {
		case session.ConfigVariable:
			return conf
		case front.SimVariable:
			return host
		}
		return ""
	}
}

// mustRun runs an applet, which must succeed, and returns what it prints.
func mustRun(t testing.TB, getenv func(string) string, argv ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if status := Run(context.Background(), front.Streams{Out: &out, Err: &errOut}, getenv, argv); status != words.ExitOK || errOut.Len() > 0 {
		t.Fatalf("%v: status %d, %s", argv, status, errOut.String())
	}
	return out.String()
}

// The ways in which scripts in use take the lines apart have to work. Each
// file of testdata/parsers is one.
func TestViewParsers(t *testing.T) {
	env := parsedHost(t)
	for _, tc := range []struct{ parser, args, want string }{
		{"cluster-name.sh", "-f line", "bla\n"},
		{"cluster-name.sh", "-v -f line", "bla\n"},
		{"node-names.sh", "-f line", "jack3\njack4\n"},
		{"node-names.sh", "-v -f line", "jack3\njack4\n"},
		{"package-nodes.awk.sh", "-f line", "pkg1 jack4\npkg1 jack3\nmn jack3\nmn jack4\n"},
		{"package-nodes.awk.sh", "-v -f line", "pkg1 jack4\npkg1 jack3\nmn jack3\nmn jack4\n"},
		{"package-node.sed.sh", "-v -f line -s config", "jack4\njack3\n"},
		{"summary.awk.sh", "-v -f line", "Total Status ok\nnode:jack3 ok\nnode:jack4 ok\npackage:pkg1 ok\npackage:mn ok\n"},
		{"owner.sh", "-f line", "jack4\n"},
		{"run-script.sh", "-v -f line", "trans.cntl\n"},
		{"pr.awk.sh", "-f line", "cluster_pr_mode pr_enabled\nnode:jack3 10001\nnode:jack4 10002\npkg_pr_mode pr_enabled\npkg_pr_mode pr_enabled\n"},
		{"switching.sh", "-v -f line", "jack3\njack4\n"},
		{"shell-assignments.sh", "-f line", "name is bla\ncluster_pr_mode is pr_enabled\n"},
	} {
		t.Run(tc.parser+" "+tc.args, func(t *testing.T) {
			lines := mustRun(t, env, append([]string{"cmviewcl"}, strings.Fields(tc.args)...)...)
			sh := exec.Command("/bin/sh", filepath.Join("testdata", "parsers", tc.parser))
			sh.Stdin = strings.NewReader(lines)
			got, err := sh.Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s\nof\n%s", diff, lines)
			}
		})
	}
}

// The expressions by which facts are gathered into trees: one for attributes
// of the cluster, one for those of things in it.
func TestViewExpressions(t *testing.T) {
	env := parsedHost(t)
	attribute := regexp.MustCompile(`(^[0-9a-z_]+)=([0-9a-zA-Z_]+)$`)
	object := regexp.MustCompile(`(\w+):([0-9a-z-_]+)\|(.*\|)*([0-9a-zA-Z_]+)=(.+)$`)
	facts := map[string]string{}
	for line := range strings.Lines(mustRun(t, env, "cmviewcl", "-v", "-f", "line")) {
		line = strings.TrimSuffix(line, "\n")
		if m := object.FindStringSubmatch(line); m != nil {
			facts[m[1]+" "+m[2]+" "+m[3]+m[4]] = m[5]
		} else if m := attribute.FindStringSubmatch(line); m != nil {
			facts[m[1]] = m[2]
		} else {
			t.Errorf("nothing matches %q", line)
		}
	}
	for name, want := range map[string]string{
		"name": "bla", "status": "up", "cluster_pr_mode": "pr_enabled",
		"node jack3 name": "jack3", "node jack4 node_pr_key": "10002",
		"package pkg1 status": "up", "package mn type": "multi_node",
		"package pkg1 node:jack4|status":             "up",
		"package pkg1 node:jack3|switching":          "enabled",
		"package pkg1 service_name:svc1|service_cmd": "/opt/app -x a=b | logger",
	} {
		if facts[name] != want {
			t.Errorf("%s: %q, %q expected", name, facts[name], want)
		}
	}
}

// The tree says the same as the lines.
func TestViewTree(t *testing.T) {
	env := parsedHost(t)
	var tree map[string]any
	if err := json.Unmarshal([]byte(mustRun(t, env, "cmviewcl", "-v", "--json")), &tree); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"schema", "command", "time", "exit_status", "errors"} {
		if _, ok := tree[name]; !ok {
			t.Errorf("the tree has no %s", name)
		}
		delete(tree, name)
	}
	var lines []string
	var walk func(prefix string, o map[string]any)
	walk = func(prefix string, o map[string]any) {
		for name, v := range o {
			switch v := v.(type) {
			case string:
				lines = append(lines, prefix+name+"="+v)
			case []any:
				for _, in := range v {
					in := in.(map[string]any)
					id, ok := in["name"]
					if !ok {
						id = in[name]
					}
					walk(fmt.Sprintf("%s%s:%v|", prefix, name, id), in)
				}
			}
		}
	}
	walk("", tree)
	want := strings.Split(strings.TrimSpace(mustRun(t, env, "cmviewcl", "-v", "-f", "line")), "\n")
	sorted := gocmp.Transformer("set", func(list []string) map[string]bool {
		set := map[string]bool{}
		for _, l := range list {
			set[l] = true
		}
		return set
	})
	if diff := gocmp.Diff(want, lines, sorted); diff != "" {
		t.Errorf("-lines +tree:\n%s", diff)
	}
}

// largeCluster writes the config of n packages and 16 nodes.
func largeCluster(t testing.TB, dir string, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("CLUSTER_NAME big\nCLUSTER_PR_TAG 1\n")
	for i := range 16 {
		fmt.Fprintf(&b, "NODE_NAME n%d\nNODE_ID %d\n", i+1, i+1)
	}
	for i := range n {
		fmt.Fprintf(&b, "package_name p%d\npv /dev/sd%s\n", i, diskLetters(i))
		for s := range 3 {
			fmt.Fprintf(&b, "service_name s%d_%d\nservice_cmd /opt/run\n", i, s)
		}
	}
	conf := filepath.Join(dir, fmt.Sprintf("cluster%d.conf", n))
	if err := os.WriteFile(conf, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return conf
}

// 300 packages and 16 nodes work, and cost in proportion: what is allocated,
// which no load of the machine changes, grows no faster than the packages.
func TestViewLarge(t *testing.T) {
	dir := t.TempDir()
	array := filepath.Join(dir, "A")
	const most = 300
	if _, err := simhost.CreateArray(array, simhost.Spec{Nodes: []string{"n1", "n2"}, LUNs: most, Paths: 1}); err != nil {
		t.Fatal(err)
	}
	host := filepath.Join(array, "n1")
	for _, i := range []int{0, most - 1} {
		if err := registerByHand(host, "/dev/sd"+diskLetters(i), 0x10001, pr.WriteExclusiveRegistrantsOnly); err != nil {
			t.Fatal(err)
		}
	}
	cost := map[int]float64{}
	for _, n := range []int{most / 4, most} {
		env := environment(largeCluster(t, dir, n), host)
		cost[n] = testing.AllocsPerRun(1, func() {
			lines := mustRun(t, env, "cmviewcl", "-v", "-f", "line")
			if got, want := strings.Count(lines, "|pkg_pr_mode=pr_enabled\n"), n; got != want {
				t.Fatalf("%d packages enabled, %d expected", got, want)
			}
			if !strings.Contains(lines, "package:p0|owner=n1\n") {
				t.Fatal("p0 has no owner")
			}
		})
	}
	ratio := cost[most] / cost[most/4]
	t.Logf("%d packages take %.2f times what %d take", most, ratio, most/4)
	if ratio > 5 {
		t.Errorf("4 times as many packages cost %.1f times as much", ratio)
	}
}

func BenchmarkView(b *testing.B) {
	dir := b.TempDir()
	array := filepath.Join(dir, "A")
	if _, err := simhost.CreateArray(array, simhost.Spec{Nodes: []string{"n1"}, LUNs: 300, Paths: 1}); err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{75, 300} {
		env := environment(largeCluster(b, dir, n), filepath.Join(array, "n1"))
		b.Run(fmt.Sprintf("packages=%d", n), func(b *testing.B) {
			for b.Loop() {
				mustRun(b, env, "cmviewcl", "-f", "line")
			}
		})
	}
}

// tableReport is what a monitoring plugin makes of the table: it goes by the headers and
// titles, and takes every row below Script_Parameters, up to the next title that it knows,
// whose second cell is not up for a fault.
func tableReport(t *testing.T, table string) (faults []string) {
	t.Helper()
	fields := func(pattern string) *regexp.Regexp { return regexp.MustCompile(`^\s+` + pattern + `\s*$`) }
	headers := regexp.MustCompile(`^\s+(POLICY_NAME\s+CONFIGURED_VALUE|ITEM\s+STATUS\s+MAX_RESTARTS\s+RESTARTS\s+NAME|NODE_TYPE\s+STATUS\s+SWITCHING\s+NAME)`)
	pkg, five, three := fields(`(\S+)\s+(\S+)\s+(\S+)?\s+(\S+)?\s+(\S+)`), fields(`(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)`), fields(`(\S+)\s+(\S+)\s+(\S+)`)
	node := regexp.MustCompile(`^\s+(\S+)\s+(\S+)\s+(\S+)?\s+(.+)$`)
	section, name, current, primary := "", "", map[string]string{}, map[string]string{}
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "", headers.MatchString(line):
			continue
		case fields(`PACKAGE\s+STATUS\s+STATE\s+AUTO_RUN\s+NODE`).MatchString(line):
			section = "package"
			continue
		case strings.HasSuffix(line, "Policy_Parameters:"):
			section = "policy"
			continue
		case strings.HasSuffix(line, "Script_Parameters:"):
			section = "script"
			continue
		case strings.HasSuffix(line, "Node_Switching_Parameters:"):
			section = "node"
			continue
		}
		switch section {
		case "package":
			if m := pkg.FindStringSubmatch(line); m != nil {
				if name = m[1]; m[2] != "up" || m[3] != "running" {
					faults = append(faults, strings.Join(m[1:4], " "))
				}
			}
		case "script":
			m := five.FindStringSubmatch(line)
			if m == nil {
				m = three.FindStringSubmatch(line)
			}
			if m != nil && m[2] != "up" {
				faults = append(faults, strings.Join(m[1:], " "))
			}
		case "node":
			if m := node.FindStringSubmatch(line); m != nil {
				if primary[name] == "" {
					primary[name] = strings.Fields(m[4])[0]
				}
				if on, ok := strings.CutSuffix(strings.TrimSpace(m[4]), " (current)"); ok {
					current[name] = strings.TrimSpace(on)
				}
			}
		}
	}
	for p, on := range current {
		if on != primary[p] {
			faults = append(faults, p+" is not on its primary node "+primary[p])
		}
	}
	return faults
}

// A package that is well is no fault to who reads the table, wherever it is up; one that
// is down is.
func TestViewTableParser(t *testing.T) {
	env := parsedHost(t)
	for _, args := range []string{"-v -l package", "-v", "-v -p pkg1"} {
		table := mustRun(t, env, append([]string{"cmviewcl"}, strings.Fields(args)...)...)
		if faults := tableReport(t, table); len(faults) > 0 {
			t.Errorf("%s: %q\nof\n%s", args, faults, table)
		}
		if !strings.Contains(table, "(current)") || !strings.Contains(table, "MAX_RESTARTS") {
			t.Errorf("%s: what is looked for is not there:\n%s", args, table)
		}
	}
	mustRun(t, environment(env(session.ConfigVariable), filepath.Join(filepath.Dir(env(front.SimVariable)), "jack4")), "pr_halt", "pkg1")
	if faults := tableReport(t, mustRun(t, env, "cmviewcl", "-v", "-l", "package")); !slices.Equal(faults, []string{"pkg1 down halted"}) {
		t.Errorf("%q", faults)
	}
}

// A control script of old has its words in capitals; who asks gets the vendor's.
func TestViewLegacy(t *testing.T) {
	env := parsedHost(t)
	conf := filepath.Join(t.TempDir(), "cluster.conf")
	text := strings.Replace(parsedConfig, "run_script", "FAILOVER_POLICY CONFIGURED_NODE\nFAILBACK_POLICY MANUAL\nAUTO_RUN NO\nRUN_SCRIPT_TIMEOUT NO_TIMEOUT\nRUN_SCRIPT", 1)
	text = strings.Replace(text, "NODE_ID 2\n", "NODE_ID 2\nNETWORK_INTERFACE lan0\nHEARTBEAT_IP 192.0.2.1\nSTATIONARY_IP 198.51.100.1\n", 1)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(mustRun(t, environment(conf, env(front.SimVariable)), "cmviewcl", "-v", "-f", "line"), "\n")
	for _, want := range []string{
		"package:pkg1|style=legacy", "package:mn|style=modular", "package:pkg1|failover_policy=configured_node", "package:pkg1|failback_policy=manual",
		"package:pkg1|run_script_timeout=no_timeout", "package:pkg1|autorun=disabled",
		"node:jack4|interface:lan0|name=lan0", "node:jack4|interface:lan0|status=unknown", "node:jack4|interface:lan0|ip_address:192.0.2.1|name=192.0.2.1",
		"node:jack4|interface:lan0|ip_address:192.0.2.1|heartbeat=true", "node:jack4|interface:lan0|ip_address:198.51.100.1|heartbeat=false",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s", want)
		}
	}
}
