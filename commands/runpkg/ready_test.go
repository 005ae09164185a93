package runpkg

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a start or the halt after it lacks is found before the first step.
func TestReady(t *testing.T) {
	for name, c := range map[string]struct {
		// config takes the place of text in the package's.
		text, config string
		lose         string
		says         string
	}{
		"vgchange":         {"vg vg1", "vgchange_cmd \"no-such-vgchange -a y\"\nvg vg1", "", "volume group vg1: no-such-vgchange: no such program"},
		"vgchange by name": {"vg vg1", "vgchange_cmd \"DIR/none -a y\"\nvg vg1", "", "/none: no such file"},
		"mount point":      {"", "", "fs/a", "/fs/a: no such directory to mount it on"},
		"no directory":     {"fs_directory DIR/fs/b", "fs_directory DIR/do", "", "/do: no such directory to mount it on"},
		"script":           {"", "", "app2", "/app2: no such file"},
		"pre script":       {"", "", "pre1", "/pre1: no such file"},
		"no program":       {"external_script DIR/app2", "external_script DIR/do", "", "/do: it is no program"},
		"volume":           {"fs_name /dev/vg2/b", "fs_name /dev/vg2/none", "", "/dev/vg2/none: no such device or logical volume"},
		"service":          {"external_script DIR/app2", "service_name s1\nservice_cmd \"DIR/none -d\"", "", "service s1: "},
	} {
		config := strings.Replace(packageConfig, c.text, c.config, 1)
		if c.lose != "pre1" {
			// They could bring folders and devices.
			config = strings.ReplaceAll(config, "external_pre_script", "external_script")
		}
		w := newWorld(t, config)
		if c.lose != "" {
			if err := os.Remove(w.path(c.lose)); err != nil {
				t.Fatal(err)
			}
		}
		w.r.Exists = func(device string, groups []string) (bool, error) {
			return !strings.Contains(device, "none"), nil
		}
		_, asked := w.r.Ready(Start)
		for what, err := range map[string]error{"asked": asked, "started": w.r.Start(context.Background())} {
			var lack *LackError
			if !errors.As(err, &lack) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v does not say %q", name, what, err, c.says)
			}
		}
		if trace := w.trace(); trace != "" {
			t.Errorf("%s: begun all the same:\n%s", name, trace)
		}
	}
}

// What cannot be looked for is told, and is no reason not to start.
func TestReadyOpen(t *testing.T) {
	w := newWorld(t, packageConfig+`fs_name nas:/x
fs_directory DIR/fs/b/deep
service_name s1
service_cmd "DIR/fs/a/db -d"
service_name s2
service_cmd "[ -e /x ] && exec y"
service_name s3
service_cmd "A=1 exec pre1 -d"
`)
	w.r.Exists = func(string, []string) (bool, error) { return false, errPlanned }
	open, err := w.r.Ready(Start)
	if err != nil {
		t.Error(err)
	}
	var got []string
	for _, l := range open {
		got = append(got, strings.ReplaceAll(l.Error(), w.dir, "DIR"))
	}
	want := []string{
		"file system DIR/fs/a: /dev/vg1/a: not known whether it is there, planned",
		"file system DIR/fs/b: /dev/vg2/b: not known whether it is there, planned",
		"file system DIR/fs/b/deep: DIR/fs/b/deep: it lies on a file system of the package, which is not mounted",
		"file system DIR/fs/b/deep: nas:/x: not known whether it is there, planned",
		"service s1: DIR/fs/a/db: it lies on a file system of the package, which is not mounted",
		"service s2: [ -e /x ] && exec y: only a shell can tell what that runs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A halt does not need what a start needs.
func TestReadyToHalt(t *testing.T) {
	w := newWorld(t, packageConfig)
	if err := os.Remove(w.path("fs/a")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.r.Ready(Stop); err != nil {
		t.Error(err)
	}
	if err := os.Remove(w.path("app1")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.r.Ready(Stop); err == nil || !strings.Contains(err.Error(), "/app1: no such file") {
		t.Errorf("a halt without a script: %v", err)
	}
	w = newWorld(t, strings.NewReplacer("vg vg1\n", "vg vg1\nrun_script DIR/run\nhalt_script DIR/none\n").Replace(legacyOnly))
	if _, err := w.r.Ready(Start); err == nil || !strings.Contains(err.Error(), "/none: no such file") {
		t.Errorf("halt_script: %v", err)
	}
}

// A folder or device may be brought by a script that runs before the reservations
// are made; then it is looked for once more.
func TestReadyAfterScripts(t *testing.T) {
	for name, makes := range map[string]bool{"made": true, "not made": false} {
		w := newWorld(t, packageConfig)
		if err := os.Remove(w.path("fs/a")); err != nil {
			t.Fatal(err)
		}
		if open, err := w.r.Ready(Start); err != nil || len(open) != 1 || open[0].What != w.path("fs/a") {
			t.Errorf("%s: %v, %v", name, open, err)
		}
		if makes {
			w.will("pre2 start", "mkdir "+w.path("fs/a"))
		}
		err := w.r.Start(context.Background())
		trace := w.trace()
		var lack *LackError
		switch {
		case makes && err != nil:
			t.Errorf("%s: %v", name, err)
		case !makes && (!errors.As(err, &lack) || trace != "pre1 start\npre2 start\npre2 stop\npre1 stop\n"):
			t.Errorf("%s: %v, and called was\n%s", name, err, trace)
		}
	}
}

// The one program of a shell's command line.
func TestSoleCommand(t *testing.T) {
	for line, want := range map[string]string{
		"/opt/db -d": "/opt/db", "exec db -D /x": "db", "A=1 B='x y' exec /x/y": "/x/y", "db >/dev/null 2>/tmp/x": "db",
		"": "", "a; b": "", "a & b": "", "a\nb": "", "$(a) b": "", "$DB -d": "", "cd /x": "", ". /x": "", "x/y": "", "'a": "", "`a`": "", "~/x": "", "[ -e x ]": "", "A=1": "",
	} {
		got, plain := soleCommand(line)
		if plain != (want != "") || plain && got != want {
			t.Errorf("%q: %q, %v", line, got, plain)
		}
	}
}

// legacyOnly is a legacy package without its scripts.
const legacyOnly = "CLUSTER_PR_TAG bcb0\nNODE_NAME jack3\nNODE_ID 1\npackage_name pkg1\nvg vg1\n"
