package commands

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"lunguard/commands/words"
)

// self is the name of the binary, which is an applet, too.
const self = "lunguard"

// program is many commands in one binary.
type program struct {
	// applets have names of their own, in the order of the list.
	applets []*applet
	// words stand behind the name of the binary, and have no name of their own;
	// unlisted ones are not for people.
	words, unlisted []*applet
}

func named(list []*applet, name string) *applet {
	if i := slices.IndexFunc(list, func(a *applet) bool { return a.name == name }); i >= 0 {
		return list[i]
	}
	return nil
}

// find is the applet of a name, nil if there is none.
func (b *program) find(name string) *applet { return named(b.applets, name) }

// behind is what a word behind the name of the binary means, nil if nothing.
func (b *program) behind(word string) *applet { return named(b.words, word) }

// list prints the applets.
func (b *program) list(w io.Writer) {
	for _, a := range b.applets {
		fmt.Fprintf(w, "%-12s %s\n", a.name, a.summary)
	}
}

// linked are the applets that have links: all but the binary itself.
func (b *program) linked() []suggestion {
	var list []suggestion
	for _, a := range b.applets {
		if a.name != self {
			list = append(list, suggestion{a.name, a.summary})
		}
	}
	return list
}

// main runs the applet that argv[0] names, or, called by its own name, the one that
// the first argument names, and returns the exit status.
func (b *program) main(s Streams, argv []string) int {
	ctx, stop := interruptible(context.Background())
	defer stop()
	return b.run(ctx, s, os.Getenv, argv)
}

// run is main with the surroundings given.
func (b *program) run(ctx context.Context, s Streams, getenv func(string) string, argv []string) int {
	name, args := self, []string(nil)
	if len(argv) > 0 {
		name, args = baseName(argv[0]), argv[1:]
	}
	if strings.HasPrefix(name, self) {
		// lunguard-1.0, lunguard.new
		name = self
	}
	a := b.find(name)
	if a != nil && len(argv) > 0 {
		a.as = argv[0]
	}
	if name == self && len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
		a = named(slices.Concat(b.words, b.unlisted, b.applets), name)
	}
	if a == nil {
		fmt.Fprintf(s.Err, "%s: error: %s is no applet; there are:\n", self, name)
		b.list(s.Err)
		return words.ExitFailed
	}
	return a.invoke(ctx, s, getenv, args)
}

// baseName is the applet that argv[0] asks for.
func baseName(argv0 string) string { return filepath.Base(argv0) }

// version is what the Go tool read from git when it built the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)"
	}
	return info.Main.Version
}
