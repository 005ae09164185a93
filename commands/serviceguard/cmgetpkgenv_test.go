package serviceguard

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"

	"lunguard/cluster"
)

// testShell is a shell that has to read what cmgetpkgenv prints.
type testShell struct {
	argv   []string
	arrays bool
}

func testShells() []testShell {
	return []testShell{
		{[]string{"/bin/sh"}, false},
		{[]string{"dash"}, false},
		{[]string{"bash"}, true},
		{[]string{"bash", "--posix"}, true},
		{[]string{"ksh"}, true},
		{[]string{"mksh"}, true},
		{[]string{"busybox", "sh"}, false},
		{[]string{"zsh"}, false},
	}
}

func (s testShell) name() string { return strings.Join(s.argv, " ") }

// separator stands behind each value that a shell gives back.
const separator = "\001"

// readBack runs a script in the shell and returns the values that it prints.
// Nothing may appear on the error stream.
func (s testShell) readBack(t *testing.T, script string) []string {
	t.Helper()
	if _, err := exec.LookPath(s.argv[0]); err != nil {
		t.Skipf("%s is not installed", s.argv[0])
	}
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(s.argv[0], append(s.argv[1:], file)...)
	// Names of files that a value taken for a pattern would match.
	cmd.Dir = t.TempDir()
	for _, name := range []string{"a", "SG_VG1"} {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil || errOut.Len() > 0 {
		t.Fatalf("%v: %s", err, errOut.String())
	}
	return strings.Split(strings.TrimSuffix(string(out), separator), separator)
}

// nasty are values that a shell must give back as they are.
func nasty() []string {
	list := []string{
		"", " ", "  two  blanks  ", "\ttab", "-n", "--", "-e \\n", `"`, `""`, `'`, `'"'"'`, `\`, `\\`, `\"`, `a\`, `$`, `$$`, `$HOME`, `${HOME}`,
		`$(touch touched)`, "`touch touched`", `$((1+1))`, `"; touch touched; "`, `!`, `!!`, `!1`, `hello!`, `*`, `?`, `[a]`, `{a,b}`, `~`, `~root`,
		`#`, `a #b`, `a;b`, `a&b`, `a|b`, `a>b`, `<(ls)`, `a=b`, `%s`, `\001`, `\n`, `fi`, `then`, `)`, `(`,
		"one\ntwo", "\n", "end\n\nmore", "\\\n", "\r", "tab\there", "\x1b[0m",
		"Grüße, Ελλάδα, 日本語, 🙂", "\xff\xfe", "\x81\x82\x88",
		strings.Repeat("x", 4096), strings.Repeat(`$"`, 2048), strings.Repeat("`\\", 2048),
	}
	for c := 0x02; c < 0x100; c++ {
		list = append(list, string([]byte{byte(c)}), "a"+string([]byte{byte(c)})+"b")
	}
	return list
}

// Every value comes back from every shell, sourced and by eval, whatever the
// options of the shell.
func TestShellQuote(t *testing.T) {
	var assignments, print strings.Builder
	values := nasty()
	for i, v := range values {
		fmt.Fprintln(&assignments, shellAssignment(fmt.Sprintf("V_%d", i), v))
		fmt.Fprintf(&print, "printf '%%s\\001' \"${V_%d}\"\n", i)
	}
	env := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(env, []byte(assignments.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range testShells() {
		for how, read := range map[string]string{
			"source": ". " + env, "eval": `eval "$(cat ` + env + `)"`, "eu": "set -eu; . " + env,
		} {
			t.Run(s.name()+" "+how, func(t *testing.T) {
				got := s.readBack(t, read+"\n"+print.String())
				if diff := gocmp.Diff(values, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// envConfig has everything that a package can say.
const envConfig = `NODE_NAME jack3
NODE_PR_KEY 10001
NODE_NAME jack4
NODE_PR_KEY 10002
package_name pkg1
package_description "a \"good\" $one; ` + "`id`" + ` #1 !"
auto_run no
vg vg01
vg /dev/vg02
vg vg03
service_name svc1
service_cmd "/opt/run --opt 'a b' \\ $(id) *"
service_name svc2
service_cmd /opt/two
service_restart unlimited
fs_name /dev/vg01/lvol1
fs_directory /data
fs_umount_opt ""
ip_subnet 192.0.2.0
ip_address 192.0.2.10
ip_address 192.0.2.11
ip_subnet 198.51.100.0
ip_address 198.51.100.7
PEV_Greeting "Grüße  *"
pev_1 one
pev_path -n
`

func envOf(t *testing.T, text string) (*cluster.Config, []string) {
	t.Helper()
	conf, err := cluster.ParseConfig(strings.NewReader(text), "c")
	if err != nil {
		t.Fatal(err)
	}
	return conf, packageEnv(conf.Nodes[0], &conf.Packages[0], cluster.PREnabled).lines()
}

// What is printed means the same in every shell; arrays are where there are
// some, and everywhere the numbered variables.
func TestPackageEnvInShells(t *testing.T) {
	_, lines := envOf(t, envConfig)
	env := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(env, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := []struct{ name, want string }{
		{"PKG_PR_MODE", "pr_enabled"}, {"SG_PACKAGE", "pkg1"}, {"SG_PACKAGE_NAME", "pkg1"}, {"SG_PACKAGE_TYPE", "failover"},
		{"SG_NODE", "jack3"}, {"NODE_PR_KEY", "10001"}, {"SG_AUTO_RUN", "no"},
		{"SG_PACKAGE_DESCRIPTION", "a \"good\" $one; `id` #1 !"},
		{"SG_NODE_NAME_COUNT", "2"}, {"SG_NODE_NAME_1", "jack4"},
		{"SG_VG", "vg01"}, {"SG_VG_COUNT", "3"}, {"SG_VG_0", "vg01"}, {"SG_VG_1", "/dev/vg02"}, {"SG_VG_2", "vg03"},
		{"SG_SERVICE_CMD", `/opt/run --opt 'a b' \ $(id) *`}, {"SG_SERVICE_CMD_1", "/opt/two"},
		{"SG_SERVICE_RESTART_COUNT", "2"}, {"SG_SERVICE_RESTART_0", ""}, {"SG_SERVICE_RESTART_1", "unlimited"},
		{"SG_FS_UMOUNT_OPT", ""}, {"SG_IP_SUBNET_COUNT", "2"}, {"SG_IP_ADDRESS_COUNT", "3"},
		{"SG_IP_ADDRESS_2", "198.51.100.7"}, {"SG_IP_ADDRESS_IP_SUBNET_1", "192.0.2.0"}, {"SG_IP_ADDRESS_IP_SUBNET_2", "198.51.100.0"},
		{"PEV_GREETING", "Grüße  *"}, {"PEV_1", "one"}, {"PEV_PATH", "-n"},
	}
	arrays := []string{
		"3", "vg01", "/dev/vg02", "vg03", // SG_VG
		"2", `/opt/run --opt 'a b' \ $(id) *`, "/opt/two", // SG_SERVICE_CMD
		"2", "", "unlimited", // SG_SERVICE_RESTART
	}
	for _, s := range testShells() {
		for how, read := range map[string]string{
			"source": ". " + env, "eval": `eval "$(cat ` + env + `)"`, "eu": "set -eu; . " + env,
			// A package with more of them was read before.
			"again": "SG_VG_9=x; SG_VG=y\n. " + env + "\n. " + env,
		} {
			t.Run(s.name()+" "+how, func(t *testing.T) {
				script, want := read+"\n", []string(nil)
				for _, v := range plain {
					script += fmt.Sprintf("printf '%%s\\001' \"${%s}\"\n", v.name)
					want = append(want, v.want)
				}
				if s.arrays {
					for _, a := range []string{"SG_VG", "SG_SERVICE_CMD", "SG_SERVICE_RESTART"} {
						script += fmt.Sprintf("printf '%%s\\001' \"${#%s[@]}\" \"${%s[@]}\"\n", a, a)
					}
					want = append(want, arrays...)
				}
				if diff := gocmp.Diff(want, s.readBack(t, script)); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// A longer array that another package left behind does not shine through.
func TestPackageEnvAfterAnother(t *testing.T) {
	_, lines := envOf(t, "NODE_NAME a\nNODE_PR_KEY 1\npackage_name p\nvg only\n")
	script := "SG_VG[0]=x; SG_VG[1]=y; SG_VG[2]=z\n" + strings.Join(lines, "\n") + "\nprintf '%s\\001' \"${SG_VG[@]}\"\n"
	for _, s := range testShells() {
		if !s.arrays {
			continue
		}
		t.Run(s.name(), func(t *testing.T) {
			if diff := gocmp.Diff([]string{"only"}, s.readBack(t, script)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Every line is an assignment with a name that shells take, or belongs to the
// guard.
func TestPackageEnvLines(t *testing.T) {
	_, lines := envOf(t, envConfig)
	line := regexp.MustCompile(`^(?:[A-Z_][A-Z0-9_]*(?:\[[0-9]+\])?="(?:[^"\\$` + "`" + `]|\\["\\$` + "`" + `])*"|unset [A-Z_][A-Z0-9_]*|fi)$`)
	names := map[string]bool{}
	for _, l := range lines {
		if l != arrayGuard && !line.MatchString(l) {
			t.Errorf("malformed: %s", l)
		}
		if name, _, ok := strings.Cut(l, "="); ok && l != arrayGuard {
			if names[name] {
				t.Errorf("%s is given twice", name)
			}
			names[name] = true
		}
	}
	if lines[0] != `PKG_PR_MODE="pr_enabled"` {
		t.Errorf("the first line is %s", lines[0])
	}
}

func TestShellName(t *testing.T) {
	for parameter, want := range map[string]string{
		"vg": "SG_VG", "service_name": "SG_SERVICE_NAME", "pev_a1": "PEV_A1", "pev_": "PEV_",
		"a-b.c": "SG_A_B_C", "x;id": "SG_X_ID", "ü": "SG__", "": "SG_", "1": "SG_1",
	} {
		if got := shellName(parameter); got != want {
			t.Errorf("%q: %q, %q expected", parameter, got, want)
		}
	}
}

// Quoted text read by the rules of the standard gives the value back, whatever
// it is.
func FuzzShellQuote(f *testing.F) {
	for _, v := range nasty() {
		f.Add(v)
	}
	made := regexp.MustCompile(`^\$\(printf '(\\[0-7]{3})+'\)`)
	f.Fuzz(func(t *testing.T, value string) {
		q := shellQuote(value)
		for _, r := range q {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Errorf("%q in %q", r, q)
			}
		}
		var b strings.Builder
		if q[0] != '"' || q[len(q)-1] != '"' {
			t.Fatalf("%q", q)
		}
		for i := 1; i < len(q)-1; i++ {
			switch c := q[i]; {
			case made.MatchString(q[i:]):
				// A command substitution with nothing but numbers of bytes in it.
				whole := made.FindString(q[i:])
				for _, n := range regexp.MustCompile(`[0-7]{3}`).FindAllString(whole, -1) {
					b.WriteByte(byteOf(t, n))
				}
				i += len(whole) - 1
			case c == '\\' && i+1 < len(q)-1 && strings.IndexByte("\"\\$`", q[i+1]) >= 0:
				i++
				b.WriteByte(q[i])
			case strings.IndexByte("\"\\$`", c) >= 0:
				t.Fatalf("%q has a bare %c", q, c)
			default:
				b.WriteByte(c)
			}
		}
		if b.String() != value {
			t.Errorf("%q became %q", value, b.String())
		}
	})
}

// byteOf is the byte of a number of printf(1).
func byteOf(t *testing.T, octal string) byte {
	t.Helper()
	n, err := strconv.ParseUint(octal, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	return byte(n)
}
