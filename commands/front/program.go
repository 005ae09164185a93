package front

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// Self is the name of the binary, which is an applet, too.
const Self = "lunguard"

// Program is many commands in one binary.
type Program struct {
	// Applets have names of their own, in the order of the list.
	Applets []*Applet
	// Words stand behind the name of the binary, and have no name of their own;
	// unlisted ones are not for people.
	Words, Unlisted []*Applet
	// Instead says, by the name of a command that is not here, what is.
	Instead map[string]string
}

func named(list []*Applet, name string) *Applet {
	if i := slices.IndexFunc(list, func(a *Applet) bool { return a.Name == name }); i >= 0 {
		return list[i]
	}
	return nil
}

// Find is the applet of a name, nil if there is none.
func (b *Program) Find(name string) *Applet { return named(b.Applets, name) }

// Behind is what a word behind the name of the binary means, nil if nothing.
func (b *Program) Behind(word string) *Applet { return named(b.Words, word) }

// List prints the applets.
func (b *Program) List(w io.Writer) {
	for _, a := range b.Applets {
		fmt.Fprintf(w, "%-14s %s\n", a.Name, a.Summary)
	}
}

// Linked are the applets that have links: all but the binary itself.
func (b *Program) Linked() []Suggestion {
	var list []Suggestion
	for _, a := range b.Applets {
		if a.Name != Self {
			list = append(list, Suggestion{a.Name, a.Summary})
		}
	}
	return list
}

// Main runs the applet that argv[0] names, or, called by its own name, the one that
// the first argument names, and returns the exit status.
func (b *Program) Main(s Streams, argv []string) int {
	ctx, stop := interruptible(context.Background())
	defer stop()
	return b.Run(ctx, s, os.Getenv, argv)
}

// Run is main with the surroundings given.
func (b *Program) Run(ctx context.Context, s Streams, getenv func(string) string, argv []string) int {
	s.Out, s.Err = Guard(s.Out), Guard(s.Err)
	name, args := Self, []string(nil)
	if len(argv) > 0 {
		name, args = BaseName(argv[0]), argv[1:]
	}
	if strings.HasPrefix(name, Self) {
		// lunguard-1.0, lunguard.new
		name = Self
	}
	a := b.Find(name)
	if len(argv) > 0 {
		if agent := agentName(argv[0]); agent != "" {
			name, a = agent, named(b.Unlisted, agent)
		}
	}
	if a != nil && len(argv) > 0 {
		a.as = argv[0]
	}
	if name == Self && len(args) == 1 && args[0] == "-V" {
		args = []string{versionOption}
	}
	if name == Self && len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = spelled(args[0], args[1:])
		a = named(slices.Concat(b.Words, b.Unlisted, b.Applets), name)
	}
	if instead, known := b.Instead[name]; known && a == nil {
		fmt.Fprintf(s.Err, "%s: error: %s is not here: %s\n", Self, name, instead)
		return words.ExitFailed
	}
	if a == nil {
		fmt.Fprintf(s.Err, "%s: error: unknown command %s\n%s: hint: %s\n", Self, picture.Printable(name), Self, b.meant(name))
		return words.ExitFailed
	}
	return a.Invoke(ctx, s, getenv, args)
}

// spelled is what is meant by words that people put in the place of options.
func spelled(name string, args []string) (string, []string) {
	switch {
	case name == "help" && len(args) > 0:
		return args[0], []string{"--help"}
	case name == "help", name == "version":
		return Self, []string{"--" + name}
	}
	return name, args
}

// meant says which command was meant perhaps, and where they are listed.
func (b *Program) meant(name string) string {
	var names []string
	for _, a := range slices.Concat(b.Words, b.Applets) {
		names = append(names, a.Name)
	}
	list := Self + " --list shows the commands"
	if near := words.Nearest(name, names); near != "" {
		return "is " + near + " meant? " + list
	}
	return list
}

// BaseName is the applet that argv[0] asks for.
func BaseName(argv0 string) string { return filepath.Base(argv0) }

// agentName is the applet that a file in a folder of resource agents stands for, which
// has the name of an agent among those of its provider; empty for any other file.
func agentName(argv0 string) string {
	path, err := filepath.Abs(argv0)
	if err != nil || !strings.Contains(argv0, "/") {
		return ""
	}
	provider := filepath.Dir(path)
	if filepath.Base(filepath.Dir(provider)) != "resource.d" {
		return ""
	}
	return "ocf_" + filepath.Base(provider) + "_" + filepath.Base(path)
}

// sayVersion says which binary the command is of.
func (c *Call) sayVersion(w io.Writer) {
	name := c.Prog()
	if name != Self {
		name += " (" + Self + ")"
	}
	fmt.Fprintf(w, "%s %s\n", name, Version())
}

// Version is what the Go tool read from git when it built the binary.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)"
	}
	return info.Main.Version
}
