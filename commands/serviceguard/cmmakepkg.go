package serviceguard

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/words"
)

// CmMakePkg is cmmakepkg.
func CmMakePkg() *front.Applet {
	return &front.Applet{
		Name:    "cmmakepkg",
		Summary: "write a package file to be filled in",
		Usage: `
usage: cmmakepkg [-v] [-m MODULE]... [-t TEMPLATE] [FILE]
       cmmakepkg -l

Prints a package file with the parameters of the modules, each with a comment, or
writes it to FILE, which must not be there. package_name has no value: it has to be
filled in before cmapplyconf takes the file. Nothing is said of a parameter whose
line stays a comment.

  -v             accepted
  -m MODULE      a module; may be repeated. Without it all of a failover package
                 (sg/all); sg/multi_node_all is all of a multi-node package
  -t TEMPLATE    a package file that is there: it is kept as it is, and what the
                 modules have and it lacks is added
  -l             list the modules

exit status: 0 written; 1 error in the command line, or FILE cannot be written;
128 + N ended by signal N`,
		Flags: []cli.Flag{
			front.VerboseFlag(),
			front.Offering(front.Repeated("module", "m"), front.OneOf(moduleNames()...)),
			front.Offering(&cli.StringFlag{Name: "template", Aliases: []string{"t"}}, front.OneOf(front.ShellFiles)),
			&cli.BoolFlag{Name: "list", Aliases: []string{"l"}},
		},
		Operands: front.OneOf(front.ShellFiles),
		Run:      runMakePkg,
	}
}

// moduleNames are the modules that a file can be made of.
func moduleNames() []string {
	var names []string
	for _, m := range cluster.Modules() {
		names = append(names, m.Name)
	}
	return names
}

func runMakePkg(c *front.Call) error {
	ops := c.Operands()
	if len(ops) > 1 {
		return front.Usagef("one file was expected, not %d", len(ops))
	}
	if c.Flags.Bool("list") {
		for _, m := range cluster.Modules() {
			c.Printf("%-20s %s\n", m.Name, m.For)
		}
		return nil
	}
	modules, err := chosenModules(c.Several("module"))
	if err != nil {
		return err
	}
	text, err := packageFile(c.Ctx, modules, c.Flags.String("template"))
	if err != nil {
		return err
	}
	if len(ops) == 0 {
		_, err := c.Out.Write(text)
		return err
	}
	if _, err := os.Lstat(ops[0]); err == nil {
		return &outputFileError{&os.PathError{Op: "create", Path: ops[0], Err: fs.ErrExist}}
	}
	if err := ownfile.Publish(ops[0], text); err != nil {
		return &outputFileError{err}
	}
	c.Printf("Package template is created.\nThis file must be edited before it can be used.\n")
	return nil
}

// unknownModuleError says that a module is not known here.
type unknownModuleError struct{ name string }

func (e *unknownModuleError) Error() string { return "-m " + e.name + ": there is no such module" }

func (e *unknownModuleError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "-l lists those that there are", Status: words.ExitFailed}
}

