package deadman

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/syslog"
	"lunguard/commands/watchdog"
	"lunguard/commands/words"
	"lunguard/pr"
)

// lineQueue prints lines from a goroutine of its own: who reads them may not
// read, and the watch must not wait for that. Lines that find no room are
// counted.
type lineQueue struct {
	mu      sync.Mutex
	lines   chan queuedLine
	done    chan struct{}
	dropped int
	closed  bool
}

type queuedLine struct {
	to   io.Writer
	text string
}

const (
	// queuedLines is how many lines may wait.
	queuedLines = 256
	// flushLimit is how long the end waits for the last lines.
	flushLimit = time.Second
)

func newLineQueue() *lineQueue {
	q := &lineQueue{lines: make(chan queuedLine, queuedLines), done: make(chan struct{})}
	go func() {
		defer close(q.done)
		for l := range q.lines {
			// Whether anybody reads it is not for the watch to care.
			_, _ = io.WriteString(l.to, l.text)
		}
	}()
	return q
}

// say prints a line as soon as it can be.
func (q *lineQueue) say(to io.Writer, format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ") + "\n"
	if q.dropped > 0 {
		text = fmt.Sprintf("(%d lines were lost)\n", q.dropped) + text
	}
	select {
	case q.lines <- queuedLine{to, text}:
		q.dropped = 0
	default:
		q.dropped++
	}
}

// close waits a little for the lines that are left.
func (q *lineQueue) close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.lines)
	}
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(flushLimit):
	}
}

// event says what has happened in the watch.
func (d *deadman) event(e watchdog.Event) {
	if what, ok := d.logged(e.Kind); ok {
		d.record(what, &e, e.Err)
	}
	switch e.Kind {
	case watchdog.PathFailed, watchdog.PathBack, watchdog.Late:
		if d.Verbose() {
			d.lines.say(d.Out, "%s", d.eventWords(e))
		}
		return
	case watchdog.Back, watchdog.Known, watchdog.Reserved, watchdog.Fed:
		d.lines.say(d.Out, "%s", d.eventWords(e))
	case watchdog.Expired, watchdog.Empty:
		d.lines.say(d.Err, "%s: error: %s", d.Prog(), d.eventWords(e))
	default:
		d.lines.say(d.Err, "%s: warning: %s", d.Prog(), d.eventWords(e))
	}
	if e.Kind != watchdog.Expired && e.Kind != watchdog.Holders {
		d.notifier.Tell("STATUS=" + d.eventWords(e))
	}
}

// logged is what the log calls an event, if it is one for the log.
func (d *deadman) logged(k watchdog.Kind) (front.Deed, bool) {
	switch k {
	case watchdog.Gone:
		return front.SawGone, true
	case watchdog.Empty:
		return front.SawEmpty, true
	case watchdog.Back:
		return front.SawBack, true
	case watchdog.Unknown:
		return front.SawUnknown, true
	case watchdog.Known:
		return front.SawKnown, true
	case watchdog.Expired:
		return front.DeedDeadman, true
	case watchdog.NotFed:
		return front.SawNotFed, true
	case watchdog.Fed:
		return front.SawFed, true
	}
	return "", false
}

// conditionSeen is how the LUN stands by an event, empty if that does not tell.
func conditionSeen(what front.Deed) cluster.Condition {
	switch what {
	case front.SawGone:
		return cluster.Failed
	case front.SawEmpty:
		return cluster.Unprotected
	case front.SawBack, front.SawKnown:
		return cluster.Up
	case front.SawUnknown:
		return cluster.ConditionUnknown
	}
	return ""
}

// record writes an event of the watch into the log, which takes no time.
func (d *deadman) record(what front.Deed, ev *watchdog.Event, err error) {
	e := front.NewEntry(what)
	e.Field(front.FieldNode, d.node.Name)
	session.AddKey(e, front.FieldKey, d.node.Key)
	if ev == nil {
		e.Field(front.FieldDevice, d.Flags.String("device"))
		e.Field(front.FieldLUNs, strconv.Itoa(len(d.luns())))
		e.Result(err)
		d.write(e)
		return
	}
	e.Field(front.FieldDevice, ev.LUN)
	e.Field(front.FieldState, string(conditionSeen(what)))
	if len(ev.Keys) > 0 {
		e.Field(front.FieldHolders, words.Keys(ev.Keys))
	}
	if err != nil {
		e.Field(front.FieldErr, front.InOneLine(err))
	}
	switch what {
	case front.DeedDeadman, front.SawEmpty:
		e.Severity = syslog.Err
	case front.SawGone, front.SawUnknown, front.SawNotFed:
		e.Severity = syslog.Warning
	}
	d.write(e)
}

