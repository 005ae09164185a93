// Package commands holds the applets: words in, words out. It is the only
// package that prints, and it makes all words for people in one place
// (words.go).
package commands

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// self is the name of the binary, which is an applet, too.
const self = "lunguard"

// applets lists the commands of the binary, in the order of the list.
func applets() []*applet {
	return []*applet{
		vgPrKey(), prCleanup(), prStart(), prHalt(), prFence(), prCheck(), prWatchdog(), sgPersist(),
		cmCheckConf(), cmApplyConf(), cmViewCl(), cmGetPkgEnv(),
		cmRunPkg(), cmHaltPkg(), prCntl(), lunguard(),
	}
}

func findApplet(name string) *applet {
	for _, a := range applets() {
		if a.name == name {
			return a
		}
	}
	return nil
}

// Main runs the applet that argv[0] names, or, called as lunguard, the one
// that the first argument names, and returns the exit status.
func Main(s Streams, argv []string) int {
	ctx, stop := interruptible(context.Background())
	defer stop()
	return Run(ctx, s, os.Getenv, argv)
}

// Run is Main with the surroundings given.
func Run(ctx context.Context, s Streams, getenv func(string) string, argv []string) int {
	name, args := self, []string(nil)
	if len(argv) > 0 {
		name, args = baseName(argv[0]), argv[1:]
	}
	if strings.HasPrefix(name, self) {
		// lunguard-1.0, lunguard.new
		name = self
	}
	a := findApplet(name)
	if a != nil && len(argv) > 0 {
		a.as = argv[0]
	}
	if name == self && len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		switch name, args = args[0], args[1:]; name {
		case simWord:
			a = sim()
		case completeWord:
			a = complete()
		case manWord:
			a = manual()
		default:
			a = findApplet(name)
		}
	}
	if a == nil {
		fmt.Fprintf(s.Err, "%s: error: %s is no applet; there are:\n", self, name)
		listApplets(s.Err)
		return exitFailed
	}
	return a.invoke(ctx, s, getenv, args)
}
