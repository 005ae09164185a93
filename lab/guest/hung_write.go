//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"lunguard/lab/hung"
)

// hungLimit is how long a write may take to succeed or to fail, once its machine runs. A
// write that does neither is a failure of the test.
const hungLimit = 60 * time.Second

// counter writes a running number to a ring, in a tight loop, until a write fails.
type counter struct {
	acked atomic.Uint64 // the last number that the disk acknowledged
	stop  atomic.Bool
	first chan struct{} // closed when the first write has returned
	done  chan struct{} // closed at the end
	err   error         // valid then

	slowest, last time.Duration // of the writes, valid then
}

// startCounters starts a counter on each ring and returns when each has an acknowledged
// write.
func (a *hungAgent) startCounters(rings []hung.Ring, round uint32) error {
	for _, ring := range rings {
		f, err := os.OpenFile(a.luns[ring.LUN], os.O_RDWR|a.direct, 0)
		if err != nil {
			return err
		}
		c := &counter{first: make(chan struct{}), done: make(chan struct{})}
		a.counters[ring] = c
		go func() {
			defer close(c.done)
			c.err = errors.Join(c.run(f, ring, round), f.Close())
		}()
	}
	for _, ring := range rings {
		c := a.counters[ring]
		select {
		case <-c.first:
		case <-c.done:
			return fmt.Errorf("%v: the counter has ended: %w", ring, c.err)
		case <-time.After(hungLimit):
			return fmt.Errorf("%v: the first write has not returned", ring)
		}
	}
	return nil
}

// run counts.
func (c *counter) run(f *os.File, ring hung.Ring, round uint32) error {
	data, err := alignedBlock()
	if err != nil {
		return err
	}
	defer unix.Munmap(data)
	for n := uint64(1); !c.stop.Load(); n++ {
		hung.Block{Kind: hung.Counter, Round: round, Number: n}.Encode(data)
		start := time.Now()
		_, err := f.WriteAt(data, ring.Offset(int(n%hung.RingBlocks)))
		c.last = time.Since(start)
		c.slowest = max(c.slowest, c.last)
		if err != nil {
			return err
		}
		c.acked.Store(n)
		if n == 1 {
			close(c.first)
		}
	}
	return nil
}

// fates waits until counters have ended, of themselves or because they are told to.
func (a *hungAgent) fates(rings []hung.Ring, stop bool) ([]hung.Fate, error) {
	var fates []hung.Fate
	limit := time.After(hungLimit)
	for _, ring := range rings {
		c := a.counters[ring]
		if c == nil {
			return nil, fmt.Errorf("%v has no counter", ring)
		}
		if stop {
			c.stop.Store(true)
		}
		select {
		case <-c.done:
		case <-limit:
			return nil, fmt.Errorf("%v: a write, or a counter that had to fail, has not ended after %v, at number %d",
				ring, hungLimit, c.acked.Load())
		}
		delete(a.counters, ring)
		fate := hung.Fate{Acked: c.acked.Load(), Slowest: c.slowest.Milliseconds()}
		if c.err != nil {
			fate.Error, fate.Failed = c.err.Error(), c.last.Milliseconds()
		}
		fates = append(fates, fate)
	}
	return fates, nil
}

// fill writes the same blocks to each ring.
func (a *hungAgent) fill(rings []hung.Ring, blocks []hung.Block) error {
	return a.eachBlock(rings, os.O_RDWR, func(f *os.File, data []byte, offset int64, _, i int) error {
		blocks[i].Encode(data)
		_, err := f.WriteAt(data, offset)
		return err
	})
}

// read reads all blocks of each ring.
func (a *hungAgent) read(rings []hung.Ring) ([][]hung.Block, error) {
	all := make([][]hung.Block, len(rings))
	err := a.eachBlock(rings, os.O_RDONLY, func(f *os.File, data []byte, offset int64, ring, _ int) error {
		_, err := f.ReadAt(data, offset)
		all[ring] = append(all[ring], hung.Decode(data))
		return err
	})
	return all, err
}

// eachBlock calls do for all blocks of some rings, with the LUN's open file, memory for a
// block, and the block's place.
func (a *hungAgent) eachBlock(rings []hung.Ring, flags int, do func(f *os.File, data []byte, offset int64, ring, i int) error) error {
	data, err := alignedBlock()
	if err != nil {
		return err
	}
	defer unix.Munmap(data)
	for number, ring := range rings {
		f, err := os.OpenFile(a.luns[ring.LUN], flags|a.direct, 0)
		if err != nil {
			return err
		}
		for i := range hung.RingBlocks {
			if err = do(f, data, ring.Offset(i), number, i); err != nil {
				err = fmt.Errorf("%v, block %d: %w", ring, i, err)
				break
			}
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// alignedBlock is memory as O_DIRECT wants it.
func alignedBlock() ([]byte, error) {
	data, err := unix.Mmap(-1, 0, hung.BlockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("aligned block: %w", err)
	}
	return data, nil
}