// write writes a line of the log, to which who registers again writes, too.
func (d *deadman) write(e *front.Entry) { d.Alone(func() { d.Recorder().Write(e) }) }

// eventWords says an event.
func (d *deadman) eventWords(e watchdog.Event) string {
	key := d.node.Key
	switch e.Kind {
	case watchdog.Gone:
		if e.Registered {
			return fmt.Sprintf("%s: the key %s of this node does not hold the reservation, %s; unless it does again within %v this node is restarted",
				e.LUN, key, d.holder(e.Reservation), tenths(e.Left))
		}
		return fmt.Sprintf("%s: the key %s of this node is gone, %s; unless it comes back within %v this node is restarted",
			e.LUN, key, d.holders(e.Keys), tenths(e.Left))
	case watchdog.Empty:
		return d.emptyWords(e)
	case watchdog.Back:
		return fmt.Sprintf("%s: the key %s is back, after %v", e.LUN, key, tenths(e.For))
	case watchdog.Unknown:
		text := fmt.Sprintf("%s: unknown: %s; ", e.LUN, words.Reason(e.LUN, e.Err))
		switch {
		case !e.WasGone:
			return text + "goes on feeding, a fence would not be noticed"
		case d.expire:
			return text + fmt.Sprintf("counts as gone, restart in %v", tenths(e.Left))
		}
		return text + fmt.Sprintf("the key was gone before, restart in %v", tenths(e.Left))
	case watchdog.Known:
		return fmt.Sprintf("%s: readable again, after %v, and the key %s is there", e.LUN, tenths(e.For), key)
	case watchdog.Unreserved:
		return e.LUN + ": not reserved, every node can write; run pr_check --repair on a node that has it up"
	case watchdog.Reserved:
		return e.LUN + ": reserved again"
	case watchdog.Expired:
		switch {
		case e.Registered:
			return fmt.Sprintf("%s: the key %s does not hold the reservation for %v", e.LUN, key, tenths(e.For))
		case e.Err != nil:
			return fmt.Sprintf("%s: the key %s is gone, or unknown, for %v", e.LUN, key, tenths(e.For))
		}
		return fmt.Sprintf("%s: the key %s is gone for %v", e.LUN, key, tenths(e.For))
	case watchdog.Holders:
		return fmt.Sprintf("%s: %s", e.LUN, d.holders(e.Keys))
	case watchdog.PathFailed:
		return fmt.Sprintf("%s: path %s: %s", e.LUN, e.Path, words.Reason(e.Path, e.Err))
	case watchdog.PathBack:
		return fmt.Sprintf("%s: path %s: answers again", e.LUN, e.Path)
	case watchdog.Late:
		return fmt.Sprintf("stopped, or late, for %v; the LUNs are read again", tenths(e.For))
	case watchdog.NotFed:
		return fmt.Sprintf("cannot feed: %v; if it stays so, the kernel restarts this node", e.Err)
	case watchdog.Fed:
		return "feeds again"
	}
	return string(e.Kind)
}

// emptyWords says that a LUN has forgotten everybody, and what becomes of that.
func (d *deadman) emptyWords(e watchdog.Event) string {
	text := e.LUN + ": nobody is registered any more, which no fence leaves: the LUN has lost its reservations, and keeps nobody out"
	if e.For > 0 {
		text += fmt.Sprintf(", for %v", tenths(e.For))
	}
	switch d.onEmpty {
	case watchdog.ExpireEmpty:
		return text + fmt.Sprintf("; unless that ends within %v this node is restarted", tenths(e.Left))
	case watchdog.RegisterEmpty:
		return text + "; this node registers again, unless another one is there"
	}
	return text + fmt.Sprintf("; this node goes on: see that no other one has begun, then run pr_start %s here", e.Package)
}

// holder says who has reserved a LUN.
func (d *deadman) holder(r *pr.Reservation) string {
	if r == nil {
		return "it is not reserved"
	}
	return "it is reserved by " + words.KeyOf(d.conf(), r.Key)
}

