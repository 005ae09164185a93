package commands

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/vg/simhost"
)

// site is a simulated host with a config that files are applied to.
type site struct {
	t   *testing.T
	dir string
	env []string
}

// newSite makes a host jack3 of a cluster, with a volume group a LUN: vg01 and so on.
// Tools of lvm2 and of the system that it has say that all went well.
func newSite(t *testing.T, groups int) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, dir: dir}
	a, err := simhost.CreateArray(filepath.Join(dir, "A"), simhost.Spec{Nodes: []string{"jack3", "jack4"}, LUNs: groups, Paths: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range groups {
		if err := a.Extend(fmt.Sprintf("vg%02d", i+1), []string{"/dev/sd" + diskLetters(i)}); err != nil {
			t.Fatal(err)
		}
	}
	applet, err := exec.LookPath("cmrunserv")
	if err != nil {
		t.Fatal(err)
	}
	conf, bin := filepath.Join(dir, "conf"), filepath.Join(dir, "bin")
	for _, folder := range []string{conf, bin} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"vgchange", "mount", "umount", "fsck"} {
		s.write("bin/"+name, "#!/bin/sh\nexit 0\n", 0o755)
	}
	scripts, err := filepath.Glob("testdata/vendor/scripts/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range scripts {
		s.write("conf/"+filepath.Base(file), readFile(t, file), 0o755)
	}
	s.write("folders", "SGCONF="+conf+"\nSGSBIN="+filepath.Dir(applet)+"\nSGRUN="+filepath.Join(dir, "A/jack3/run")+"\n", 0o644)
	s.env = append(os.Environ(), session.ConfigVariable+"="+filepath.Join(dir, "flat.conf"), front.SimVariable+"="+filepath.Join(dir, "A/jack3"),
		"SGCONFFILE="+filepath.Join(dir, "folders"), "PATH="+bin+":"+os.Getenv("PATH"))
	return s
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *site) write(name, text string, mode os.FileMode) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// run runs a command, which must succeed, and returns what it prints.
func (s *site) run(argv ...string) string {
	s.t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = s.env, s.dir
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%q: %v\n%s%s", argv, err, out, errs.String())
	}
	return string(out)
}

// flat is the config.
func (s *site) flat() string { return readFile(s.t, filepath.Join(s.dir, "flat.conf")) }

// vendorFiles are the files of a kind, by name, with the line ends that they are to have.
func vendorFiles(t *testing.T, ext string, least int) map[string]string {
	t.Helper()
	list, err := filepath.Glob("testdata/vendor/*" + ext)
	if err != nil || len(list) < least {
		t.Fatalf("%d files %s, %v", len(list), ext, err)
	}
	files := map[string]string{}
	for _, file := range list {
		text := readFile(t, file)
		if strings.Contains(file, ".crlf.") {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		files[filepath.Base(file)] = text
	}
	return files
}

// asKept is a file as it is kept: without carriage returns, and blank lines at its ends.
func asKept(text string) string {
	return strings.Trim(strings.ReplaceAll(text, "\r\n", "\n"), "\n") + "\n"
}

// Files of the vendor's forms are taken as they are, run, and come back as they were.
func TestVendorFiles(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed, for which control scripts are written")
	}
	const groups = 13
	s := newSite(t, groups)
	quorum := s.write("cmcl.conf", readFile(t, "testdata/vendor/quorum.cluster"), 0o644)
	s.run("cmapplyconf", "-f", "-C", quorum)
	packages := vendorFiles(t, ".conf", 12)
	for name, text := range packages {
		s.write("file.conf", text, 0o644)
		s.run("cmcheckconf", "-P", "file.conf")
		s.run("cmapplyconf", "-f", "-P", "file.conf")
		pkg, _, _ := strings.Cut(name, ".")
		if diff := gocmp.Diff(asKept(text), s.run("cmgetconf", "-p", pkg)); diff != "" {
			t.Errorf("%s (-file +cmgetconf):\n%s", name, diff)
		}
	}
	// With all of them there, each is still what it was, and goes in again.
	whole := s.flat()
	for name, text := range packages {
		pkg, _, _ := strings.Cut(name, ".")
		got := s.run("cmgetconf", "-p", pkg)
		if diff := gocmp.Diff(asKept(text), got); diff != "" {
			t.Errorf("%s, with the others (-file +cmgetconf):\n%s", name, diff)
		}
		s.write("again.conf", got, 0o644)
		s.run("cmapplyconf", "-f", "-P", "again.conf")
		s.run("cmgetconf", "-p", pkg, "written.conf")
		if readFile(t, filepath.Join(s.dir, "written.conf")) != got {
			t.Errorf("%s: what is written is not what is printed", name)
		}
	}
	if s.flat() != whole {
		t.Error("what came out of the config has changed it")
	}
	for name := range packages {
		pkg, _, _ := strings.Cut(name, ".")
		t.Run(pkg, func(t *testing.T) { (&site{t, s.dir, s.env}).life(pkg) })
	}
}

