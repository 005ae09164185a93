//go:build lab

package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ErrReservationConflict is what the kernel makes of the SCSI status RESERVATION CONFLICT:
// EBADE, "Invalid exchange".
const ErrReservationConflict = unix.EBADE

// blockSize is how much the writers here write at once.
const blockSize = 4096

// Offsets on a LUN that the writers use, past LVM's metadata, in bytes.
const (
	DirectOffset = 8 << 20 // DirectWrite
	WriterOffset = 9 << 20 // for StartWriter, unless the test has other ideas
)

// Outcome is how a write ended.
type Outcome int

const (
	WriteOK       Outcome = iota // acknowledged
	WriteConflict                // refused with RESERVATION CONFLICT
	WriteFailed                  // any other error
)

func (o Outcome) String() string {
	switch o {
	case WriteOK:
		return "ok"
	case WriteConflict:
		return "reservation conflict"
	case WriteFailed:
		return "failed"
	default:
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
}

// DirectWrite writes one block of zeros past the page cache, at DirectOffset, with Debian's
// dd. What dd said, if it was not a plain success, is in the test's log.
func DirectWrite(t testing.TB, disk string) Outcome {
	t.Helper()
	return DirectWrites(t, disk)[0]
}

// DirectWrites is DirectWrite on several disks at the same time.
func DirectWrites(t testing.TB, disks ...string) []Outcome {
	t.Helper()
	results := make([]Result, len(disks))
	errs := make([]error, len(disks))
	var wg sync.WaitGroup
	for i, disk := range disks {
		wg.Go(func() {
			results[i], errs[i] = runProgram(baseEnv(systemPath), systemPath, "", []string{
				"/bin/dd", "if=/dev/zero", "of=" + disk, fmt.Sprintf("bs=%d", blockSize), "count=1",
				fmt.Sprintf("seek=%d", DirectOffset/blockSize), "oflag=direct", "conv=notrunc", "status=none",
			})
		})
	}
	wg.Wait()
	outcomes := make([]Outcome, len(disks))
	for i, r := range results {
		switch {
		case errs[i] != nil:
			t.Fatalf("dd to %s: %v", disks[i], errs[i])
		case r.Exit == 0:
			outcomes[i] = WriteOK
		case strings.Contains(r.Stderr, "Invalid exchange"):
			outcomes[i] = WriteConflict
		default:
			t.Logf("dd to %s: %v", disks[i], r)
			outcomes[i] = WriteFailed
		}
	}
	return outcomes
}

// Writer writes a running number to one block of a disk, past the page cache, until it is
// stopped or a write fails: the application of a node that does not know that it has lost
// the disk.
type Writer struct {
	disk  string
	file  *os.File
	block []byte // page-aligned, as O_DIRECT wants
	off   int64

	acked atomic.Uint64 // last number the disk acknowledged
	stop  atomic.Bool
	done  chan struct{} // closed when the writer has ended
	err   error         // valid once done is closed
}

// ErrWriterStuck is reported if a write neither succeeds nor fails.
var ErrWriterStuck = errors.New("the writer's last write has not returned")

// StartWriter starts a writer at a byte offset, a multiple of 4096, and returns when the
// first number has been acknowledged, or refused. It is stopped when the test ends.
func StartWriter(t testing.TB, disk string, offset int64) *Writer {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	block, err := unix.Mmap(-1, 0, blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		f.Close()
		t.Fatalf("aligned block: %v", err)
	}
	w := &Writer{disk: disk, file: f, block: block, off: offset, done: make(chan struct{})}
	started := make(chan struct{})
	go w.loop(started)
	t.Cleanup(func() {
		// The error of a writer that had to fail is the test's to judge; one that
		// cannot be stopped is nobody's.
		if _, err := w.Stop(); errors.Is(err, ErrWriterStuck) {
			t.Errorf("%s: %v", disk, err)
		}
	})
	select {
	case <-started:
	case <-time.After(RunTimeout):
		t.Fatalf("%s: %v", disk, ErrWriterStuck)
	}
	return w
}

// loop owns the file and the block until it closes done.
func (w *Writer) loop(started chan<- struct{}) {
	defer close(w.done)
	defer w.file.Close()
	for n := uint64(1); !w.stop.Load(); n++ {
		binary.BigEndian.PutUint64(w.block, n)
		_, err := w.file.WriteAt(w.block, w.off)
		if err == nil {
			w.acked.Store(n)
		}
		if n == 1 {
			close(started)
		}
		if err != nil {
			w.err = err
			return
		}
	}
}

// Acked is the last number that the disk has acknowledged so far.
func (w *Writer) Acked() uint64 { return w.acked.Load() }

// Stop ends the writer and returns the last number acknowledged and the error that had
// ended it before, if one had. It may be called more than once.
func (w *Writer) Stop() (uint64, error) {
	w.stop.Store(true)
	return w.Wait(RunTimeout)
}

// Wait waits until the writer has ended by an error, but not longer than the time limit;
// then the error is ErrWriterStuck.
func (w *Writer) Wait(limit time.Duration) (uint64, error) {
	select {
	case <-w.done:
		return w.acked.Load(), w.err
	case <-time.After(limit):
		return w.acked.Load(), ErrWriterStuck
	}
}

// ReadNumber reads the number that a Writer has last written at an offset of a LUN, past
// the page cache, on any node's disk.
func ReadNumber(t testing.TB, disk string, offset int64) uint64 {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block, err := unix.Mmap(-1, 0, blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("aligned block: %v", err)
	}
	defer func() {
		if err := unix.Munmap(block); err != nil {
			t.Error(err)
		}
	}()
	if _, err := f.ReadAt(block, offset); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint64(block)
}
