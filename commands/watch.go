package commands

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

func newWatchFlag() cli.Flag { return &watchFlag{cli.StringFlag{Name: "watch"}} }

// watchEvery is how long the pauses of --watch are, 0 without it.
func (c *call) watchEvery() (time.Duration, error) {
	if !c.flags.IsSet("watch") {
		return 0, nil
	}
	text := c.flags.String("watch")
	unit := ""
	if strings.Trim(text, "0123456789.") == "" {
		unit = "s"
	}
	d, err := time.ParseDuration(text + unit)
	if err != nil || d < 100*time.Millisecond {
		return 0, usagef("--watch %s: seconds were expected, 0.1 or more", text)
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

// watcher shows a picture again and again.
type watcher struct {
	*call
	screen screen
	every  time.Duration
	// look makes a picture anew; it says what it has to say through its call.
	look func(*call) (*picture.Picture, error)
	// last is the picture before.
	last *picture.Picture
}

// frame is one look: the picture, and what was said beside it.
type frame struct {
	picture *picture.Picture
	said    []byte
	err     error
}

// run shows pictures until the command is interrupted. On a terminal they
// stand on a screen of their own, else a blank line is between them.
func (w *watcher) run() error {
	if w.screen.terminal {
		fmt.Fprint(w.Out, enterScreen)
		defer fmt.Fprint(w.Out, leaveScreen)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	frames := make(chan frame, 1)
	for first := true; ; first = false {
		select {
		case <-w.ctx.Done():
			w.status = w.interrupted()
			return nil
		case <-timer.C:
		}
		// A device may take its time, and nobody has to wait for it who wants
		// to leave.
		one := w.afresh()
		go func() { frames <- w.take(one) }()
		select {
		case <-w.ctx.Done():
			w.status = w.interrupted()
			return nil
		case f := <-frames:
			if f.err != nil {
				return f.err
			}
			if err := w.show(f, first); err != nil {
				return err
			}
			w.last = f.picture
		}
		timer.Reset(w.every)
	}
}

// interrupted is the exit status for the signal that ended the command, as
// shells have it.
func (w *watcher) interrupted() int {
	if sig := signalOf(w.ctx); sig != nil {
		return sig.status()
	}
	return 128 + int(syscall.SIGINT)
}

// afresh is a call of its own for one look, which remembers nothing.
func (w *watcher) afresh() *call {
	one := *w.call
	one.status, one.said, one.hinted = words.ExitOK, nil, map[string]bool{}
	return &one
}

// take looks once.
func (w *watcher) take(one *call) frame {
	var said bytes.Buffer
	one.Err, one.Out = &said, &said
	p, err := w.look(one)
	return frame{p, said.Bytes(), err}
}

// show prints one frame.
func (w *watcher) show(f frame, first bool) error {
	var b bytes.Buffer
	// The window may have another size by now.
	now, err := w.call.screen()
	if err != nil {
		return err
	}
	w.screen.width, w.screen.height = now.width, now.height
	if !w.screen.terminal {
		if !first {
			b.WriteByte('\n')
		}
		if _, err := w.Err.Write(f.said); err != nil {
			return err
		}
		if err := w.draw(&b, f.picture); err != nil {
			return err
		}
		_, err := b.WriteTo(w.Out)
		return err
	}
	if err := w.draw(&b, f.picture); err != nil {
		return err
	}
	b.Write(f.said)
	if w.screen.height > 0 && bytes.Count(b.Bytes(), []byte{'\n'}) >= w.screen.height {
		// What is not well comes first where there is no room for all.
		b.Reset()
		if err := w.draw(&b, f.picture.Trim(w.last)); err != nil {
			return err
		}
		b.Write(f.said)
	}
	_, err = io.WriteString(w.Out, onScreen(b.String(), w.screen.height))
	return err
}

// draw prints the head and the tables of a frame.
func (w *watcher) draw(b *bytes.Buffer, p *picture.Picture) error {
	head := p.Time.Format("2006-01-02 15:04:05 -0700")
	if p.Node != "" {
		head += ", node " + picture.Printable(p.Node)
	}
	head += fmt.Sprintf(", exit status %d, every %s, Ctrl-C ends", p.Status, w.every)
	for _, line := range picture.Wrap(head, w.screen.width) {
		fmt.Fprintln(b, line)
	}
	b.WriteByte('\n')
	style := w.style(w.screen)
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

// style is how tables look on a screen.
func (c *call) style(s screen) picture.Style {
	return picture.Style{Width: s.width, Color: s.color, Table: newTable}
}