// life starts and halts a package; between that its LUNs are reserved.
func (s *site) life(pkg string) {
	t := s.t
	env := regexp.MustCompile(`(?m)^SG_VG_0="(?:/dev/)?vg(\d+)"$`).FindStringSubmatch(s.run("cmgetpkgenv", pkg))
	if env == nil {
		t.Fatal("it has no volume group")
	}
	number := strings.TrimPrefix(env[1], "0")
	var index int
	if _, err := fmt.Sscan(number, &index); err != nil {
		t.Fatal(err)
	}
	holder := func() string {
		keys, holder, err := lunState(filepath.Join(s.dir, fmt.Sprintf("A/array/lun%d", index-1)))
		if err != nil {
			t.Fatal(err)
		}
		return keys + " " + holder
	}
	s.run("cmrunpkg", pkg)
	if got := holder(); got != "0xf4d60001 0xf4d60001" {
		t.Errorf("up, and the LUN has %s", got)
	}
	lines := s.run("cmviewcl", "-v", "-f", "line", "-p", pkg)
	for _, want := range []string{"status=up", "pkg_pr_mode=pr_enabled"} {
		if !strings.Contains("\n"+lines, "\n"+want+"\n") {
			t.Errorf("no line %s:\n%s", want, lines)
		}
	}
	if strings.Contains(lines, "service_name:") && !strings.Contains(lines, "|status=up\nservice_name:") && strings.Count(lines, "|restarts=0\n") == 0 {
		t.Errorf("its services do not run:\n%s", lines)
	}
	if faults := tableReport(t, s.run("cmviewcl", "-v", "-p", pkg)); len(faults) > 0 {
		t.Errorf("who reads the table finds %q", faults)
	}
	s.run("cmhaltpkg", pkg)
	if got := holder(); got != "NONE NONE" {
		t.Errorf("down, and the LUN has %s", got)
	}
}

// Cluster files of the vendor's forms are taken, and come back as they were but for what
// gives the nodes their keys, which is kept.
func TestVendorClusterFiles(t *testing.T) {
	for name, text := range vendorFiles(t, ".cluster", 4) {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, 1)
			s.write("cmcl.conf", text, 0o644)
			s.run("cmcheckconf", "-C", "cmcl.conf")
			s.run("cmapplyconf", "-f", "-C", "cmcl.conf")
			whole := s.flat()
			got := s.run("cmgetconf")
			ours := regexp.MustCompile(`(?m)^(CLUSTER_PR_TAG 0xf4d6|  NODE_ID [12])\n`)
			if n := len(ours.FindAllString(got, -1)); n != 3 {
				t.Errorf("%d lines of ours in\n%s", n, got)
			}
			if diff := gocmp.Diff(asKept(text), ours.ReplaceAllString(got, "")); diff != "" {
				t.Errorf("(-file +cmgetconf):\n%s", diff)
			}
			s.write("again.conf", got, 0o644)
			s.run("cmapplyconf", "-f", "-C", "again.conf")
			// The file that was there first does not have our lines, and changes nothing either.
			s.run("cmapplyconf", "-f", "-C", "cmcl.conf")
			if s.flat() != whole {
				t.Error("it has changed the config")
			}
			lines := s.run("cmviewcl", "-v", "-f", "line")
			for _, want := range []string{"name=bla", "node:jack4|node_pr_key=f4d60002", "node:jack4|interface:"} {
				if !strings.Contains("\n"+lines, "\n"+want) {
					t.Errorf("no line %s:\n%s", want, lines)
				}
			}
		})
	}
}

