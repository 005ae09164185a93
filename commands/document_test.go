package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/scsi/simlun"
)

// schemaDoc is docs/json.md: the types of each field, by the heading of its
// command. "absent" is one of the types.
type schemaDoc map[string]map[string][]string

// everyAnswer heads what all have.
const everyAnswer = "Every answer"

func readSchemaDoc(t *testing.T) schemaDoc {
	t.Helper()
	text, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	doc, head := schemaDoc{}, ""
	name := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(text)) {
		if after, ok := strings.CutPrefix(line, "## "); ok {
			head = strings.TrimSpace(after)
			doc[head] = map[string][]string{}
		}
		cells := strings.SplitN(line, "|", 4)
		if len(cells) < 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(cells[1], -1) {
			doc[head][m[1]] = strings.Split(strings.TrimSpace(cells[2]), ", ")
		}
	}
	// The fields of a volume are described once.
	for field, types := range doc["pr_check --json"] {
		if rest, ok := strings.CutPrefix(field, "luns[]."); ok && rest != "package" {
			types = slices.Clone(types)
			if rest == "findings" {
				types = append(types, "null")
			}
			doc["vg_pr_key -g --json"]["volumes[]."+rest] = types
		}
	}
	return doc
}

// jsonCase is a call whose answer is compared with the document.
type jsonCase struct {
	// head is the heading of the command.
	head string
	argv []string
	want int
	// early says that it fails before it looks at anything.
	early bool
	// before prepares the array.
	before func(*jsonWorld)
	getenv map[string]string
}

// jsonWorld is an array with two hosts and a config.
type jsonWorld struct {
	t   *testing.T
	dir string
}

func (w *jsonWorld) env(more map[string]string) func(string) string {
	return func(name string) string {
		if v, ok := more[name]; ok {
			return v
		}
		return environment(filepath.Join(w.dir, "cluster.conf"), filepath.Join(w.dir, "A/jack3"))(name)
	}
}

// on runs a command on a host, which must succeed.
func (w *jsonWorld) on(host string, argv ...string) {
	w.t.Helper()
	mustRun(w.t, w.env(map[string]string{front.SimVariable: filepath.Join(w.dir, "A", host)}), argv...)
}

func (w *jsonWorld) register(host, device string, key pr.Key, typ pr.Type) {
	w.t.Helper()
	if err := registerByHand(filepath.Join(w.dir, "A", host), device, key, typ); err != nil {
		w.t.Fatal(err)
	}
}

func (w *jsonWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *jsonWorld) lun(n int) string { return filepath.Join(w.dir, fmt.Sprintf("A/array/lun%d", n)) }

const jsonConfig = `CLUSTER_NAME bla
CLUSTER_PR_TAG 0xbcb0
NODE_NAME jack3
NODE_ID 1
NODE_NAME jack4
NODE_ID 2
package_name pkg1
package_type multi_node
vg iscsi_vg3
package_name pkg2
pv /dev/mapper/mpathc
package_name gone
pv /dev/nosuch
package_name lost
vg nosuch
package_name down
pv /dev/mapper/mpathd
`

func newJSONWorld(t *testing.T) *jsonWorld {
	w := &jsonWorld{t, t.TempDir()}
	// Two more LUNs than the group has.
	w.on("", "lunguard", "sim", "create", filepath.Join(w.dir, "A"), "--nodes", "jack3,jack4", "--luns", "4", "--paths", "2")
	w.on("", "lunguard", "sim", "vgextend", filepath.Join(w.dir, "A"), "iscsi_vg3", "/dev/mapper/mpatha", "/dev/mapper/mpathb")
	w.must(os.WriteFile(filepath.Join(w.dir, "cluster.conf"), []byte(jsonConfig), 0o600))
	w.on("jack3", "pr_start", "pkg1")
	w.on("jack4", "pr_start", "pkg1")
	w.on("jack4", "pr_start", "pkg2")
	return w
}

