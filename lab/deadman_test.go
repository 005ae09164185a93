package main

import (
	"strings"
	"testing"
	"time"

	"lunguard/lab/deadman"
	"lunguard/lab/machine"
)

func TestWantDeadman(t *testing.T) {
	for _, tt := range []struct {
		o    options
		want bool
	}{
		{options{}, true},
		{options{only: onlyDeadman}, true},
		{options{only: onlyGuest}, false},
		{options{only: onlyHung}, false},
		{options{noBinary: true}, false},
		{options{run: "Deadman"}, true},
		{options{run: "Failover"}, false},
	} {
		if got, err := wantDeadman(tt.o); got != tt.want || err != nil {
			t.Errorf("%+v: %v, %v", tt.o, got, err)
		}
	}
	if _, err := wantDeadman(options{run: "("}); err == nil {
		t.Error("a bad regular expression: no error")
	}
}

// TestDeadmanJudge: only a machine that was restarted by its watchdog, for the reason and in
// the time, has passed.
func TestDeadmanJudge(t *testing.T) {
	good := []string{deadman.Healthy + "60 s", deadman.Fencing, "pkg1: 4 LUNs", deadman.Fenced, deadman.Last,
		deadman.Syslog + "<24>pr_watchdog[1]: " + deadman.Last, "[  99.0] " + deadman.Kernel}
	judge := func(lines []string, after time.Duration) error {
		l, c := &deadmanLog{seen: map[string]time.Time{}}, &machine.Console{}
		if err := c.Read(strings.NewReader(strings.Join(lines, "\r\n")+"\r\n"), l); err != nil {
			t.Fatal(err)
		}
		return l.judge(c, time.Now().Add(after))
	}
	const inTime = deadman.Grace + deadman.Timeout
	if err := judge(good, inTime); err != nil {
		t.Error(err)
	}
	for _, after := range []time.Duration{time.Second, inTime + 10*time.Second} {
		if judge(good, after) == nil {
			t.Errorf("restarted after %v: no error", after)
		}
	}
	for i := range good {
		if i == 2 {
			continue
		}
		lines := append(append([]string(nil), good[:i]...), good[i+1:]...)
		if judge(lines, inTime) == nil {
			t.Errorf("without %q: no error", good[i])
		}
	}
	for _, more := range []string{machine.ExitMarker + "0", machine.ExitMarker + "1", "Kernel panic - not syncing: x"} {
		if judge(append(append([]string(nil), good...), more), inTime) == nil {
			t.Errorf("with %q: no error", more)
		}
	}
	early := append([]string{deadman.Last, "x"}, good...)
	if err := judge(early, inTime); err == nil {
		t.Error("given up before the fence: no error")
	}
}
