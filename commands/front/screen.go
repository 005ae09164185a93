package front

import (
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// Screen is what is known of the place that a command prints to.
type Screen struct {
	// terminal says that it is one that understands escape sequences.
	terminal bool
	color    bool
	// width and height are in characters; 0 is without limit.
	width, height int
}

// Terminal reports whether somebody looks at it.
func (s Screen) Terminal() bool { return s.terminal }

// Values of --color.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// ColorFlag is --color.
func ColorFlag() cli.Flag {
	return Offering(&cli.StringFlag{Name: "color"}, OneOf(colorAuto, colorAlways, colorNever))
}

// Screen looks at the standard output. The width is $COLUMNS if it is set, else
// that of the terminal; a pipe has none.
func (c *Call) Screen() (Screen, error) {
	s := Screen{}
	if f := FileOf(c.Out); f != nil {
		// A serial line says that it has no columns.
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			term := c.Getenv("TERM")
			s.terminal = term != "" && term != "dumb"
			s.width, s.height = int(size.Col), int(size.Row)
		}
	}
	if n, err := strconv.Atoi(c.Getenv("COLUMNS")); err == nil && n > 0 {
		s.width = n
	}
	switch when := c.Flags.String("color"); when {
	case "", colorAuto:
		s.color = s.terminal && c.Getenv("NO_COLOR") == ""
	case colorAlways:
		s.color = true
	case colorNever:
	default:
		return Screen{}, Usagef("--color %s: auto, always or never was expected", when)
	}
	return s, nil
}

// IsTerminal reports whether w is a terminal, and how wide.
func IsTerminal(w any) (width int, ok bool) {
	f := FileOf(w)
	if f == nil {
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
