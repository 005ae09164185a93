package watchdog

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A hint brings a look forward, and many bring no more than four an interval. Without
// hints, and after they have ended, the looks come as ever.
func TestHint(t *testing.T) {
	run(t, 1, func(r *rig) {
		hints := make(chan struct{}, 1)
		r.watch.Hint = hints
		r.start()
		r.pass(10*time.Second + 300*time.Millisecond)
		r.disk("A").setKeys(otherKey)
		r.wantEvents()
		hints <- struct{}{}
		r.pass(time.Millisecond)
		r.wantEvents("gone A")
		r.disk("A").setKeys(ownKey)
		r.pass(3 * time.Second)
		r.wantEvents("gone A", "back A")

		before := len(r.device.all())
		for range 1000 {
			select {
			case hints <- struct{}{}:
			default:
			}
			r.pass(10 * time.Millisecond)
		}
		if n := len(r.device.all()) - before; n < 39 || n > 41 {
			t.Errorf("%d looks in 10 s of hints, 4 a second were expected", n)
		}
		before = len(r.device.all())
		r.pass(10 * time.Second)
		if n := len(r.device.all()) - before; n < 10 || n > 12 {
			t.Errorf("%d looks in 10 s without hints, one a second was expected", n)
		}
		r.end(Ended)
	})
}

// Of the kernel's events that of a reservation counts, whatever else the bits say that
// do not tell of it, and no other one.
func TestAnnouncesReservation(t *testing.T) {
	const head = "change@/devices/virtual/nvme-fabrics/ctl/nvme0\x00ACTION=change\x00SUBSYSTEM=nvme\x00"
	for event, want := range map[string]bool{
		head + "NVME_AEN=0x800006\x00SEQNUM=1\x00": true,
		head + "NVME_AEN=0x800106\x00":             false, // another information
		head + "NVME_AEN=0x80000e\x00":             true,  // a reserved bit
		head + "NVME_AEN=0x0c0302\x00":             false, // ANA change
		head + "NVME_AEN=0x040002\x00":             false,
		head + "NVME_AEN=\x00":                     false,
		head + "NVME_AEN=nonsense\x00":             false,
		head + "XNVME_AEN=0x800006\x00":            false,
		head:                                       false,
		"":                                         false,
	} {
		if got := announcesReservation([]byte(event)); got != want {
			t.Errorf("%q: %t", event, got)
		}
	}
}

// What a socket carries becomes hints; many that nobody has taken are one.
func TestHints(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := newHints(os.NewFile(uintptr(fds[0]), "uevent"))
	for _, event := range []string{"NVME_AEN=0x040002\x00", "NVME_AEN=0x800006\x00", "NVME_AEN=0x800006\x00"} {
		if err := unix.Sendto(fds[1], []byte(event), 0, nil); err != nil {
			t.Fatal(err)
		}
	}
	<-h.C
	if err := errors.Join(h.Close(), unix.Close(fds[1])); err != nil {
		t.Error(err)
	}
}
