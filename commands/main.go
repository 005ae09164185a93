// Package commands holds the applets: words in, words out. It is the only
// package that prints, and it makes all words for people.
package commands

import "context"

// applets is what the binary holds.
func applets() *program {
	b := &program{}
	b.applets = []*applet{
		vgPrKey(), prCleanup(), prStart(), prHalt(), prFence(), prCheck(), prWatchdog(), sgPersist(),
		cmCheckConf(), cmApplyConf(), cmViewCl(), cmGetPkgEnv(),
		cmRunPkg(), cmHaltPkg(), prCntl(), lunguard(b),
	}
	b.words = []*applet{sim(), manual(b)}
	b.unlisted = []*applet{complete(b)}
	return b
}

// Main runs the applet that argv[0] names, or, called as lunguard, the one
// that the first argument names, and returns the exit status.
func Main(s Streams, argv []string) int { return applets().main(s, argv) }

// Run is Main with the surroundings given.
func Run(ctx context.Context, s Streams, getenv func(string) string, argv []string) int {
	return applets().run(ctx, s, getenv, argv)
}
