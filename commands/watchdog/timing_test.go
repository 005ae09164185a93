package watchdog

import (
	"testing"
	"time"
)

// Times that cannot keep the promise are refused, with a word on why.
func TestTimingCheck(t *testing.T) {
	good := times()
	if err := good.Check(); err != nil || good.Total() != 16*time.Second || good.LeastTimeout() != 5*time.Second {
		t.Errorf("%v, total %v, least %v", err, good.Total(), good.LeastTimeout())
	}
	for name, change := range map[string]func(t *Timing){
		"interval":       func(t *Timing) { t.Interval = 50 * time.Millisecond },
		"no answer":      func(t *Timing) { t.Answer = 0 },
		"slow answer":    func(t *Timing) { t.Answer = t.Interval + 1 },
		"grace":          func(t *Timing) { t.Grace = -1 },
		"short timeout":  func(t *Timing) { t.Timeout = 4 * time.Second },
		"no timeout":     func(t *Timing) { t.Timeout = 0 },
		"broken timeout": func(t *Timing) { t.Timeout = 10500 * time.Millisecond },
		"long timeout":   func(t *Timing) { t.Timeout = 1 << 31 * time.Second },
	} {
		bad := good
		change(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: %+v was not refused", name, bad)
		}
	}
	for _, edge := range []Timing{
		{Interval: 100 * time.Millisecond, Answer: 100 * time.Millisecond, Timeout: time.Second},
		{Interval: time.Second, Answer: time.Second, Timeout: 6 * time.Second},
		{Interval: time.Minute, Answer: time.Second, Timeout: 183 * time.Second},
	} {
		if err := edge.Check(); err != nil {
			t.Errorf("%+v: %v", edge, err)
		}
	}
}

// The clock goes on, and is that of the machine's uptime with all suspensions.
func TestBoottime(t *testing.T) {
	a := Boottime()
	time.Sleep(2 * time.Millisecond)
	if b := Boottime(); b-a < 2*time.Millisecond || a <= 0 {
		t.Errorf("%v, then %v", a, b)
	}
}
