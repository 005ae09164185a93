package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// refused runs a command, which must not succeed, and returns what it says.
func (s *site) refused(argv ...string) string {
	s.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = s.env, s.dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		s.t.Errorf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}

// A control script whose volume groups cannot be told for certain starts nothing and is
// not found well, and what is said names the file, the line, and the line to add. Where
// it can be told in spite of what is there, the groups are protected.
func TestBadControlScripts(t *testing.T) {
	const file = "PACKAGE_NAME p\nRUN_SCRIPT $SGCONF/control.sh\nHALT_SCRIPT $SGCONF/control.sh\n"
	const head = "#!/bin/sh\n"
	s := newSite(t, 2)
	s.write("cmcl.conf", readFile(t, "testdata/vendor/quorum.cluster"), 0o644)
	s.run("cmapplyconf", "-f", "-C", "cmcl.conf")
	s.write("p.conf", file, 0o644)
	script := filepath.Join(s.dir, "conf", "control.sh")
	before, err := snapshot(filepath.Join(s.dir, "A"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"command substitution":     {head + "VG[0]=$(vgs --noheadings -o name)\n", "control.sh:2: VG cannot be read for certain: its value has a command substitution"},
		"command in a text":        {head + "\nVG[0]=\"vg$(echo 01)\"\n", "control.sh:3: VG cannot be read for certain: its value has a command substitution"},
		"backquotes":               {head + "VG[0]=`cat /etc/pkg.vg`\n", "control.sh:2: VG cannot be read for certain: its value has a command in backquotes"},
		"variable":                 {head + "N=1\nVG[0]=vg0$N\n", "control.sh:3: VG cannot be read for certain: its value has a variable"},
		"parameter with a default": {head + "VG[0]=${MYVG:-vg01}\n", "control.sh:2: VG cannot be read for certain: its value has a variable"},
		"function":                 {head + "groups() {\nVG[0]=vg01\n}\ngroups\n", "control.sh:3: VG cannot be read for certain: it stands in a function"},
		"loop":                     {head + "for i in 1 2\ndo VG[$i]=vg0$i; done\n", "control.sh:3: VG cannot be read for certain: it stands in a loop"},
		"condition":                {head + "if [ $(uname -n) = jack3 ]\nthen VG[0]=vg01; else VG[0]=vg02; fi\n", "control.sh:3: VG cannot be read for certain: it stands in a condition"},
		"line continuation":        {head + "VG[0]=vg\\\n01\n", "control.sh:2: VG cannot be read for certain: it goes on in the next line"},
		"CRLF":                     {"#!/bin/sh\r\nVG[0]=vg01\r\n", "control.sh:1: VG cannot be read for certain: its lines end with carriage returns"},
		"here-document no end":     {head + "cat <<EOF\nVG[0]=vg01\n", "control.sh:3: VG cannot be read for certain: a here-document has no end"},
		"quote without an end":     {head + "echo 'x\nVG[0]=vg01\n", "control.sh:2: VG cannot be read for certain: a quote has no end"},
		"another file":             {head + "VG[0]=vg01\n. /etc/pkg.env\n", "control.sh:3: VG cannot be read for certain: it reads another file"},
		"eval":                     {head + "VG[0]=vg01\neval \"VG[0]=vg02\"\n", "control.sh:3: VG cannot be read for certain: eval may change it"},
		"too large":                {head + "VG[0]=vg01\n" + strings.Repeat("# a comment\n", 400000), "control.sh: its volume groups cannot be read: it is too large"},
		"no shell script":          {"\x7fELF\x02\x01\x01\x00", "control.sh: its volume groups cannot be read: it is no shell script"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &site{t, s.dir, s.env}
			s.write("conf/control.sh", c.text, 0o755)
			for _, argv := range [][]string{{"cmcheckconf", "-P", "p.conf"}, {"cmapplyconf", "-f", "-P", "p.conf"}} {
				if said := s.refused(argv...); !strings.Contains(said, c.want) || !strings.Contains(said, "hint: add the line vg NAME to the package") || strings.Contains(said, "no errors found") {
					t.Errorf("%q: %s", argv, said)
				}
			}
			if now, err := snapshot(filepath.Join(s.dir, "A")); err != nil || now != before {
				t.Errorf("a LUN was changed: %v", err)
			}
		})
	}
	// What only looks like trouble is read.
	for name, text := range map[string]string{
		"here-document":     head + "cat >/dev/null <<EOF\nVG[0]=vg02\nEOF\nVG[0]=vg01\n",
		"function beside":   head + "VG[0]=vg01\nf()\n{\n: $(true) `true`\n}\n",
		"continued command": head + "echo a \\\n  VG[0]=vg02 \\\n  b\nVG[0]=vg01\n",
		"a megabyte":        head + strings.Repeat("# VG[0]=vg02\n", 80000) + "VG[0]=vg01\n",
	} {
		s.write("conf/control.sh", text, 0o755)
		if out := s.run("cmcheckconf", "-P", "p.conf"); !strings.Contains(out, "control.sh: vg01\n") {
			t.Errorf("%s: %s", name, out)
		}
	}
	// A link to a script is followed; what is somebody else's is not believed.
	if err := errors.Join(os.Rename(script, script+".real"), os.Symlink("control.sh.real", script)); err != nil {
		t.Fatal(err)
	}
	if out := s.run("cmcheckconf", "-P", "p.conf"); !strings.Contains(out, ": vg01\n") {
		t.Errorf("a link: %s", out)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(script+".real", nobody, nobody); err != nil {
			t.Fatal(err)
		}
		if said := s.refused("cmcheckconf", "-P", "p.conf"); !strings.Contains(said, "writable by others") {
			t.Errorf("another's: %s", said)
		}
	}
}

