package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/cluster/ownfile"
)

// controlTemplate is what a control script of the vendor's has besides the
// assignments, as far as a reader can stumble over it.
const controlTemplate = `#!/usr/bin/sh
# VG[0]="vg_of_a_comment"
. ${SGCONFFILE:=/etc/cmcluster.conf}
VGCHANGE="vgchange -a e"
@@
LV[0]="/dev/vg01/lvol1"; FS[0]="/data"; FS_MOUNT_OPT[0]="-o rw"
IP[0]=""
SERVICE_NAME[0]="db" SERVICE_CMD[0]="/opt/db -f \$x" SERVICE_RESTART[0]="-r 2"
function customer_defined_run_cmds
{
	: # VG[9]=none
	cat <<EOF
VG[8]=none
EOF
}
function activate_volume_group
{
	for I in ${VG[@]}
	do
		print "$(date '+%b %e %X') - Activating volume group $I with \"$VGCHANGE\""
		$VGCHANGE $I
		if (( $? != 0 )); then set_return_code && let exit_value=1; fi
	done
}
case $1 in
start) activate_volume_group ;;
stop) for I in ${VG[@]}; do vgchange -a n $I; done ;;
esac
`

// control is a package file whose control script lies in a folder.
func withControl(t *testing.T, packageLines, script string) (*Config, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "control.sh"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := ParseConfig(strings.NewReader(manyNodes(2)+"PACKAGE_NAME p\nRUN_SCRIPT $DIR/control.sh\nHALT_SCRIPT $DIR/control.sh\n"+packageLines), "f")
	if err != nil {
		t.Fatal(err)
	}
	expand := func(name string) (string, error) {
		return Expand(name, func(v string) (string, bool) { return dir, v == "DIR" })
	}
	c.TakeControlScripts(context.Background(), expand)
	return c, dir
}

