package serviceguard

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/session"
	"lunguard/commands/words"
)

// CmGetPkgEnv is cmgetpkgenv.
func CmGetPkgEnv() *front.Applet {
	return &front.Applet{
		Name:    "cmgetpkgenv",
		Summary: "print a package's parameters for a shell",
		Usage: `
usage: cmgetpkgenv [--json] [-C FILE] [-n NODE] [--timeout SECONDS] [--sim DIR] [PACKAGE]

Prints PKG_PR_MODE="pr_enabled", whether the package's LUNs can be reserved, and
every parameter of the package as assignments that a shell can read:

  eval "$(cmgetpkgenv pkg1)"

A parameter is SG_ and its name in capitals, pev_x is PEV_X. One that may be
repeated, such as vg, is SG_VG (the first), SG_VG_COUNT, SG_VG_0, SG_VG_1, ...
and in a shell that has arrays also the array SG_VG.
Without PACKAGE it is SG_PACKAGE.

  --json         the same for a program, see json.md
  -C FILE        the cluster config
  -n NODE        act as this node (SG_NODE, else the host name)
  --timeout S    time for one command to a device, retries included (60)
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host, see lunguard sim

exit status: 0 printed; 1 error in the command line or config; 2 printed, but
whether the LUNs can be reserved is unknown (pr_unknown); 128 + N ended by signal N`,
		Flags:    []cli.Flag{session.ConfigFlag(), session.NodeFlag(), session.TimeoutFlag(), front.SimFlag(), session.NoLVMFlag(), session.ScanFlag(), front.JSONFlag()},
		Operands: session.CompleteOnePackage,
		Run:      runPkgEnv,
	}
}

func runPkgEnv(c *front.Call) error {
	name, err := session.PackageName(c)
	if err != nil {
		return err
	}
	if _, err := session.Timeout(c); err != nil {
		return err
	}
	s, err := session.New(c)
	if err != nil {
		return err
	}
	conf, node := s.Conf, s.Node
	pkg, err := conf.Package(name)
	if err != nil {
		return err
	}
	mode := cluster.PRDisabled
	if !conf.PRDisabled && !pkg.HasNoLUNs() {
		mode = cluster.PRUnknown
		err := s.LookAt(pkg, func(run *session.PackageRun, _ *session.Opened) error {
			if mode = conf.PRModeOf(run.Supports(c.Ctx)); mode == cluster.PRUnknown {
				return &unknownModeError{pkg}
			}
			return nil
		})
		none := (*cluster.NoLUNError)(nil)
		switch {
		case errors.As(err, &none):
			mode = cluster.PRDisabled
			c.Fail(err)
		case err != nil:
			c.Report(err)
			c.Status = words.ExitNode
		}
	}
	env := packageEnv(node, pkg, mode)
	if c.Flags.Bool(front.JSONOption) {
		c.Document = newEnvDocument(pkg, node, mode, env)
		return nil
	}
	w := bufio.NewWriter(c.Out)
	for _, line := range env.lines() {
		fmt.Fprintln(w, line)
	}
	return w.Flush()
}

// envDocument is what cmgetpkgenv --json prints.
type envDocument struct {
	front.Envelope
	Package string `json:"package"`
	Node    string `json:"local_node"`
	// Known is false for pr_unknown.
	Known     bool                `json:"known"`
	Mode      cluster.PRMode      `json:"pkg_pr_mode"`
	Variables map[string]string   `json:"variables"`
	Arrays    map[string][]string `json:"arrays"`
}

func newEnvDocument(pkg *cluster.Package, node cluster.Node, mode cluster.PRMode, env *shellEnv) *envDocument {
	d := &envDocument{Package: pkg.Name, Node: node.Name, Known: mode != cluster.PRUnknown, Mode: mode,
		Variables: map[string]string{}, Arrays: map[string][]string{}}
	for _, v := range env.variables {
		d.Variables[v.name] = v.value
	}
	for _, a := range env.arrays {
		d.Arrays[a.name] = a.values
	}
	return d
}

// unknownModeError says that the devices do not tell whether they can be
// reserved.
type unknownModeError struct{ pkg *cluster.Package }

func (e *unknownModeError) Error() string {
	return "package " + e.pkg.Name + ": a LUN does not tell whether it can be reserved"
}

func (e *unknownModeError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "pr_check " + e.pkg.Name + " tells which, and why", Status: words.ExitNode}
}

// shellVariable is a variable of a shell.
type shellVariable struct{ name, value string }

// shellArray is a parameter that may be repeated.
type shellArray struct {
	name   string
	values []string
}

// shellEnv is what cmgetpkgenv prints.
type shellEnv struct {
	variables []shellVariable
	arrays    []shellArray
}

