package deadman

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"lunguard/cluster"
	"lunguard/commands/catalogue"
	"lunguard/commands/front"
	"lunguard/commands/watchdog"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/vg"
)

// errorsByTopic are errors, by topic.
func errorsByTopic() map[string][]error {
	device := func(err error) error { return watchdogWords(&watchdog.DeviceError{Device: "/dev/watchdog", Err: err}) }
	return map[string][]error{
		"pr_watchdog": {
			&notUpError{Package: "pkg1", LUN: "/dev/sda", Key: "0x1"}, &notUpError{Package: "pkg1", LUN: "/dev/sda", Key: "0x1", registered: true},
			&unknownLUNError{"/dev/sda", &vg.DeviceError{Device: "/dev/sda", Err: watchdog.ErrNoAnswer}},
			device(watchdog.ErrStillArmed), device(watchdog.ErrInUse), device(watchdog.ErrArmed),
			device(fmt.Errorf("%w: %w", watchdog.ErrNotWatchdog, syscall.ENOTTY)),
			device(fmt.Errorf("%w of 10s, it has 60s", watchdog.ErrTimeout)),
			device(fmt.Errorf("%w of 10s, it has 2s, and 5s is the least", watchdog.ErrTimeout)),
			device(fmt.Errorf("%w of 10s: it does not tell its own: %w", watchdog.ErrTimeout, syscall.EIO)),
			&metricsError{syscall.ENOSPC},
			device(watchdog.ErrNotWatchdog), device(watchdog.ErrAlarmOnly), device(syscall.EACCES), device(syscall.ENOENT),
		},
	}
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range errorsByTopic() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	list = append(list, spokenWatch()...)
	return catalogue.Sort(list)
}

// spokenWatch is what pr_watchdog says of what happens.
func spokenWatch() []catalogue.Message {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}, {Name: "jack4", Key: 2}}}
	d := &deadman{Call: front.NewCall(context.Background(), &front.Applet{Name: "pr_watchdog"}, front.Streams{}, func(string) string { return "" }), node: conf.Nodes[0]}
	d.now.Store(&scope{conf, []*watchdog.LUN{{Name: "/dev/sda", Package: "pkg1"}}})
	var list []catalogue.Message
	say := func(kind, text string) { list = append(list, catalogue.New("pr_watchdog", kind, text)) }
	for _, k := range []watchdog.Kind{
		watchdog.Gone, watchdog.Back, watchdog.Unknown, watchdog.Known, watchdog.Expired, watchdog.Holders,
		watchdog.PathFailed, watchdog.PathBack, watchdog.Late, watchdog.NotFed, watchdog.Fed, watchdog.Unreserved, watchdog.Reserved, watchdog.Empty,
	} {
		e := watchdog.Event{Kind: k, LUN: "/dev/sda", Path: "/dev/sdb", Reading: watchdog.Reading{Keys: []pr.Key{2}}, For: time.Second, Left: time.Second, Err: syscall.EIO}
		say("event", d.eventWords(e))
		switch k {
		case watchdog.Empty:
			for _, d.onEmpty = range []watchdog.OnEmpty{watchdog.RegisterEmpty, watchdog.ExpireEmpty, watchdog.KeepEmpty} {
				e.For, e.Package = 0, "pkg1"
				say("event", d.eventWords(e))
			}
		case watchdog.Unknown:
			e.WasGone = true
			say("event", d.eventWords(e))
			d.expire = true
			say("event", d.eventWords(e))
			d.expire, e.Err = false, nil
			say("event", d.eventWords(e))
			e.Err, e.WasGone = watchdog.ErrNotStarted, false
			say("event", d.eventWords(e))
		case watchdog.Gone:
			e.Registered = true
			say("event", d.eventWords(e))
			e.Reservation = &pr.Reservation{Key: 2}
			say("event", d.eventWords(e))
		case watchdog.Expired:
			e.Err = nil
			say("event", d.eventWords(e))
			e.Registered = true
			say("event", d.eventWords(e))
		case watchdog.Holders:
			e.Keys = nil
			say("event", d.eventWords(e))
		}
	}
	kernel := &kernelDevice{&watchdog.Kernel{Path: "/dev/watchdog", Identity: "softdog", NoWayOut: true, NoMagic: true}}
	what, warnings := kernel.words()
	simulated, _ := (&fileDevice{watchdog.File{Name: "/dev/watchdog"}}).words()
	d.device, d.timing = kernel, watchdog.Timing{Interval: time.Second, Grace: 5 * time.Second, Timeout: 10 * time.Second}
	for _, w := range warnings {
		say("warning", w)
	}
	for _, w := range []string{what, simulated} {
		say("event", fmt.Sprintf("%s: %s; a fence restarts this node within %v (interval %v, grace %v, watchdog %v)", w, d.watching(), 16*time.Second, time.Second, 5*time.Second, 10*time.Second))
	}
	say("event", "/dev/watchdog: disarmed, ended in order")
	say("event", waitingWords(1, []string{"lock"}))
	say("event", "reloaded: "+d.watching())
	say("event", "package pkg1: registered again")
	late := &vg.DeviceError{Device: "/dev/sdb", Err: fmt.Errorf("%w, asked 1s ago", watchdog.ErrNoAnswer)}
	say("event", d.eventWords(watchdog.Event{Kind: watchdog.Unknown, LUN: "/dev/sda", Err: late}))
	behind := &vg.DeviceError{Device: "/dev/sdb", Err: watchdog.ErrBehind}
	say("event", d.eventWords(watchdog.Event{Kind: watchdog.PathFailed, LUN: "/dev/sda", Path: "/dev/sdb", Err: behind}))
	say("event", d.eventWords(watchdog.Event{Kind: watchdog.Unknown, LUN: "/dev/sda", Err: watchdog.ErrNotStarted}))
	for _, other := range []string{"naa.2", "one without a name"} {
		say("event", d.eventWords(watchdog.Event{Kind: watchdog.Unknown, LUN: "/dev/sda", Err: &vg.DeviceError{Device: "/dev/sda", Err: fmt.Errorf("%w: %s instead of naa.1", watchdog.ErrOtherLUN, other)}}))
	}
	say("event", d.eventWords(watchdog.Event{Kind: watchdog.NotFed, Err: &watchdog.DeviceError{Device: "/dev/watchdog", Err: errors.New("0 of 1 bytes were taken")}}))
	for _, text := range []string{
		watchdog.Deadman, watchdog.Forgotten,
		"memory is not locked: operation not permitted; on a machine in trouble the feeding may come too late",
		"no real-time priority: operation not permitted; on a machine in trouble the feeding may come too late",
		"no events of the kernel: operation not permitted; a fence on a namespace is noticed at the next look, not at once",
		"reload failed: goes on with what it has watched, " + d.watching(),
		"cluster.conf: the key of jack3 is 0x3 now, 0x1 is watched: a new key needs a new start",
	} {
		say("warning", text)
	}
	return list
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
