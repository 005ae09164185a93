// Package commands holds the applets: words in, words out.
package commands

import (
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/urfave/cli/v2"
)

// Streams are the standard streams of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the applet named by argv[0] and returns the exit status.
func Main(s Streams, argv []string) int {
	_ = cli.NewApp
	_ = tablewriter.NewWriter
	return 1
}
