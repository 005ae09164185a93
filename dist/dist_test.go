// Package dist has what is installed beside the binary, and how.
package dist

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tree is a copy of what tells the version, in a clone of its own.
type tree struct {
	t   *testing.T
	dir string
}

func newTree(t *testing.T) tree {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	tr := tree{t, t.TempDir()}
	for name, from := range map[string]string{"dist/version.sh": "version.sh", "dist/release": "release", ".gitattributes": "../.gitattributes"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		tr.write(name, string(text))
	}
	tr.run("git", "init", "-q")
	return tr
}

func (tr tree) write(name, text string) {
	tr.t.Helper()
	file := filepath.Join(tr.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr tree) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = tr.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + tr.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
		"GIT_AUTHOR_DATE=1790000000 +0200", "GIT_COMMITTER_DATE=1790000000 +0200",
	}
	return cmd
}

func (tr tree) run(name string, args ...string) string {
	tr.t.Helper()
	out, err := tr.command(name, args...).CombinedOutput()
	if err != nil {
		tr.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (tr tree) commit(text string) {
	tr.t.Helper()
	tr.write("file", text)
	tr.run("git", "add", ".")
	tr.run("git", "commit", "-q", "-m", text)
}

// want checks the version, in which HASH and SHORT stand for the commit's.
func (tr tree) want(version, hash string) {
	tr.t.Helper()
	version = strings.NewReplacer("HASH", hash[:12], "SHORT", hash[:7]).Replace(version)
	want := "VERSION=" + version + "\nSOURCE_DATE_EPOCH=1790000000"
	if got := tr.run("sh", "dist/version.sh"); got != want {
		tr.t.Errorf("got %q, want %q", got, want)
	}
}

// archive is the tree as git archives it, without git.
func (tr tree) archive() tree {
	tr.t.Helper()
	out := tree{tr.t, tr.t.TempDir()}
	tr.run("git", "archive", "-o", filepath.Join(out.dir, "a.tar"), "HEAD")
	out.run("tar", "-xf", "a.tar")
	return out
}

func TestVersion(t *testing.T) {
	tr := newTree(t)
	tr.commit("one")
	hash := tr.run("git", "rev-parse", "HEAD")
	tr.want("0~20260921141320.gHASH", hash)
	tr.archive().want("0~20260921141320.gHASH", hash)

	tr.run("git", "tag", "v1.2-rc1")
	tr.want("1.2~rc1", hash)
	tr.run("git", "tag", "-d", "v1.2-rc1")
	tr.run("git", "tag", "not-a-version")
	tr.run("git", "tag", "v1.2")
	tr.want("1.2", hash)
	tr.archive().want("1.2", hash)
	tr.write("file", "changed")
	tr.want("1.2+dirty", hash)

	tr.commit("two")
	hash = tr.run("git", "rev-parse", "HEAD")
	tr.want("1.2+1.gSHORT", hash)
	tr.archive().want("1.2+1.gSHORT", hash)
	tr.write("new", "")
	tr.want("1.2+1.gSHORT.dirty", hash)
}

// A copy without git and without what its archives know is no release of
// anything, unless somebody says of what.
func TestVersionUnknown(t *testing.T) {
	tr := newTree(t)
	if err := os.RemoveAll(filepath.Join(tr.dir, ".git")); err != nil {
		t.Fatal(err)
	}
	out, err := tr.command("sh", "dist/version.sh").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "set VERSION and SOURCE_DATE_EPOCH") {
		t.Errorf("%v\n%s", err, out)
	}
	cmd := tr.command("sh", "dist/version.sh")
	cmd.Env = append(cmd.Env, "VERSION=3", "SOURCE_DATE_EPOCH=5")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "VERSION=3\nSOURCE_DATE_EPOCH=5\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// The licence of everything that is linked in comes along.
func TestCopyright(t *testing.T) {
	text, err := os.ReadFile("copyright")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-deps", "-tags", "urfave_cli_no_docs", "-f", "{{with .Module}}{{.Path}}{{end}}", "lunguard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for module := range strings.FieldsSeq(string(out)) {
		if module != "lunguard" && !strings.Contains(string(text), " "+module+"/*") {
			t.Errorf("%s is linked in and not in dist/copyright", module)
		}
	}
	own, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(own)), "\n")
	for _, line := range lines[3:] {
		if line != "" && !strings.Contains(string(text), "\n "+line+"\n") {
			t.Errorf("%q of LICENSE is not in dist/copyright", line)
		}
	}
}

// What the installed documents and pages point to is installed, too.
func TestInstalledLinks(t *testing.T) {
	for _, prefix := range []string{"/usr", "/opt/x"} {
		dir := t.TempDir()
		cmd := exec.Command("sh", "install.sh", "install")
		cmd.Env = append(os.Environ(), "DESTDIR="+dir, "PREFIX="+prefix, "BINARY=dist/install.sh")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		doc := filepath.Join(dir, prefix, "share/doc/lunguard")
		docs, err := filepath.Glob(filepath.Join(doc, "*.md"))
		if err != nil || len(docs) < 10 {
			t.Fatalf("documents %v, %v", docs, err)
		}
		seen := 0
		for _, file := range docs {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`\]\(([^)#:]+)[)#]`).FindAllStringSubmatch(string(text), -1) {
				seen++
				if _, err := os.Stat(filepath.Join(doc, m[1])); err != nil {
					t.Errorf("%s points to %s, which is not there", filepath.Base(file), m[1])
				}
			}
		}
		pages, err := filepath.Glob(filepath.Join(dir, prefix, "share/man/man*/*.gz"))
		if err != nil || len(pages) < 25 {
			t.Fatalf("pages %v, %v", pages, err)
		}
		for _, file := range pages {
			out, err := exec.Command("gzip", "-dc", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`[^ ]*(?:/share/doc/|docs/|dist/|testdata/)[^ \n]*`).FindAllString(string(out), -1) {
				seen++
				if _, err := os.Stat(filepath.Join(dir, m)); err != nil || !strings.HasPrefix(m, prefix+"/") {
					t.Errorf("%s points to %s, which is not there", filepath.Base(file), m)
				}
			}
		}
		if seen < 20 {
			t.Errorf("%d links were found", seen)
		}
	}
}
