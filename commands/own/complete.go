package own

import (
	"fmt"
	"strings"

	"lunguard/commands/front"
	"lunguard/commands/words"
)

// completeWord is the word behind lunguard that the completions of shells use.
const completeWord = "complete"

const completeUsage = `
usage: lunguard complete -- APPLET [WORD...]

What the last WORD, which may be empty, can become, one a line, with what it
means behind a tab. The completions of shells call this. A line :files or :dirs
leaves it to the shell. No device is opened; nothing is ever an error.

exit status: 0`

// Complete is the applet behind lunguard complete.
func Complete(b *front.Program) *front.Applet {
	return &front.Applet{
		Name: completeWord, Summary: "what a word can become, for shells", Usage: completeUsage,
		Main: func(c *front.Call, args []string) int {
			if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
				fmt.Fprintln(c.Out, strings.TrimSpace(completeUsage))
				return words.ExitOK
			}
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
			if len(args) > 0 {
				b.Complete(c, front.BaseName(args[0]), args[1:])
			}
			return words.ExitOK
		},
	}
}
