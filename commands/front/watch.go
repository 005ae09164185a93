package front

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// watchFlag is an option that may stand without its value.
type watchFlag struct{ cli.StringFlag }

// Alone is its value then, in seconds.
func (*watchFlag) Alone() string { return "2" }

// NewWatchFlag is --watch, which may stand without its value.
func NewWatchFlag() cli.Flag { return &watchFlag{cli.StringFlag{Name: "watch"}} }

// WatchEvery is how long the pauses of --watch are, 0 without it.
func (c *Call) WatchEvery() (time.Duration, error) {
	if !c.Flags.IsSet("watch") {
		return 0, nil
	}
	text := c.Flags.String("watch")
	unit := ""
	if strings.Trim(text, "0123456789.") == "" {
		unit = "s"
	}
	d, err := time.ParseDuration(text + unit)
	if err != nil || d < 100*time.Millisecond {
		return 0, Usagef("--watch %s: seconds were expected, 0.1 or more", text)
	}
	return d, nil
}

// Escape sequences of terminals, ECMA-48 and the alternate screen of xterm,
// which all others have.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	homeCursor  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// Watcher shows a picture again and again.
type Watcher struct {
	*Call
	Screen Screen
	Every  time.Duration
	// Look makes a picture anew; it says what it has to say through its call.
	Look func(*Call) (*picture.Picture, error)
	// last is the picture before.
	last *picture.Picture
}

// frame is one look: the picture, and what was said beside it.
type frame struct {
	picture *picture.Picture
	said    []byte
	err     error
}

// Run shows pictures until the command is interrupted. On a terminal they
// stand on a screen of their own, else a blank line is between them.
func (w *Watcher) Run() error {
	return again(w.Call, w.Screen, w.Every, func() frame { return w.take(afresh(w.Call)) }, func(f frame, first bool) error {
		if f.err != nil {
			return f.err
		}
		err := w.show(f, first)
		w.last = f.picture
		return err
	})
}

// again takes frames and shows them until the command is interrupted.
func again[F any](c *Call, screen Screen, every time.Duration, take func() F, show func(f F, first bool) error) error {
	if screen.terminal {
		fmt.Fprint(Raw(c.Out), enterScreen)
		defer fmt.Fprint(Raw(c.Out), leaveScreen)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	frames := make(chan F, 1)
	for first := true; ; first = false {
		select {
		case <-c.Ctx.Done():
			c.Status = interrupted(c)
			return nil
		case <-timer.C:
		}
		// A device may take its time, and nobody has to wait for it who wants
		// to leave.
		go func() { frames <- take() }()
		select {
		case <-c.Ctx.Done():
			c.Status = interrupted(c)
			return nil
		case f := <-frames:
			if err := show(f, first); err != nil {
				return err
			}
		}
		timer.Reset(every)
	}
}

// WatchText runs show again and again, and shows what it prints, until the command is
// interrupted.
func WatchText(c *Call, every time.Duration, show func(*Call) error) error {
	screen, err := c.Screen()
	if err != nil {
		return err
	}
	return again(c, screen, every, func() []byte { return printed(c, show) }, func(text []byte, first bool) error {
		head := time.Now().Format("2006-01-02 15:04:05 -0700") + fmt.Sprintf(", every %s, Ctrl-C ends\n\n", every)
		if screen.terminal {
			now, err := c.Screen()
			if err != nil {
				return err
			}
			_, err = io.WriteString(Raw(c.Out), onScreen(head+string(text), now.height))
			return err
		}
		if !first {
			head = "\n" + head
		}
		_, err := io.WriteString(Raw(c.Out), head+string(text))
		return err
	})
}

// printed is what show prints on both streams, through a call that remembers nothing.
func printed(c *Call, show func(*Call) error) []byte {
	var text bytes.Buffer
	one := afresh(c)
	one.Err = Guard(&text)
	one.Out = one.Err
	if err := show(one); err != nil {
		one.Report(err)
	}
	return text.Bytes()
}

// interrupted is the exit status for the signal that ended the command, as
// shells have it.
func interrupted(c *Call) int {
	if sig := SignalOf(c.Ctx); sig != nil {
		return sig.Status()
	}
	return 128 + int(syscall.SIGINT)
}

// afresh is a call of its own for one look, which remembers nothing.
func afresh(c *Call) *Call {
	one := *c
	one.Status, one.Said, one.hinted = words.ExitOK, nil, map[string]bool{}
	return &one
}

// take looks once.
func (w *Watcher) take(one *Call) frame {
	var said bytes.Buffer
	one.Err = Guard(&said)
	one.Out = one.Err
	p, err := w.Look(one)
	return frame{p, said.Bytes(), err}
}

// show prints one frame.
func (w *Watcher) show(f frame, first bool) error {
	var b bytes.Buffer
	// The window may have another size by now.
	now, err := w.Call.Screen()
	if err != nil {
		return err
	}
	w.Screen.width, w.Screen.height = now.width, now.height
	if !w.Screen.terminal {
		if !first {
			b.WriteByte('\n')
		}
		if _, err := w.Err.Write(f.said); err != nil {
			return err
		}
		if err := w.draw(&b, f.picture); err != nil {
			return err
		}
		_, err := b.WriteTo(Raw(w.Out))
		return err
	}
	if err := w.draw(&b, f.picture); err != nil {
		return err
	}
	b.Write(f.said)
	if w.Screen.height > 0 && bytes.Count(b.Bytes(), []byte{'\n'}) >= w.Screen.height {
		// What is not well comes first where there is no room for all.
		b.Reset()
		if err := w.draw(&b, f.picture.Trim(w.last)); err != nil {
			return err
		}
		b.Write(f.said)
	}
	_, err = io.WriteString(Raw(w.Out), onScreen(b.String(), w.Screen.height))
	return err
}

// draw prints the head and the tables of a frame.
func (w *Watcher) draw(b *bytes.Buffer, p *picture.Picture) error {
	head := p.Time.Format("2006-01-02 15:04:05 -0700")
	if p.Node != "" {
		head += ", node " + picture.Printable(p.Node)
	}
	head += fmt.Sprintf(", exit status %d, every %s, Ctrl-C ends", p.Status, w.Every)
	for _, line := range picture.Wrap(head, w.Screen.width) {
		fmt.Fprintln(b, line)
	}
	b.WriteByte('\n')
	style := w.Style(w.Screen)
	style.Before, style.Marks = w.last, true
	return p.Table(b, style)
}

// onScreen makes a text replace the one that is on the screen. Lines for which
// there is no room are counted.
func onScreen(text string, height int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if height > 1 && len(lines) >= height {
		more := len(lines) - height + 2
		lines = append(lines[:height-2], strconv.Itoa(more)+" more lines; a larger window or fewer operands show them")
	}
	return homeCursor + strings.Join(lines, clearLine+"\r\n") + clearLine + "\r\n" + clearBelow
}

// Style is how tables look on a screen.
func (c *Call) Style(s Screen) picture.Style {
	return picture.Style{Width: s.width, Color: s.color, Table: NewTable}
}