func jsonCases() []jsonCase {
	check, show, list, sg, plan := "pr_check --json", "vg_pr_key -g --json", "pr_list --json", "sg_persist --json", "--dry-run --json"
	trouble := func(w *jsonWorld) {
		w.register("jack3", "/dev/sdc", 0xdead, 0)
		w.on("jack3", "lunguard", "sim", "fail-path", "/dev/sda")
	}
	unreadable := func(w *jsonWorld) { w.must(simlun.SetFaults(w.lun(1), mustPlan(w.t, "prin@every:host=1"))) }
	allPorts := func(w *jsonWorld) {
		w.on("jack3", "sg_persist", "-n", "-o", "-Y", "-I", "-S", "bcb00001", "/dev/sda")
	}
	broken := func(w *jsonWorld) {
		w.must(os.Remove(filepath.Join(w.dir, "A/jack3/vgs")))
		w.must(os.Mkdir(filepath.Join(w.dir, "A/jack3/vgs"), 0o700))
	}
	namespaces := func(w *jsonWorld) {
		array := filepath.Join(w.dir, "AN")
		w.on("jack3", "lunguard", "sim", "create", array, "--nvme", "--nodes", "jack3")
		w.on("jack3", "lunguard", "sim", "vgextend", array, "iscsi_vg3", "/dev/nvme0n1")
		w.on("jack3", "pr_start", "--sim", filepath.Join(array, "jack3"), "pkg1")
	}
	leftBlock := func(w *jsonWorld) {
		const wwid = "naa.6001405000000003"
		sum := fnv.New128a()
		sum.Write([]byte(wwid))
		at := filepath.Join(w.dir, "A/jack3/lib/pr_probe")
		w.must(os.MkdirAll(at, 0o700))
		w.must(os.WriteFile(filepath.Join(at, fmt.Sprintf("%x", sum.Sum(nil))), fmt.Appendf(nil, "7 %q\n%0512d", wwid, 1), 0o600))
	}
	return []jsonCase{
		{head: check, argv: []string{"pr_check", "--json", "--sim", "ARRAYN/jack3", "pkg1"}, before: namespaces},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "--sim", "ARRAYN/jack3", "iscsi_vg3"}, before: namespaces},
		{head: check, argv: []string{"pr_check", "--json", "pkg1", "pkg2"}},
		{head: check, argv: []string{"pr_check", "--json"}, want: words.ExitNode},
		{head: check, argv: []string{"pr_check", "--json", "pkg1"}, want: words.ExitFailed, before: trouble},
		{head: check, argv: []string{"pr_check", "--json", "pkg1"}, want: words.ExitNode, before: unreadable},
		{head: check, argv: []string{"pr_check", "--json", "pkg1"}, want: words.ExitFailed, before: allPorts},
		{head: check, argv: []string{"pr_check", "--json", "pkg1"}, want: words.ExitNode, before: broken},
		{head: check, argv: []string{"pr_check", "--json", "nosuch"}, want: words.ExitFailed, early: true},
		{head: check, argv: []string{"pr_check", "--json", "--nonsense"}, want: words.ExitFailed, early: true},
		{head: check, argv: []string{"pr_check", "--json", "-C", "/nosuch"}, want: words.ExitFailed, early: true},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "iscsi_vg3"}},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "iscsi_vg3"}, before: trouble},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "iscsi_vg3"}, before: allPorts},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "iscsi_vg3", "nosuch"}, want: words.ExitNode, before: unreadable},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "iscsi_vg3"}, want: words.ExitNode, before: func(w *jsonWorld) {
			w.must(os.Remove(filepath.Join(w.dir, "A/jack3/dev/mapper/mpathb")))
		}},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "iscsi_vg3"}, want: words.ExitNode, before: broken},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json", "iscsi_vg3"}, getenv: map[string]string{session.ConfigVariable: ""}},
		{head: show, argv: []string{"vg_pr_key", "-g", "--json"}, want: words.ExitFailed, early: true},
		{head: list, argv: []string{"pr_list", "--json"}},
		{head: list, argv: []string{"pr_list", "--json"}, before: allPorts},
		{head: list, argv: []string{"pr_list", "--json"}, before: trouble},
		{head: list, argv: []string{"pr_list", "--json"}, before: func(w *jsonWorld) { w.register("jack4", "/dev/sdc", 0x4150475230303031, 0) }},
		{head: list, argv: []string{"pr_list", "--json"}, want: words.ExitNode, before: unreadable},
		{head: list, argv: []string{"pr_list", "--json", "--sim", "ARRAYN/jack3"}, before: func(w *jsonWorld) {
			w.on("jack3", "lunguard", "sim", "create", filepath.Join(w.dir, "AN"), "--nvme", "--nodes", "jack3")
		}},
		{head: list, argv: []string{"pr_list", "--json"}, want: words.ExitNode, before: func(w *jsonWorld) { w.must(os.Remove(w.lun(2))) }},
		{head: list, argv: []string{"pr_list", "--json", "--keys"}, want: words.ExitFailed, early: true},
		{head: "pr_probe --json", argv: []string{"pr_probe", "--json", "--destroy-reservations", "/dev/mapper/mpathd", "--scratch", "7", "/dev/mapper/mpathd"}},
		{head: "pr_probe --json", argv: []string{"pr_probe", "--json", "--destroy-reservations", "/dev/mapper/mpathd", "/dev/mapper/mpathd"}, want: words.ExitNode},
		{head: "pr_probe --json", argv: []string{"pr_probe", "--json", "--destroy-reservations", "/dev/mapper/mpathd", "/dev/mapper/mpathd"}, want: words.ExitFailed, before: func(w *jsonWorld) {
			w.must(simlun.SetQuirks(w.lun(3), simlun.Quirks{LiesGood: true}))
		}},
		{head: "pr_probe --json", argv: []string{"pr_probe", "--json", "--destroy-reservations", "/dev/mapper/mpathd", "/dev/mapper/mpathd"}, want: words.ExitNode, before: leftBlock},
		{head: "pr_probe --json", argv: []string{"pr_probe", "--json", "/dev/mapper/mpathd"}, want: words.ExitFailed, early: true},
		{head: "cmviewcl --json", argv: []string{"cmviewcl", "--json"}, want: words.ExitNode},
		{head: "cmviewcl --json", argv: []string{"cmviewcl", "--json", "-l", "nonsense"}, want: words.ExitFailed, early: true},
		{head: "cmgetpkgenv --json", argv: []string{"cmgetpkgenv", "--json", "pkg1"}},
		{head: "cmgetpkgenv --json", argv: []string{"cmgetpkgenv", "--json", "gone"}, want: words.ExitNode},
		{head: "cmgetpkgenv --json", argv: []string{"cmgetpkgenv", "--json"}, want: words.ExitFailed, early: true},
		{head: "cmcheckconf --json", argv: []string{"cmcheckconf", "--json"}, want: words.ExitNode},
		{head: "cmcheckconf --json", argv: []string{"cmcheckconf", "--json", "-P", "/nosuch"}, want: words.ExitFailed, early: true},
		{head: "lunguard --list --json", argv: []string{"lunguard", "--list", "--json"}},
		{head: "lunguard --list --json", argv: []string{"lunguard", "--json"}, want: words.ExitFailed, early: true},
		{head: plan, argv: []string{"pr_start", "--dry-run", "--json", "pkg1"}},
		{head: plan, argv: []string{"pr_start", "--dry-run", "--json", "pkg2"}},
		{head: plan, argv: []string{"pr_start", "--json", "pkg2"}, want: words.ExitFailed, early: true},
		{head: plan, argv: []string{"pr_halt", "--dry-run", "--json", "pkg1"}},
		{head: plan, argv: []string{"pr_fence", "--dry-run", "--json", "jack4", "pkg1"}},
		{head: plan, argv: []string{"pr_cleanup", "--dry-run", "--force", "--json", "lun", "/dev/mapper/mpathc"}},
		{head: plan, argv: []string{"pr_cleanup", "--dry-run", "--json", "lun", "/dev/mapper/mpathc"}, getenv: map[string]string{session.ConfigVariable: ""}},
		{head: plan, argv: []string{"vg_pr_key", "-s", "--dry-run", "--json", "iscsi_vg3"}},
		{head: plan, argv: []string{"vg_pr_key", "-s", "--json", "iscsi_vg3"}, want: words.ExitFailed, early: true},
		{head: plan, argv: []string{"cmrunpkg", "--dry-run", "--json", "down"}},
		{head: plan, argv: []string{"cmhaltpkg", "--dry-run", "--json", "down"}},
		{head: "lunguard sim show --json", argv: []string{"lunguard", "sim", "show", "--json", "ARRAY"}},
		{head: "lunguard sim show --json", argv: []string{"lunguard", "sim", "show", "--json", "/nosuch"}, want: words.ExitFailed, early: true},
		{head: "lunguard sim show --json", argv: []string{"lunguard", "sim", "read", "--json", "/dev/sda", "7"}, want: words.ExitFailed, early: true},
		{head: sg, argv: []string{"sg_persist", "--json", "-k", "/dev/sda"}},
		{head: sg, argv: []string{"sg_persist", "--json", "-n", "-r", "/dev/sda"}},
		{head: sg, argv: []string{"sg_persist", "--json", "-n", "-s", "/dev/sda"}, before: allPorts},
		{head: sg, argv: []string{"sg_persist", "--json", "-n", "-c", "/dev/sda"}},
		{head: sg, argv: []string{"sg_persist", "--json", "-n", "-k", "-l", "16", "/dev/sda"}},
		{head: sg, argv: []string{"sg_persist", "--json", "-n", "-H", "-k", "/dev/sda"}},
		{head: sg, argv: []string{"sg_persist", "--json", "-n", "-o", "-R", "-K", "1", "-T", "5", "/dev/sda"}, want: 24},
	}
}

