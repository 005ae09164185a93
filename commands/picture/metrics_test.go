package picture

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exposition is a parsed text of metrics: values by name and labels.
type exposition map[string]float64

// parseExposition reads the text format strictly: HELP, TYPE and all samples
// of a metric stand together, once; labels are quoted and escaped; no sample is
// there twice; the last line ends.
func parseExposition(text string) (exposition, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line does not end")
	}
	name := regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	label := regexp.MustCompile(`^([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|})`)
	values, done, current, typed := exposition{}, map[string]bool{}, "", false
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fault := func(what string) error { return fmt.Errorf("line %d: %s: %q", i+1, what, line) }
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			current, _, ok = strings.Cut(rest, " ")
			if !ok || !name.MatchString(current) || done[current] {
				return nil, fault("HELP")
			}
			done[current], typed = true, false
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			if rest != current+" gauge" || typed {
				return nil, fault("TYPE")
			}
			typed = true
			continue
		}
		rest, ok := strings.CutPrefix(line, current)
		if !ok || !typed || current == "" {
			return nil, fault("a sample of another metric")
		}
		key, seen := current, map[string]bool{}
		if strings.HasPrefix(rest, "{") {
			for rest = rest[1:]; ; {
				m := label.FindStringSubmatch(rest)
				if m == nil || seen[m[1]] {
					return nil, fault("label")
				}
				seen[m[1]] = true
				key += " " + m[1] + "=" + strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(m[2])
				if rest = rest[len(m[0]):]; m[3] == "}" {
					break
				}
			}
		}
		rest, ok = strings.CutPrefix(rest, " ")
		value, err := strconv.ParseFloat(rest, 64)
		if !ok || err != nil {
			return nil, fault("value")
		}
		if _, twice := values[key]; twice {
			return nil, fault("twice")
		}
		values[key] = value
	}
	return values, nil
}

