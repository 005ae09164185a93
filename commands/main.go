// Package commands has the table of applets: which commands the binary is. Each is
// made in one of the rooms below; they are tested here where it takes the whole
// binary.
package commands

import (
	"context"
	"io"

	"lunguard/commands/deadman"
	"lunguard/commands/fenceagent"
	"lunguard/commands/front"
	"lunguard/commands/listing"
	"lunguard/commands/ocfagent"
	"lunguard/commands/own"
	"lunguard/commands/probe"
	"lunguard/commands/reservations"
	"lunguard/commands/serviceguard"
	"lunguard/commands/sgpersist"
)

// applets is what the binary holds.
func applets() *front.Program {
	b := &front.Program{}
	b.Applets = []*front.Applet{
		reservations.VGPRKey(), reservations.PRCleanup(), reservations.PRStart(), reservations.PRHalt(), reservations.PRFence(), reservations.PRCheck(), deadman.Applet(), sgpersist.Applet(),
		serviceguard.CmCheckConf(), serviceguard.CmApplyConf(), serviceguard.CmViewCl(), serviceguard.CmGetPkgEnv(), serviceguard.CmGetConf(), serviceguard.CmMakePkg(),
		listing.Applet(), probe.Applet(), serviceguard.CmRunPkg(), serviceguard.CmHaltPkg(), serviceguard.CmModPkg(), serviceguard.CmRunServ(), serviceguard.CmHaltServ(), serviceguard.PRCntl(), fenceagent.Applet(), own.Lunguard(b),
	}
	b.Instead = serviceguard.Instead()
	b.Words = []*front.Applet{own.Sim(), own.Manual(b)}
	b.Unlisted = []*front.Applet{own.Complete(b), ocfagent.Applet()}
	return b
}

// Main runs the applet that argv[0] names, or, called as lunguard, the one
// that the first argument names, and returns the exit status.
func Main(in io.Reader, out, errs io.Writer, argv []string) int {
	return applets().Main(front.Streams{In: in, Out: out, Err: errs}, argv)
}

// Run is Main with the surroundings given: what ends it, and the environment.
func Run(ctx context.Context, s front.Streams, getenv func(string) string, argv []string) int {
	return applets().Run(ctx, s, getenv, argv)
}
