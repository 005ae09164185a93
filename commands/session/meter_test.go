package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/protocol"
	"lunguard/scsi"
)

// frames are what a meter has drawn, the erasing of it as <>.
func frames(out string) []string {
	return strings.Split(strings.ReplaceAll(strings.TrimPrefix(out, "\r"), "\r\x1b[K", "\r<>\x1b[K"), "\r")
}

// shown reports whether a line is drawn.
func (m *meter) shown() bool {
	m.out.Lock()
	defer m.out.Unlock()
	return m.drawn
}

func begins(lun string) protocol.Step { return protocol.Step{LUN: lun} }
func ends(lun string) protocol.Step   { return protocol.Step{LUN: lun, Done: true} }

// The clock of this is synctest's: no time passes outside.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := newMeter(&out, "pr_start", 200, time.Now, nil)
		m.begin(3)
		m.step(begins("/dev/sda"))
		m.step(begins("/dev/sdb"))
		m.sends("/dev/sda", scsi.OutRegisterAndIgnoreExistingKey.String())
		time.Sleep(meterDelay - time.Millisecond)
		synctest.Wait()
		if m.shown() {
			t.Fatal("shown within the first second")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		m.step(ends("/dev/sdb"))
		m.retries("/dev/sda", scsi.Busy.String())
		time.Sleep(meterTick)
		synctest.Wait()
		m.retries("/dev/sda", scsi.HostReset.String())
		time.Sleep(meterTick)
		synctest.Wait()
		// Something is said, and then the next pass over the LUNs begins.
		fmt.Fprint(m.over(&out), "said\n")
		m.step(ends("/dev/sda"))
		m.step(begins("/dev/sdb"))
		time.Sleep(meterTick)
		synctest.Wait()
		m.stop()
		m.stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{
			"pr_start: 0 of 3 LUNs, slowest /dev/sda 1.0 s (REGISTER AND IGNORE EXISTING KEY)\x1b[K",
			"pr_start: 1 of 3 LUNs, 1 retry, slowest /dev/sda 1.2 s (again after BUSY)\x1b[K",
			"pr_start: 1 of 3 LUNs, 2 retries, slowest /dev/sda 1.4 s (again after " + scsi.HostReset.String() + ")\x1b[K",
			"<>\x1b[Ksaid\n",
			"pr_start: 0 of 3 LUNs, 2 retries, slowest /dev/sdb 0.2 s\x1b[K",
			"<>\x1b[K",
		}
		if got := frames(out.String()); !equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func equal(a, b []string) bool { return strings.Join(a, "\r") == strings.Join(b, "\r") }

// Work that takes less than a second draws nothing, and five times a second
// is the most.
func TestMeterCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := newMeter(&out, "x", 80, time.Now, nil)
		m.begin(1)
		time.Sleep(meterDelay - time.Millisecond)
		m.stop()
		time.Sleep(time.Hour)
		if out.Len() > 0 {
			t.Errorf("drawn: %q", out.String())
		}
		m = newMeter(&out, "x", 80, time.Now, nil)
		m.begin(1)
		m.step(begins("/dev/sda"))
		time.Sleep(11*time.Second + time.Millisecond)
		m.stop()
		if n := len(frames(out.String())) - 1; n > 51 || n < 40 {
			t.Errorf("drawn %d times in 10 seconds", n)
		}
	})
}

// stopped is a terminal that somebody has stopped: it takes nothing until it
// goes on.
type stopped struct{ on chan struct{} }

func (s stopped) Write(text []byte) (int, error) {
	<-s.on
	return len(text), nil
}

// A terminal that is stopped does not hold the work up, and one that belongs to
// another job gets nothing.
func TestMeterStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := stopped{make(chan struct{})}
		m := newMeter(w, "x", 80, time.Now, nil)
		m.begin(1)
		time.Sleep(2 * meterDelay)
		synctest.Wait()
		begin := time.Now()
		m.step(begins("/dev/sda"))
		m.sends("/dev/sda", scsi.OpInquiry.String())
		m.retries("/dev/sda", scsi.Busy.String())
		m.step(ends("/dev/sda"))
		if time.Since(begin) > 0 {
			t.Error("the work has waited for the terminal")
		}
		close(w.on)
		m.stop()
		var out bytes.Buffer
		m = newMeter(&out, "x", 80, time.Now, func() bool { return true })
		time.Sleep(time.Minute)
		if m.stop(); out.Len() > 0 {
			t.Errorf("drawn over another job: %q", out.String())
		}
	})
}

// A line is never longer than the terminal is wide, and a name moves no cursor.
func TestMeterLine(t *testing.T) {
	m := &meter{prog: "pr_start", total: 1, now: time.Now, luns: map[string]*lunProgress{}}
	m.step(begins("/dev/a\x1b[2Jb"))
	if got := m.text(); !strings.Contains(got, `/dev/a\x1b[2Jb`) {
		t.Errorf("%q", got)
	}
	for _, width := range []int{1, 10, 40} {
		var out bytes.Buffer
		m.w, m.width = &out, width
		m.draw()
		if n := len(strings.TrimSuffix(strings.TrimPrefix(out.String(), "\r"), "\x1b[K")); n >= width {
			t.Errorf("%d letters in %d columns", n, width)
		}
	}
	m = &meter{prog: "pr_start", now: time.Now, luns: map[string]*lunProgress{}}
	m.step(begins("/dev/sda"))
	m.step(ends("/dev/sda"))
	m.step(begins("/dev/sdb"))
	if got := m.text(); !strings.HasPrefix(got, "pr_start: 1 LUN opened, slowest /dev/sdb 0.0 s") {
		t.Errorf("%q", got)
	}
}