func (p *Picture) exposition(t *testing.T) exposition {
	t.Helper()
	var b bytes.Buffer
	if err := p.Metrics(&b); err != nil {
		t.Fatal(err)
	}
	values, err := parseExposition(b.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return values
}

func TestMetrics(t *testing.T) {
	var b bytes.Buffer
	if err := wounded().Metrics(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "metrics.prom", b.String())
	values := wounded().exposition(t)
	const unread, foreign = " package=pkg1 lun=/dev/mapper/mpathc", " package=pkg1 lun=/dev/mapper/3600a098038303053453f463045727654"
	for key, want := range map[string]float64{
		"lunguard_last_run_timestamp_seconds":                               1795335011,
		"lunguard_last_run_duration_seconds":                                1.5,
		"lunguard_last_run_exit_status":                                     2,
		"lunguard_package_protected package=pkg1":                           0,
		"lunguard_package_known package=pkg1":                               0,
		"lunguard_package_known package=pkg2":                               1,
		"lunguard_package_known package=pkg3":                               0,
		"lunguard_package_protected package=pkg3":                           0,
		"lunguard_package_protected package=pkg4":                           0,
		"lunguard_lun_known" + unread:                                       0,
		"lunguard_lun_protected" + unread:                                   0,
		"lunguard_lun_paths_expected" + unread:                              2,
		"lunguard_lun_paths_working" + unread:                               0,
		"lunguard_lun_findings" + unread + " kind=unreadable":               1,
		"lunguard_lun_protected" + foreign:                                  0,
		"lunguard_lun_paths_registered" + foreign:                           1,
		"lunguard_lun_findings" + foreign + " kind=foreign-keys":            1,
		"lunguard_lun_protected package=pkg1 lun=/dev/mapper/mpatha":        1,
		"lunguard_lun_paths_working package=pkg1 lun=/dev/mapper/mpatha":    1,
		"lunguard_lun_generation package=pkg1 lun=/dev/mapper/mpatha":       7,
		"lunguard_lun_registrations package=pkg2 lun=/dev/mapper/mpathf":    0,
		"lunguard_lun_protected package=pkg2 lun=/dev/mapper/mpathf":        0,
		"lunguard_lun_node_registrations" + foreign + " node=jack4":         0,
		"lunguard_lun_node_registrations" + foreign + " node=jack3":         1,
		"lunguard_lun_paths_registered package=pkg2 lun=/dev/mapper/mpathf": 0,
	} {
		if got, ok := values[key]; !ok || got != want {
			t.Errorf("%s: %v, %v; %v expected", key, got, ok, want)
		}
	}
}

// Nothing that is unknown has a value, and nothing unknown is protected.
func TestMetricsUnknown(t *testing.T) {
	p := wounded()
	p.Sections[0].LUNs[2].Protected = some(true)
	for key, value := range p.exposition(t) {
		if !strings.Contains(key, "mpathc") {
			continue
		}
		name, _, _ := strings.Cut(key, " ")
		switch name {
		case "lunguard_lun_known", "lunguard_lun_protected":
			if value != 0 {
				t.Errorf("%s is %v", key, value)
			}
		case "lunguard_lun_paths_expected", "lunguard_lun_paths_working", "lunguard_lun_findings":
		case "lunguard_lun_state":
			if !strings.Contains(key, "state=unknown") {
				t.Error(key)
			}
		default:
			t.Errorf("%s is %v, and is unknown", key, value)
		}
	}
	failed := (&Picture{Status: 1}).exposition(t)
	for key := range failed {
		if strings.Contains(key, "lun_") || strings.Contains(key, "package_") {
			t.Errorf("%s, and nothing was looked at", key)
		}
	}
	if failed["lunguard_last_run_exit_status"] != 1 {
		t.Error("the failure is not there")
	}
}

// Names of others stay in their labels.
func TestMetricsHostile(t *testing.T) {
	found := false
	for key := range hostile().exposition(t) {
		found = found || strings.Contains(key, `lun=/dev/<script>alert('\x1b]0;owned\x07\x1b[2J')</script>"&\\x0a# HELP x`)
	}
	if !found {
		t.Errorf("the LUN is not there: %v", hostile().exposition(t))
	}
	large(300, 16).exposition(t)
}

// The parser of this test refuses what Prometheus refuses.
func TestParseExposition(t *testing.T) {
	const head = "# HELP a x\n# TYPE a gauge\n"
	if got, err := parseExposition(head + "a{x=\"1\",y=\"q\\\"\\\\\"} 2.5\na 3\n"); err != nil || got[`a x=1 y=q"\`] != 2.5 || got["a"] != 3 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{
		"a 1\n", head + "a 1", head + "a one\n", head + "b 1\n", head + "a 1\na 1\n", head + head, head + "a{x=1} 1\n",
		head + "a{x=\"\\t\"} 1\n", head + "a{x=\"1\",x=\"2\"} 1\n", head + "a{x=\"\n\"} 1\n", "# HELP a x\na 1\n", head + "a{x=\"1\"}1\n",
	} {
		if _, err := parseExposition(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// The alert rules name metrics that there are, and the manual page has all.
func TestMetricNames(t *testing.T) {
	names := map[string]bool{}
	for _, m := range newFamilies().all() {
		names[m.name] = true
	}
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	word := regexp.MustCompile(`lunguard_[a-z_]+`)
	stamp, state := watchFamilies()
	watched := map[string]bool{stamp.name: true, state.name: true}
	for _, name := range word.FindAllString(read("dist/prometheus/lunguard.rules.yml"), -1) {
		if !names[name] && !watched[name] {
			t.Errorf("the alert rules name %s, which there is not", name)
		}
	}
	page := map[string]bool{}
	for _, name := range word.FindAllString(read("man/lunguard-metrics.7"), -1) {
		page[name] = true
	}
	maps.Copy(names, watched)
	if diff := cmp.Diff(names, page); diff != "" {
		t.Errorf("man/lunguard-metrics.7 (-there are +described):\n%s", diff)
	}
	if unit := read("dist/systemd/lunguard-check.service.in"); !strings.Contains(unit, "\nExecStart=@SBINDIR@/pr_check --prometheus /var/lib/prometheus/node-exporter/lunguard.prom\n") {
		t.Error("the unit does not write the metrics")
	}
}