// The groups of control scripts are the package's, or it is said why they are not
// known.
func TestControlScripts(t *testing.T) {
	in := func(lines string) string { return strings.Replace(controlTemplate, "@@", lines, 1) }
	const one = "VG[0]=\"vg01\"\nVG[1]=/dev/vg02"
	for name, c := range map[string]struct {
		lines, script string
		groups, want  string
	}{
		"taken":               {"", in(one), "vg01 vg02", ""},
		"the same in both":    {"VG vg02\nVG vg01\n", in(one), "vg02 vg01", ""},
		"one is missing":      {"VG vg01\n", in(one), "vg01", "package p: DIR/control.sh:6: VG has vg02, which the package does not have"},
		"pv, and groups":      {"pv /dev/sdx\nvg vg01\n", in(one), "vg01", "package p: DIR/control.sh:6: VG has vg02, which the package does not have"},
		"more in the file":    {"VG vg01\nVG vg02\nVG vg03\n", in(one), "vg01 vg02 vg03", ""},
		"none":                {"", strings.Replace(in(""), "/dev/vg01/lvol1", "", 1), "", "package p has no LUN: no vg and no pv line, and its control script names no volume group"},
		"none, on purpose":    {"no_luns yes\n", strings.Replace(in(""), "/dev/vg01/lvol1", "", 1), "", ""},
		"template, then one":  {"", in("VG[0]=\"\"\nVG[0]=vg01"), "vg01", ""},
		"two values":          {"", in("VG[0]=vg02\nVG[0]=vg01"), "vg02 vg01", ""},
		"a volume of another": {"", in("VG[0]=vg02"), "", "package p: DIR/control.sh:6: LV has a volume of vg01, which VG does not have"},
		"a variable":          {"", in("VG[0]=$MYVG"), "", "package p: DIR/control.sh:5: VG cannot be read for certain: its value has a variable"},
		"... and in the file": {"VG vg01\n", in("VG[0]=$MYVG"), "vg01", ""},
		"a loop":              {"", in("for i in 0 1; do VG[$i]=vg0$i; done"), "", "package p: DIR/control.sh:5: VG cannot be read for certain: it stands in a loop"},
		"another file":        {"", in("VG[0]=vg01\n. /etc/pkg.env"), "", "package p: DIR/control.sh:6: VG cannot be read for certain: it reads another file"},
		"no name of a group":  {"", in("VG[0]=vg01\nVG[1]='vg 2'"), "", `package p: DIR/control.sh:6: "vg 2" cannot be the name of a volume group`},
		"its own way":         {"", "#!/bin/sh\n/sbin/vgchange -a y vg07\nmount /dev/vg07/a /a\n", "", "package p: DIR/control.sh:2: it uses vg07, which VG does not have"},
		"every group":         {"", "#!/bin/sh\nvgchange -a y\n", "", "package p: DIR/control.sh:2: it activates volume groups, and VG does not name them"},
		"beside VG":           {"", "VG[0]=vg01\nvgchange -a y vg07\n", "", "package p: DIR/control.sh:2: it uses vg07, which VG does not have"},
		"beside, lvchange":    {"", "VG[0]=vg01\n/sbin/lvchange -ay vg07/a\n", "", "package p: DIR/control.sh:2: it uses vg07, which VG does not have"},
		"beside, mount":       {"", "VG[0]=vg01\nmount -o rw /dev/vg07/a /a\n", "", "package p: DIR/control.sh:2: it uses vg07, which VG does not have"},
		"beside, mapped":      {"", "VG[0]=vg01\nmount /dev/mapper/vg--07-a--b /a\n", "", "package p: DIR/control.sh:2: it uses vg-07, which VG does not have"},
		"of VG":               {"", "VG[0]=vg01\nvgchange -a y vg01\nmount /dev/mapper/vg01-a /a\nmount /dev/vg01/b /b; LV[0]=/dev/mapper/vg01-a\n", "vg01", ""},
		"mapped LV":           {"", "VG[0]=vg01\nLV[0]=/dev/mapper/vg07-a\n", "", "package p: DIR/control.sh:2: LV has a volume of vg07, which VG does not have"},
		"LV is a disk":        {"", "VG[0]=vg01\nLV[0]=/dev/sdb\n", "", "package p: DIR/control.sh:2: LV has /dev/sdb, which is in no group of VG"},
		"eval of a file":      {"", "VG[0]=vg01\neval `cat /etc/vgs`\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: eval does what cannot be read here"},
		"eval of a name":      {"", "VG[0]=vg01\nN=VG; eval \"$N[1]=vg07\"\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: eval does what cannot be read here"},
		"eval of a text":      {"", "VG[0]=vg01\neval $X\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: eval does what cannot be read here"},
		"declared by a name":  {"", "VG[0]=vg01\ndeclare \"$X[1]=vg07\"\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: declare does what cannot be read here"},
		"by reference":        {"", "VG[0]=vg01\ndeclare -n X=Y\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: declare does what cannot be read here"},
		"read into a name":    {"", "VG[0]=vg01\nread $X[1]\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: read does what cannot be read here"},
		"printed into a name": {"", "VG[0]=vg01\nprintf -v $X[1] vg07\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: printf does what cannot be read here"},
		"by an expansion":     {"", "VG[0]=vg01\n: ${VG[1]:=vg07}\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: an expansion gives it a value"},
		"by a trap":           {"", "VG[0]=vg01\ntrap 'VG[1]=vg07' DEBUG\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: trap may change it"},
		"builtin source":      {"", "VG[0]=vg01\nbuiltin source /f\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: it reads another file"},
		"command source":      {"", "VG[0]=vg01\ncommand . /f\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: it reads another file"},
		"over two lines":      {"", "VG[0]=vg01\nVG\\\n[1]=vg02\n", "", "package p: DIR/control.sh:2: VG cannot be read for certain: it goes on in the next line"},
		"named, another used": {"vg vg07\n", "#!/bin/sh\nvgchange -a y vg07\nvgchange -a y vg08\n", "vg07", "package p: DIR/control.sh:3: it uses vg08, which VG does not have"},
		"none, by no_luns":    {"no_luns yes\n", "#!/bin/sh\neval $X\n", "", ""},
		"none, but used":      {"no_luns yes\n", "#!/bin/sh\nvgchange -a y vg08\n", "", "package p: DIR/control.sh:2: it uses vg08, which VG does not have"},
		"... named":           {"vg vg07\n", "#!/bin/sh\nvgchange -a y vg07\n", "vg07", ""},
		"no script":           {"", "\x7fELF\x00", "", "package p: DIR/control.sh: its volume groups cannot be read: it is no shell script"},
		"CRLF":                {"", strings.ReplaceAll(in(one), "\n", "\r\n"), "", "package p: DIR/control.sh:1: VG cannot be read for certain: its lines end with carriage returns, which a shell takes for a part of words"},
		"a megabyte":          {"", in(one) + strings.Repeat("# nothing\n", 1<<17), "vg01 vg02", ""},
		"too large":           {"", in(one) + strings.Repeat("# nothing\n", 1<<19), "", "package p: DIR/control.sh: its volume groups cannot be read: it is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			conf, dir := withControl(t, c.lines, c.script)
			p := &conf.Packages[0]
			got := ""
			if err := p.DisksKnown(); err != nil {
				got, _, _ = strings.Cut(strings.ReplaceAll(err.Error(), dir, "DIR"), "\n")
			}
			if name == "two values" {
				// Which error stands first does not matter, that there is one does.
				if !strings.Contains(p.DisksKnown().Error(), "VG[0] has another value in line 5") {
					t.Error(p.DisksKnown())
				}
				return
			}
			if got != c.want {
				t.Errorf("%s\n%s expected", got, c.want)
			}
			if groups := strings.Join(p.Groups, " "); c.want == "" && groups != c.groups {
				t.Errorf("groups %s; %s expected", groups, c.groups)
			}
			if diff := cmp.Diff(p.Settings.All("vg"), p.Groups); c.want == "" && strings.ReplaceAll(diff, "/dev/", "") == "" && diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whose script it is, and what it is, matters.
func TestControlFiles(t *testing.T) {
	conf, dir := withControl(t, "", "VG[0]=vg01\n")
	script := filepath.Join(dir, "control.sh")
	expand := func(string) (string, error) { return script, nil }
	fault := func() error {
		conf.Packages[0].Groups, conf.Packages[0].Control = nil, nil
		conf.TakeControlScripts(context.Background(), expand)
		return conf.Packages[0].DisksKnown()
	}
	if err := fault(); err != nil {
		t.Fatal(err)
	}
	// A link to it is followed.
	if err := errors.Join(os.Rename(script, script+".real"), os.Symlink(script+".real", script)); err != nil {
		t.Fatal(err)
	}
	if err := fault(); err != nil {
		t.Errorf("a link: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(script+".real", 65534, 0); err != nil {
			t.Fatal(err)
		}
		if err := fault(); !errors.Is(err, ownfile.ErrNotTrusted) {
			t.Errorf("belongs to another: %v", err)
		}
	}
	for what, do := range map[string]func() error{
		"a directory": func() error { return os.Mkdir(script, 0o755) },
		"a fifo":      func() error { return syscall.Mkfifo(script, 0o600) },
		"nothing":     func() error { return nil },
	} {
		if err := errors.Join(os.Remove(script), do()); err != nil {
			t.Fatal(err)
		}
		if err := fault(); err == nil {
			t.Errorf("%s is read", what)
		}
		if what == "nothing" {
			if err := os.WriteFile(script, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// One group is of one package, wherever it is named.
func TestControlOwners(t *testing.T) {
	conf, _ := withControl(t, "package_name q\nvg vg01\npackage_name r\nrun_script $DIR/control.sh\nhalt_script $DIR/control.sh\n", "VG[0]=vg01\n")
	for name, want := range map[string]string{"p": "VG has vg01, which package q has, too", "r": "VG has vg01, which package"} {
		p, err := conf.Package(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.DisksKnown(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; %s expected", name, err, want)
		}
	}
}
