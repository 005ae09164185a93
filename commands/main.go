// Package commands holds the applets: words in, words out. It is the only
// package that prints, and it makes all words for people.
package commands

import (
	"io"

	"lunguard/commands/deadman"
	"lunguard/commands/front"
	"lunguard/commands/own"
	"lunguard/commands/sgpersist"
)

// applets is what the binary holds.
func applets() *front.Program {
	b := &front.Program{}
	b.Applets = []*front.Applet{
		vgPrKey(), prCleanup(), prStart(), prHalt(), prFence(), prCheck(), deadman.Applet(), sgpersist.Applet(),
		cmCheckConf(), cmApplyConf(), cmViewCl(), cmGetPkgEnv(),
		cmRunPkg(), cmHaltPkg(), prCntl(), own.Lunguard(b),
	}
	b.Words = []*front.Applet{own.Sim(), own.Manual(b)}
	b.Unlisted = []*front.Applet{own.Complete(b)}
	return b
}

// Main runs the applet that argv[0] names, or, called as lunguard, the one
// that the first argument names, and returns the exit status.
func Main(in io.Reader, out, errs io.Writer, argv []string) int {
	return applets().Main(front.Streams{In: in, Out: out, Err: errs}, argv)
}
