package picture

// shade is a colour by its meaning.
type shade int

const (
	plain shade = iota
	bold
	faint
	good
	warning
	grave
)

// painted is a text with its colour, and whether it is new.
type painted struct {
	text    string
	shade   shade
	changed bool
}

// SGR parameters of ECMA-48 8.3.117; of the sixteen colours, so that they are
// those that the user has chosen for his terminal.
func (s shade) sgr() string {
	switch s {
	case bold:
		return "1"
	case faint:
		return "2"
	case good:
		return "32"
	case warning:
		return "33"
	case grave:
		return "1;31"
	}
	return ""
}

// paint colours a text if there are colours.
func (s *Style) paint(c shade, text string) string {
	if !s.Color || c == plain || text == "" {
		return text
	}
	return "\x1b[" + c.sgr() + "m" + text + "\x1b[0m"
}

// cell colours a cell; one that changed is shown reversed.
func (s *Style) cell(c painted) string {
	if !s.Color || !c.changed {
		return s.paint(c.shade, c.text)
	}
	sgr := "7"
	if c.shade != plain {
		sgr = c.shade.sgr() + ";7"
	}
	return "\x1b[" + sgr + "m" + c.text + "\x1b[0m"
}

// shade is the colour of a node's cell.
func (l *LUN) shade(node string) shade {
	n, ok := l.of(node)
	switch {
	case !l.Known || !ok || n.Registered == nil:
		return grave
	case n.Leaving, n.Taking:
		return warning
	case *n.Registered == 0:
		return faint
	case n.Expected != nil && *n.Registered != *n.Expected && !n.AllPorts:
		return warning
	case n.Holds:
		return good
	}
	return plain
}

func (l *LUN) foreignShade() shade {
	if l.Known && len(l.Foreign) == 0 {
		return faint
	}
	return grave
}

// stateShade is the colour of one line of the last column.
func (l *LUN) stateShade(i int) shade {
	switch {
	case !l.Known:
		return grave
	case i < len(l.Findings) && l.Findings[i].Grave:
		return grave
	case i < len(l.Findings):
		return warning
	case l.Findings == nil:
		return plain
	case l.protected():
		return good
	}
	return faint
}

// nameShade is the colour of a LUN's name.
func (r *gridRow) nameShade() shade {
	if r.changed {
		return bold
	}
	return plain
}
