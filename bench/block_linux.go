package main

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/scsi"
)

// slowPath is a path whose commands take as long as a device's do, and hold a
// thread of the process meanwhile, as SG_IO does: a goroutine that sleeps would
// hide what that costs.
type slowPath struct {
	scsi.Transport
	delay time.Duration
	sent  *atomic.Int64
}

// Do waits as [scsi.SGDevice.Do] does: the call to the kernel is made on a
// thread of its own, with signals blocked.
func (p slowPath) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	p.sent.Add(1)
	done := make(chan error, 1)
	go func() { done <- sleepInKernel(p.delay) }()
	if err := <-done; err != nil {
		return scsi.Reply{}, err
	}
	return p.Transport.Do(ctx, req)
}

// sleepInKernel blocks the thread.
func sleepInKernel(d time.Duration) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return err
	}
	ts := unix.NsecToTimespec(d.Nanoseconds())
	err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
	// Cannot fail: the mask is one that the kernel gave.
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	return err
}
