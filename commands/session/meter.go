package session

import (
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/words"
	"lunguard/protocol"
)

const (
	// meterDelay is how long work must take before its progress is shown.
	meterDelay = time.Second
	// meterTick is the time from one look of it to the next.
	meterTick = 200 * time.Millisecond
)

// meter shows on a terminal how far work on LUNs is that takes long: one line,
// drawn over itself, and erased before anything else is written. It is safe
// for concurrent use; nil shows nothing.
type meter struct {
	w     io.Writer
	prog  string
	width int
	now   func() time.Time
	// away reports that the terminal is another job's; nil is never.
	away func() bool

	// out is held while the terminal is written to, which may take as long as
	// somebody has stopped it. The work never waits for that.
	out    sync.Mutex
	drawn  bool
	closed bool
	timer  *time.Timer

	mu    sync.Mutex
	total int
	luns  map[string]*lunProgress
	retry int
}

// lunProgress is how far the work on one LUN is.
type lunProgress struct {
	// begun and done are how often it was begun and ended: a protocol works on
	// a LUN several times.
	begun, done int
	since       time.Time
	// waits is what it waits for.
	waits string
}

func newMeter(w io.Writer, prog string, width int, now func() time.Time, away func() bool) *meter {
	m := &meter{w: w, prog: prog, width: width, now: now, away: away, luns: map[string]*lunProgress{}}
	m.out.Lock()
	defer m.out.Unlock()
	m.timer = time.AfterFunc(meterDelay, m.tick)
	return m
}

// showProgress begins to watch, if there is a terminal and the steps are not said
// one by one anyway. Until the end what the call prints goes by way of the meter.
func showProgress(c *front.Call) (m *meter, end func()) {
	width, ok := front.IsTerminal(c.Err)
	if !ok || c.Verbose() || c.Flags.IsSet("watch") || c.Getenv("TERM") == "dumb" {
		return nil, func() {}
	}
	out, terminal := c.Out, c.Err
	m = newMeter(front.Raw(terminal), c.Prog(), width, time.Now, func() bool { return inBackground(terminal) })
	c.Out, c.Err = m.over(out), m.over(terminal)
	return m, func() {
		m.stop()
		c.Out, c.Err = out, terminal
	}
}

func (m *meter) tick() {
	m.out.Lock()
	defer m.out.Unlock()
	if m.closed {
		return
	}
	if m.away == nil || !m.away() {
		m.draw()
	}
	m.timer.Reset(meterTick)
}

// draw writes the line.
func (m *meter) draw() {
	text := []rune(m.text())
	if len(text) >= m.width {
		text = text[:max(m.width-1, 0)]
	}
	_, _ = io.WriteString(m.w, "\r"+string(text)+"\x1b[K")
	m.drawn = true
}

// text is what is drawn.
func (m *meter) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	pass := 1
	for _, l := range m.luns {
		pass = max(pass, l.begun)
	}
	done, slowest := 0, ""
	for name, l := range m.luns {
		if l.done >= pass {
			done++
		}
		if l.begun == l.done {
			continue
		}
		if s := m.luns[slowest]; s == nil || l.since.Before(s.since) || l.since.Equal(s.since) && name < slowest {
			slowest = name
		}
	}
	text := fmt.Sprintf("%s: %d of %s", m.prog, done, words.Plural(m.total, "LUN"))
	if m.total == 0 {
		text = fmt.Sprintf("%s: %s opened", m.prog, words.Plural(done, "LUN"))
	}
	switch {
	case m.retry == 1:
		text += ", 1 retry"
	case m.retry > 1:
		text += fmt.Sprintf(", %d retries", m.retry)
	}
	if s := m.luns[slowest]; s != nil {
		text += fmt.Sprintf(", slowest %s %.1f s", picture.Printable(slowest), m.now().Sub(s.since).Seconds())
		if s.waits != "" {
			text += " (" + s.waits + ")"
		}
	}
	return text
}

// lun is the progress of a LUN.
func (m *meter) lun(name string) *lunProgress {
	l := m.luns[name]
	if l == nil {
		l = &lunProgress{}
		m.luns[name] = l
	}
	return l
}

// step takes the begin or the end of work on a LUN.
func (m *meter) step(s protocol.Step) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lun(s.LUN)
	if s.Done {
		l.done, l.waits = l.done+1, ""
		return
	}
	l.begun, l.since = l.begun+1, m.now()
}

// sends takes the command that a LUN is to answer.
func (m *meter) sends(lun, command string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lun(lun).waits = command
}

// retries takes, in a word or two, why a command is repeated.
func (m *meter) retries(lun, why string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.retry++
	m.lun(lun).waits = "again after " + why
}

// watch shows how far a run is.
func (m *meter) watch(run *PackageRun) {
	if m != nil {
		m.begin(len(run.LUNs))
		run.Progress = m.step
	}
}

// begin says how many LUNs there are; what was counted before was their
// opening.
func (m *meter) begin(total int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total, m.luns = total, map[string]*lunProgress{}
}

// stop erases the line and ends it.
func (m *meter) stop() {
	m.out.Lock()
	defer m.out.Unlock()
	m.closed = true
	m.timer.Stop()
	m.erase()
}

func (m *meter) erase() {
	if m.drawn {
		_, _ = io.WriteString(m.w, "\r\x1b[K")
		m.drawn = false
	}
}

// over is a stream that is written to while the line may be drawn.
func (m *meter) over(w io.Writer) io.Writer { return overMeter{m, w} }

type overMeter struct {
	*meter
	to io.Writer
}

// Write erases the line first.
func (o overMeter) Write(text []byte) (int, error) {
	o.out.Lock()
	defer o.out.Unlock()
	o.erase()
	return o.to.Write(text)
}

// inBackground reports whether w is the terminal of a shell that has another
// job in the foreground: who writes there may be stopped for it.
func inBackground(w any) bool {
	f := front.FileOf(w)
	if f == nil {
		return false
	}
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && group != unix.Getpgrp()
}