func (e *shellEnv) set(name, value string) {
	e.variables = append(e.variables, shellVariable{name, value})
}

// add appends a value to an array, which it begins if need be.
func (e *shellEnv) add(name, value string) {
	for i := range e.arrays {
		if e.arrays[i].name == name {
			e.arrays[i].values = append(e.arrays[i].values, value)
			return
		}
	}
	e.arrays = append(e.arrays, shellArray{name, []string{value}})
}

// packageEnv collects what is said of a package.
func packageEnv(node cluster.Node, pkg *cluster.Package, mode cluster.PRMode) *shellEnv {
	e := &shellEnv{}
	e.set("PKG_PR_MODE", string(mode))
	e.set("SG_PACKAGE", pkg.Name)
	e.set("SG_NODE", node.Name)
	e.set("NODE_PR_KEY", bareKey(node.Key))
	e.set(shellName("package_name"), pkg.Name)
	e.set(shellName("package_type"), string(pkg.Type))
	for _, n := range pkg.Nodes {
		// The config may have left them out, or have said *.
		e.add(shellName("node_name"), n)
	}
	single, blocks := pkg.Outline()
	for _, s := range single {
		switch s.Name {
		case "package_name", "package_type":
		case "pkg_pr_mode", "owner":
			// What a saved copy of a package says is of the past.
		default:
			e.set(shellName(s.Name), s.Value)
		}
	}
	members := blockMembers(blocks)
	for _, b := range blocks {
		if b.Name == "node_name" {
			continue
		}
		e.add(shellName(b.Name), b.Value)
		// Arrays of one block run side by side, so that an index means the
		// same block in all of them.
		for _, name := range members[b.Name] {
			value, _ := b.Inside.Get(name)
			e.add(shellName(name), value)
		}
		for _, s := range b.Repeated {
			e.add(shellName(s.Name), s.Value)
			e.add(shellName(s.Name+"_"+b.Name), b.Value)
		}
	}
	return e
}

// blockMembers lists, for each parameter that heads blocks, those that stand
// in one of its blocks at least.
func blockMembers(blocks []cluster.Block) map[string][]string {
	members := map[string][]string{}
	seen := map[string]bool{}
	for _, b := range blocks {
		for _, s := range b.Inside {
			if !seen[s.Name] {
				seen[s.Name] = true
				members[b.Name] = append(members[b.Name], s.Name)
			}
		}
	}
	return members
}

// shellName is the variable of a parameter. Whatever the parameter, it comes
// out as a name that a shell takes.
func shellName(parameter string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(parameter))
	if strings.HasPrefix(name, "PEV_") {
		return name
	}
	return "SG_" + name
}

// shellQuote quotes a value for every shell of the Bourne family. Inside
// double quotes these four alone have a meaning, and line ends stand for
// themselves. What a terminal would act on is made by the shell, from its number.
func shellQuote(value string) string {
	var b strings.Builder
	b.WriteByte('"')
	for len(value) > 0 {
		r, n := utf8.DecodeRuneInString(value)
		switch {
		case strings.ContainsRune("\\\"$`", r):
			b.WriteString(`\` + value[:n])
		case r == '\n' || r == '\t' || !picture.Unprintable(r, n):
			b.WriteString(value[:n])
		default:
			b.WriteString("$(printf '")
			for _, c := range []byte(value[:n]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
			b.WriteString("')")
		}
		value = value[n:]
	}
	b.WriteByte('"')
	return b.String()
}

func shellAssignment(name, value string) string { return name + "=" + shellQuote(value) }

// arrayGuard is true in a shell that has arrays that begin at 0. The others
// fail at the assignment, in a shell of its own.
const arrayGuard = `if (eval 'SG_ARRAY[0]=x') >/dev/null 2>&1; then`

// lines are the assignments. Arrays stand behind the guard: a shell without
// them passes over what it would take for the names of commands.
func (e *shellEnv) lines() []string {
	var lines []string
	for _, v := range e.variables {
		lines = append(lines, shellAssignment(v.name, v.value))
	}
	for _, a := range e.arrays {
		lines = append(lines, shellAssignment(a.name, a.values[0]), shellAssignment(a.name+"_COUNT", strconv.Itoa(len(a.values))))
		for i, v := range a.values {
			lines = append(lines, shellAssignment(a.name+"_"+strconv.Itoa(i), v))
		}
	}
	if len(e.arrays) == 0 {
		return lines
	}
	lines = append(lines, arrayGuard)
	for _, a := range e.arrays {
		// A longer one of another package must not shine through.
		lines = append(lines, "unset "+a.name)
		for i, v := range a.values {
			lines = append(lines, shellAssignment(a.name+"["+strconv.Itoa(i)+"]", v))
		}
	}
	return append(lines, "fi")
}