// A site of two hundred packages, each with its file: all of them come back, and one is
// changed without touching the others.
func TestVendorSite(t *testing.T) {
	const packages = 200
	s := newSite(t, 1)
	s.write("cmcl.conf", readFile(t, "testdata/vendor/quorum.cluster"), 0o644)
	template := readFile(t, "testdata/vendor/template.conf")
	text := func(i int) string {
		one := strings.Replace(template, "\ttemplate\n", fmt.Sprintf("\tpkg%03d\n", i), 1)
		one = strings.Replace(one, "\tvg13\n", fmt.Sprintf("\tvg%03d\n", i), 1)
		// Its LUNs are those of the other node.
		return regexp.MustCompile(`(?m)^node_name .*$`).ReplaceAllString(one, "node_name jack4")
	}
	var list strings.Builder
	for i := range packages {
		name := fmt.Sprintf("pkg%03d.conf", i)
		s.write(name, text(i), 0o644)
		fmt.Fprintln(&list, name)
	}
	s.write("list", list.String(), 0o644)
	s.run("cmapplyconf", "-f", "-C", "cmcl.conf", "-p", "list")
	whole := s.flat()
	for _, i := range []int{0, 99, 199} {
		if got := s.run("cmgetconf", "-p", fmt.Sprintf("pkg%03d", i)); got != asKept(text(i)) {
			t.Errorf("pkg%03d:\n%s", i, gocmp.Diff(asKept(text(i)), got))
		}
	}
	s.run("cmapplyconf", "-f", "-p", "list")
	if s.flat() != whole {
		t.Error("the same files have changed the config")
	}
	s.write("pkg100.conf", strings.Replace(text(100), `"Serviceguard Package"`, `"another"`, 1), 0o644)
	s.run("cmapplyconf", "-f", "-P", "pkg100.conf")
	if want := strings.Replace(whole, text(100), readFile(t, filepath.Join(s.dir, "pkg100.conf")), 1); s.flat() != want || want == whole {
		t.Error("another package was touched")
	}
	if c, err := cluster.LoadConfig(t.Context(), filepath.Join(s.dir, "flat.conf")); err != nil || len(c.Packages) != packages {
		t.Errorf("%v", err)
	}
}

// A config with carriage returns comes back byte by byte, and is taken again.
func TestGetConfCRLF(t *testing.T) {
	s := newSite(t, 1)
	text := strings.ReplaceAll("CLUSTER_NAME c\nCLUSTER_PR_TAG bcb0\nNODE_NAME jack3\n\tNODE_ID 1\nNODE_NAME jack4\nNODE_ID 2\n", "\n", "\r\n")
	s.write("flat.conf", text, 0o644)
	if got := s.run("cmgetconf"); got != text {
		t.Fatalf("%q, %q expected", got, text)
	}
	s.write("again.conf", text, 0o644)
	s.run("cmapplyconf", "-f", "-C", "again.conf")
	if now := readFile(t, filepath.Join(s.dir, "flat.conf")); now != text {
		t.Errorf("%q, %q expected", now, text)
	}
}
