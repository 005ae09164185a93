// Command lunguard protects clustered disks with SCSI-3 persistent
// reservations. It is many commands in one binary and looks at the name that
// it was called by.
package main

import (
	"os"

	"lunguard/commands"
)

func main() {
	os.Exit(commands.Main(commands.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Args))
}