// holders says who is on a LUN.
func (d *deadman) holders(keys []pr.Key) string {
	if len(keys) == 0 {
		return "nobody is registered"
	}
	var list []string
	for _, k := range keys {
		if w := words.KeyOf(d.conf(), k); !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return "registered are " + strings.Join(list, ", ")
}

// tenths leaves out what nobody wants to know of a time.
func tenths(t time.Duration) time.Duration { return t.Round(100 * time.Millisecond) }

// sayErr reports an error without waiting for those who read it.
func (d *deadman) sayErr(err error) {
	for _, leaf := range words.Leaves(err) {
		m := words.Of(leaf)
		d.lines.say(d.Err, "%s: error: %s", d.Prog(), m.Text())
		if m.Hint != "" {
			d.lines.say(d.Err, "%s: hint: %s", d.Prog(), m.Hint)
		}
	}
}

// watching says what is watched.
func (d *deadman) watching() string {
	var packages []string
	for _, l := range d.luns() {
		if !slices.Contains(packages, l.Package) {
			packages = append(packages, l.Package)
		}
	}
	return fmt.Sprintf("watching %s of %s as %s (%s)", words.Plural(len(d.luns()), "LUN"), strings.Join(packages, ", "), d.node.Name, d.node.Key)
}

// sayBegin says what is promised from now on.
func (d *deadman) sayBegin() {
	what, warnings := d.device.words()
	d.lines.say(d.Out, "%s: %s; a fence restarts this node within %v (interval %v, grace %v, watchdog %v)",
		what, d.watching(), d.timing.Total(), d.timing.Interval, d.timing.Grace, d.timing.Timeout)
	for _, text := range warnings {
		d.lines.say(d.Err, "%s: warning: %s", d.Prog(), text)
	}
}

// kernelDevice is a watchdog device of the kernel.
type kernelDevice struct{ *watchdog.Kernel }

func (k *kernelDevice) arm(t watchdog.Timing) error {
	return watchdogWords(k.Arm(t.Timeout, t.LeastTimeout()))
}

func (k *kernelDevice) Close() error { return watchdogWords(k.Kernel.Close()) }

func (k *kernelDevice) words() (what string, warnings []string) {
	if k.NoWayOut {
		warnings = append(warnings, k.Path+": nothing disarms it (nowayout): to end this program restarts the node")
	}
	if k.NoMagic {
		warnings = append(warnings, k.Path+": it has no magic close: the node is not restarted if this program dies")
	}
	return fmt.Sprintf("%s (%s)", k.Path, k.Identity), warnings
}

// fileDevice is the watchdog device of a simulated host.
type fileDevice struct{ watchdog.File }

func (f *fileDevice) arm(t watchdog.Timing) error { return watchdogWords(f.Arm(t.Timeout)) }

func (f *fileDevice) words() (what string, warnings []string) { return f.Name + " (simulated)", nil }

// watchdogError is a failure of the watchdog device, for people.
type watchdogError struct{ *watchdog.DeviceError }

func watchdogWords(err error) error {
	var device *watchdog.DeviceError
	if errors.As(err, &device) {
		return &watchdogError{device}
	}
	return err
}

// Unwrap gives the device's error.
func (e *watchdogError) Unwrap() error { return e.DeviceError }

func (e *watchdogError) Message() words.Message {
	m := words.Message{Subject: e.Device, What: e.Err.Error(), Status: words.ExitNode}
	switch {
	case errors.Is(e, watchdog.ErrStillArmed):
		m.Hint = "the kernel restarts this node unless somebody feeds it"
	case errors.Is(e, watchdog.ErrInUse):
		m.Hint = "another pr_watchdog, systemd (RuntimeWatchdogSec=) or watchdogd has it, and only one can"
	case errors.Is(e, watchdog.ErrArmed):
		m.Hint = "whoever had it has died, or was killed after a fence; the kernel restarts this node, and this program does not prevent it"
	case errors.Is(e, watchdog.ErrNotWatchdog), errors.Is(e, fs.ErrNotExist):
		m.Hint = "load the driver of the watchdog, softdog if there is no other, or name its device with -w"
	case errors.Is(e, watchdog.ErrTimeout):
		m.Hint = "--watchdog-timeout sets it; modinfo of the driver tells what it can do"
	case errors.Is(e, watchdog.ErrAlarmOnly):
		m.Hint = "name another device with -w"
	case errors.Is(e, fs.ErrPermission):
		m.Hint, m.Status = "run it as root", words.ExitFailed
	}
	return m
}
