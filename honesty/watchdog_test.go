package honesty

import (
	"context"
	"sync"
	"time"

	"lunguard/commands/session"
	"lunguard/commands/watchdog"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// watchedHost opens the paths of a host for the watch, as pr_watchdog does.
type watchedHost struct{ vg.Host }

func (h watchedHost) Open(dev vg.Device) (watchdog.Path, error) { return session.Open(h.Host, dev) }

// fed is a watchdog device that remembers when it was last fed, and what was told.
type fed struct {
	mu   sync.Mutex
	last time.Time
	// told says that the watch has said that nothing is known of a LUN, or has raised the
	// alarm that one has forgotten its keys.
	told bool
}

func (f *fed) Feed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = time.Now()
	return nil
}

func (f *fed) Close() error { return nil }

func (f *fed) alarm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = true
}

func (f *fed) event(e watchdog.Event) {
	if e.Kind == watchdog.Unknown {
		f.alarm()
	}
}

// watch lets pr_watchdog's loop watch a package that is up here, and the other node take
// it. Its clock is synctest's, which the command's own is not.
func watch(ctx context.Context, s site, o *outcome) error {
	host, err := simhost.Open(s.host(here))
	if err != nil {
		return err
	}
	begun, device, life := time.Now(), &fed{}, make(chan struct{})
	clock := func() time.Duration { return time.Since(begun) + time.Hour }
	timing := watchdog.Timing{Interval: time.Second, Answer: time.Second / 2, Grace: 5 * time.Second, Timeout: 10 * time.Second}
	var luns []*watchdog.LUN
	for i := range s.luns {
		d, err := host.Disk(volume(i))
		if err != nil {
			return err
		}
		l := watchdog.NewLUN(watchedHost{host}, d, "pkg1", clock, device.event)
		l.Exclusive = true
		luns = append(luns, l)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := watchdog.Watch{Timing: timing, Key: keyHere, Clock: clock, Device: device, Log: device.event, Forgotten: device.alarm, Alarm: func() {}, Alive: func() {}, Life: life}
	w.Watch(luns)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx, nil)
	}()
	time.Sleep(10 * time.Second)
	if err := s.run(there, "pr_start", "pkg1"); err != nil {
		// What the fault does to the other node is not asked here.
		o.status = 1
	}
	taken := time.Now()
	time.Sleep(time.Minute)
	cancel()
	close(life)
	<-done
	w.Watch(nil)
	device.mu.Lock()
	defer device.mu.Unlock()
	if late := device.last.Sub(taken) - timing.Interval - timing.Grace - timing.Answer; o.status == 0 && late > 0 && !device.told {
		o.lies.add("fed %s too long after the other node had taken the LUNs, and nobody was told", late)
	}
	return nil
}
