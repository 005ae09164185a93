package commands

import (
	"os"
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// screen is what is known of the place that a command prints to.
type screen struct {
	// terminal says that it is one that understands escape sequences.
	terminal bool
	color    bool
	// width and height are in characters; 0 is without limit.
	width, height int
}

// Values of --color.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

func colorFlag() cli.Flag {
	return offering(&cli.StringFlag{Name: "color"}, oneOf(colorAuto, colorAlways, colorNever))
}

// screen looks at the standard output. The width is $COLUMNS if it is set, else
// that of the terminal; a pipe has none.
func (c *call) screen() (screen, error) {
	s := screen{}
	if f, ok := c.Out.(*os.File); ok {
		// A serial line says that it has no columns.
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			term := c.getenv("TERM")
			s.terminal = term != "" && term != "dumb"
			s.width, s.height = int(size.Col), int(size.Row)
		}
	}
	if n, err := strconv.Atoi(c.getenv("COLUMNS")); err == nil && n > 0 {
		s.width = n
	}
	switch when := c.flags.String("color"); when {
	case "", colorAuto:
		s.color = s.terminal && c.getenv("NO_COLOR") == ""
	case colorAlways:
		s.color = true
	case colorNever:
	default:
		return screen{}, usagef("--color %s: auto, always or never was expected", when)
	}
	return s, nil
}

// isTerminal reports whether w is a terminal, and how wide.
func isTerminal(w any) (width int, ok bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 80, true
	}
	return int(size.Col), true
}
