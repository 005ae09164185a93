package machine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestConsole(t *testing.T) {
	ready := 0
	c := &Console{Ready: func() { ready++ }}
	var out bytes.Buffer
	in := "LAB-READY 3.1\r\nPASS\r\nLAB-EXIT 7\r\n[    3.0] reboot: Power down\r\nlast"
	if err := c.Read(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if !c.Exited || c.Status != 7 || ready != 1 || c.Panicked {
		t.Errorf("console %+v, ready %d", c, ready)
	}
	if want := "PASS\nlast\n"; out.String() != want {
		t.Errorf("passed on %q, want %q", out.String(), want)
	}
}

func TestVerdict(t *testing.T) {
	expired, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		c    Console
		wait error
		want string // part of the error, or nothing
	}{
		{name: "passed", c: Console{Exited: true}},
		{name: "failed", c: Console{Exited: true, Status: 1}, want: "status 1"},
		{name: "no marker", want: "without reporting"},
		{name: "panic", c: Console{Panicked: true, Exited: true}, want: "panicked"},
		{name: "timeout", ctx: expired, c: Console{Exited: true}, want: "had not finished"},
		{name: "QEMU failed", c: Console{Exited: true}, wait: errors.New("killed"), want: "QEMU failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.ctx == nil {
				tt.ctx = t.Context()
			}
			err := Machine{}.verdict(tt.ctx, &tt.c, tt.wait)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