func mustPlan(t *testing.T, text string) simlun.Plan {
	t.Helper()
	p, err := simlun.ParsePlan(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// unsimulated are those that no simulated device leaves out.
func unsimulated(field string) bool {
	return slices.Contains([]string{
		"devices[].capabilities.types", "devices[].full_status[].transport_id", "devices[].full_status[].transport_id_bytes",
		"plans[].luns[].wwid",
	}, field)
}

// Every field that a command prints stands in docs/json.md with its type, and
// every field and type that stands there is printed by some call. What is not
// marked as absent is always there.
func TestJSONDocument(t *testing.T) {
	if _, err := os.Stat(session.DefaultConfig); err == nil {
		t.Skip("this machine has a config of its own")
	}
	doc := readSchemaDoc(t)
	seen := map[string]map[string]map[string]bool{}
	for _, tc := range jsonCases() {
		t.Run(strings.Join(tc.argv, " "), func(t *testing.T) {
			w := newJSONWorld(t)
			if tc.before != nil {
				tc.before(w)
			}
			var out, errOut bytes.Buffer
			argv := slices.Clone(tc.argv)
			for i := range argv {
				argv[i] = strings.Replace(argv[i], "ARRAY", filepath.Join(w.dir, "A"), 1)
			}
			status := Run(context.Background(), front.Streams{Out: &out, Err: &errOut}, w.env(tc.getenv), argv)
			if status != tc.want {
				t.Fatalf("status %d, %d expected; %s", status, tc.want, errOut.String())
			}
			var answer map[string]any
			dec := json.NewDecoder(&out)
			if err := dec.Decode(&answer); err != nil || dec.More() {
				t.Fatalf("one object was expected: %v", err)
			}
			v := &schemaVisitor{t: t, fields: doc[tc.head], seen: map[string]map[string]bool{}}
			if tc.head != "sg_persist --json" {
				v.common = doc[everyAnswer]
				checkEnvelope(t, answer, tc, errOut.String())
			}
			v.object("", answer, tc.early)
			if seen[tc.head] == nil {
				seen[tc.head] = map[string]map[string]bool{}
			}
			for field, types := range v.seen {
				head := tc.head
				if _, ok := doc[head][field]; !ok {
					head = everyAnswer
				}
				if seen[head] == nil {
					seen[head] = map[string]map[string]bool{}
				}
				if seen[head][field] == nil {
					seen[head][field] = map[string]bool{}
				}
				for typ := range types {
					seen[head][field][typ] = true
				}
			}
		})
	}
	for head, fields := range doc {
		for field, types := range fields {
			for _, typ := range types {
				if !seen[head][field][typ] && !(typ == "absent" && unsimulated(field)) {
					t.Errorf("docs/json.md, %s: %s was never seen as %s", head, field, typ)
				}
			}
		}
	}
}

// checkEnvelope compares what all answers have with what else is known.
func checkEnvelope(t *testing.T, answer map[string]any, tc jsonCase, said string) {
	t.Helper()
	command := tc.argv[0]
	if tc.argv[1] == "sim" {
		command = "sim"
	}
	if answer["schema"] != float64(1) || answer["command"] != command || answer["exit_status"] != float64(tc.want) {
		t.Errorf("schema %v, command %v, exit_status %v", answer["schema"], answer["command"], answer["exit_status"])
	}
	errs, _ := answer["errors"].([]any)
	if spoke := strings.Contains(said, ": error: "); spoke != (len(errs) > 0) {
		t.Errorf("errors %v, but on the error stream: %s", errs, said)
	}
	for _, e := range errs {
		if text, _ := e.(map[string]any)["text"].(string); !strings.Contains(said, text) {
			t.Errorf("%q is not on the error stream: %s", text, said)
		}
	}
}

// schemaVisitor walks through an answer.
type schemaVisitor struct {
	t              *testing.T
	fields, common map[string][]string
	seen           map[string]map[string]bool
}

func (v *schemaVisitor) types(field string) ([]string, bool) {
	if types, ok := v.fields[field]; ok {
		return types, true
	}
	types, ok := v.common[field]
	return types, ok
}

func (v *schemaVisitor) note(field, typ string) {
	if v.seen[field] == nil {
		v.seen[field] = map[string]bool{}
	}
	v.seen[field][typ] = true
}

// object looks at the fields of an object and for those that are not there.
func (v *schemaVisitor) object(prefix string, o map[string]any, early bool) {
	for name, value := range o {
		if _, ok := v.types(prefix + "*"); ok {
			name = "*"
		}
		v.value(prefix+name, value)
	}
	for _, fields := range []map[string][]string{v.fields, v.common} {
		for field, types := range fields {
			name, ok := strings.CutPrefix(field, prefix)
			if !ok || name == "*" || strings.ContainsAny(name, ".[") {
				continue
			}
			if _, there := o[name]; there {
				continue
			}
			v.note(field, "absent")
			if _, common := v.common[field]; early && !common {
				continue
			}
			if !slices.Contains(types, "absent") {
				v.t.Errorf("%s is not there", field)
			}
		}
	}
}

func (v *schemaVisitor) value(field string, value any) {
	typ := "null"
	switch x := value.(type) {
	case string:
		typ = "string"
	case float64:
		typ = "number"
	case bool:
		typ = "boolean"
	case []any:
		typ = "array"
		for _, in := range x {
			if o, ok := in.(map[string]any); ok {
				v.object(field+"[].", o, false)
			} else {
				v.value(field+"[]", in)
			}
		}
	case map[string]any:
		typ = "object"
		v.object(field+".", x, false)
	}
	v.note(field, typ)
	if types, ok := v.types(field); !ok || !slices.Contains(types, typ) {
		v.t.Errorf("docs/json.md does not have %s as %s, but as %v", field, typ, types)
	}
}