// Groups that two packages have, or that a script has and its file has not, and keys that
// two nodes have.
func TestBadOwners(t *testing.T) {
	s := newSite(t, 2)
	s.write("cmcl.conf", readFile(t, "testdata/vendor/quorum.cluster"), 0o644)
	s.run("cmapplyconf", "-f", "-C", "cmcl.conf")
	s.write("conf/control.sh", "#!/bin/sh\nVG[0]=vg01\n", 0o755)
	const legacy = "RUN_SCRIPT $SGCONF/control.sh\nHALT_SCRIPT $SGCONF/control.sh\n"
	s.write("a.conf", "package_name a\nvg vg01\n", 0o644)
	s.write("b.conf", "package_name b\nvg /dev/vg01\n", 0o644)
	s.write("c.conf", "PACKAGE_NAME c\n"+legacy, 0o644)
	s.write("d.conf", "PACKAGE_NAME d\nVG vg02\n"+legacy, 0o644)
	s.write("e.conf", "package_name e\nmodule_name sg/basic\nmodule_name sg/volumegroup\nvg vg02\n", 0o644)
	s.write("f.conf", "package_name f\nmodule_name sg/basic\nmodule_name mysite/backup\nmysite/backup/window 22:00\nbackup_tape yes\nvg vg02\n", 0o644)
	s.write("g.conf", "package_name g\nvgs vg02\n", 0o644)
	s.write("saved", "node:jack3|node_pr_key=2fcb0001\nnode:jack4|node_pr_key=2fcb0001\n", 0o644)
	for _, c := range []struct{ argv, want string }{
		{"cmcheckconf -P a.conf -P b.conf", `b.conf:2: "vg01": it belongs to package a already`},
		{"cmcheckconf -P a.conf -P c.conf", "control.sh:2: VG has vg01, which package a has, too"},
		{"cmcheckconf -P d.conf", "control.sh:2: VG has vg01, which the package does not have"},
		{"cmcheckconf -P e.conf", `e.conf:3: "sg/volumegroup": the name of a module was expected`},
		{"cmcheckconf -P g.conf", `g.conf:2: "vgs": unknown parameter; after package_name, those of packages are expected`},
		{"cmcheckconf -C cmcl.conf --keys-from saved", `saved:2: "2fcb0001": a key of its own was expected for node jack4, node jack3 has this one`},
	} {
		if said := s.refused(strings.Fields(c.argv)...); !strings.Contains(said, c.want) {
			t.Errorf("%s: %s", c.argv, said)
		}
	}
	// What a module brings that nobody here knows is kept, and said once.
	cmd := exec.Command("cmapplyconf", "-f", "-P", "f.conf")
	cmd.Env, cmd.Dir = s.env, s.dir
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "mysite/backup") != 1 || !strings.Contains(string(out), "2 parameters kept and shown") {
		t.Errorf("%v: %s", err, out)
	}
	if lines := s.run("cmviewcl", "-v", "-f", "line", "-p", "f"); !strings.Contains(lines, "backup_tape:yes|backup_tape=yes\n") {
		t.Errorf("%s", lines)
	}
}