// chosenModules are modules with all that they bring along, each once, in the order of
// a file. A package file has what every package has.
func chosenModules(names []string) ([]cluster.Module, error) {
	if len(names) == 0 {
		names = []string{"sg/all"}
	}
	chosen := map[string]bool{}
	var choose func(name string) error
	choose = func(name string) error {
		at := slices.IndexFunc(cluster.Modules(), func(m cluster.Module) bool { return m.Name == strings.ToLower(name) })
		if at < 0 {
			return &unknownModuleError{name}
		}
		m := cluster.Modules()[at]
		chosen[m.Name] = true
		for _, in := range m.Includes {
			if err := choose(in); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range names {
		if err := choose(name); err != nil {
			return nil, err
		}
	}
	if !chosen["sg/basic"] {
		if err := choose("sg/failover"); err != nil {
			return nil, err
		}
	}
	var list []cluster.Module
	for _, m := range cluster.Modules() {
		// What is a name for several others is not in a file.
		if chosen[m.Name] && !strings.HasSuffix(m.Name, "all") {
			list = append(list, m)
		}
	}
	return list, nil
}

// packageFile is the text of a package file of the modules, behind that of a template, if
// there is one, without what that has.
func packageFile(ctx context.Context, modules []cluster.Module, template string) ([]byte, error) {
	var b bytes.Buffer
	var has []string
	if template == "" {
		b.WriteString(packageHead)
	} else {
		text, err := ownfile.Read(ctx, template, 1<<20)
		if err != nil {
			return nil, inputFile(ctx, template, err)
		}
		b.Write(text)
		if len(text) > 0 && text[len(text)-1] != '\n' {
			b.WriteByte('\n')
		}
		if has, err = cluster.ParametersIn(bytes.NewReader(text), template); err != nil {
			return nil, err
		}
	}
	typ := cluster.Failover
	if slices.ContainsFunc(modules, func(m cluster.Module) bool { return m.Name == "sg/multi_node" }) {
		typ = cluster.MultiNode
	}
	for _, m := range modules {
		t := packageTemplate{&b, typ}
		if !slices.Contains(has, "module_name "+m.Name) {
			t.module(m, has)
		}
	}
	return b.Bytes(), nil
}

const packageHead = `# **********************************************************************
# A package file for cmcheckconf and cmapplyconf.
#
# Fill in package_name. A line that begins with # says nothing: take the # away
# from what the package needs, and copy lines that it needs several of.
# The case of the names of parameters means nothing. cluster.conf(5) has more.
# **********************************************************************
`

// packageTemplate writes package files.
type packageTemplate struct {
	*bytes.Buffer
	typ cluster.PackageType
}

// module writes the parameters of a module, but those that the file has.
func (t packageTemplate) module(m cluster.Module, has []string) {
	fmt.Fprintf(t, "\n# **********************************************************************\n# %s: %s.\n# **********************************************************************\n", m.Name, m.For)
	named := func() {
		fmt.Fprintf(t, "\n%-31s %s\n%-31s 1\n", "module_name", m.Name, "module_version")
	}
	if len(m.Parameters) == 0 || m.Parameters[0] != "package_name" {
		named()
	}
	for _, name := range m.Parameters {
		switch {
		case slices.Contains(has, name), name == "module_version":
		case name == "module_name":
			named()
		default:
			t.parameter(name)
		}
	}
}

// parameter writes one parameter with what is to be said of it.
func (t packageTemplate) parameter(name string) {
	list := cluster.PackageParameters()
	p := list[slices.IndexFunc(list, func(p cluster.Parameter) bool { return p.Name == name })]
	if name == "package_type" {
		p.Preset = string(t.typ)
	}
	fmt.Fprintf(t, "\n# %q\n", p.Name)
	for _, line := range folded(p.About, 76) {
		fmt.Fprintf(t, "# %s\n", line)
	}
	if legal := cluster.Legal(name); legal != "" {
		fmt.Fprintf(t, "# Legal values: %s.\n", legal)
	}
	if p.Preset != "" {
		fmt.Fprintf(t, "# Default value: %s.\n", p.Preset)
	}
	switch value := quotedIfNeeded(p.Preset); {
	case name == "package_name":
		fmt.Fprintf(t, "%s\n", name)
	case name == "pev_":
		fmt.Fprintf(t, "#%-30s %s\n", "pev_x", `"a value"`)
	case value != "":
		fmt.Fprintf(t, "%-31s %s\n", name, value)
	default:
		fmt.Fprintf(t, "#%-30s %s\n", name, cmp.Or(quotedIfNeeded(p.Sample), `""`))
	}
}

// quotedIfNeeded puts a value of several words in quotes.
func quotedIfNeeded(value string) string {
	if strings.Contains(value, " ") && value[0] != '"' {
		return `"` + value + `"`
	}
	return value
}

// folded divides a text into lines of at most so many characters.
func folded(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
