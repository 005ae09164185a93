// Command lunguard protects clustered disks with SCSI-3 persistent
// reservations. It is many commands in one binary and looks at the name that
// it was called by.
package main

import (
	"os"
	"runtime"

	"lunguard/commands"
)

func main() {
	// The process's first thread is nobody's who sends commands: one that the kernel
	// does not give back would keep the exit status in the process with it.
	runtime.LockOSThread()
	os.Exit(commands.Main(os.Stdin, os.Stdout, os.Stderr, os.Args))
}
