package scsi

import (
	"context"
	"errors"
	"testing"
	"time"

	"lunguard/pr/pending"
)

// A device is idle when the kernel has returned its command, not when Do has
// given it up.
func TestSGDeviceIdle(t *testing.T) {
	kernel := make(chan struct{})
	d := &SGDevice{Gate: pending.Gate{Path: "sg", Grace: time.Millisecond}, issue: func(*sgCall) error { <-kernel; return nil }}
	if !d.Idle() {
		t.Error("a new device is not idle")
	}
	req := &Request{CDB: prInCDB(InReadKeys, 8), Dir: DataIn, Data: make([]byte, 8), Timeout: time.Millisecond}
	if _, err := d.Do(context.Background(), req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if d.Idle() {
		t.Error("idle although the kernel has not returned")
	}
	close(kernel)
	for limit := time.Now().Add(5 * time.Minute); !d.Idle(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("not idle although the kernel has returned")
		}
	}
}
