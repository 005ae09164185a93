package vg

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// blockDevice is a block device that is read past the page cache, which may
// know the disk as it was before another node wrote to it.
type blockDevice struct {
	fd int
	// align is what offsets, lengths and memory must be multiples of.
	align int64
	// buffer is the memory of the last read, to be used again: a device is read by
	// one at a time.
	buffer []byte
}

// memoryAlign suits all devices whose sectors are not larger.
const memoryAlign = 4096

// openBlock opens a block device for reading, if it is the one of that
// major:minor number. It does not wait for a medium.
func openBlock(node, number string) (device, error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := retryInterrupted(func() (int, error) { return unix.Open(node, flags|unix.O_DIRECT, 0) })
	if errors.Is(err, unix.EINVAL) {
		// A driver without direct I/O.
		fd, err = retryInterrupted(func() (int, error) { return unix.Open(node, flags, 0) })
		if err == nil {
			_ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) // a wish only
		}
	}
	if err != nil {
		return nil, err
	}
	d := &blockDevice{fd: fd}
	if err := d.check(number); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// check makes sure of the device and asks for its sector size.
func (d *blockDevice) check(number string) error {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	is := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	if st.Mode&unix.S_IFMT != unix.S_IFBLK || is != number {
		return ErrOtherDevice
	}
	size, err := unix.IoctlGetInt(d.fd, unix.BLKSSZGET)
	if err != nil {
		return os.NewSyscallError("BLKSSZGET", err)
	}
	d.align = max(512, int64(size))
	return nil
}

// ReadAt reads at any offset, by whole sectors.
func (d *blockDevice) ReadAt(p []byte, off int64) (int, error) {
	from := off - off%d.align
	to := (off + int64(len(p)) + d.align - 1) / d.align * d.align
	if int64(len(d.buffer)) < to-from {
		d.buffer = aligned(int(to-from), int(max(memoryAlign, d.align)))
	}
	b := d.buffer[:to-from]
	got := 0
	for got < len(b) {
		n, err := retryInterrupted(func() (int, error) { return unix.Pread(d.fd, b[got:], from+int64(got)) })
		if err != nil {
			return 0, err
		}
		if n == 0 {
			break
		}
		got += n
		if int64(n)%d.align != 0 {
			break
		}
	}
	b = b[:got]
	n := copy(p, b[min(len(b), int(off-from)):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close ends it.
func (d *blockDevice) Close() error { return unix.Close(d.fd) }

// aligned is memory whose address is a multiple of align.
func aligned(size, align int) []byte {
	b := make([]byte, size+align)
	skip := (align - int(uintptr(unsafe.Pointer(&b[0]))%uintptr(align))) % align
	return b[skip:][:size:size]
}

// retryInterrupted repeats a system call that a signal has interrupted.
func retryInterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
