package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"lunguard/pr"
)

// writer is who has written the scratch block last.
type writer string

const (
	firstWriter  writer = "first"
	secondWriter writer = "second"
	lastWriter   writer = "last"
)

// scratchText is the beginning of what is written.
const scratchText = "lunguard pr_probe scratch block, to be zeros again; written by the "

// block is what the writer writes.
func (w writer) block(size int) []byte {
	b := make([]byte, size)
	copy(b, scratchText+string(w)+" initiator\n")
	return b
}

// wrote reports whether a block is the writer's.
func (w writer) wrote(b []byte) bool { return bytes.Equal(b, w.block(len(b))) }

// LeftOver reports whether a block is what a run has left there.
func LeftOver(block []byte) bool { return bytes.HasPrefix(block, []byte(scratchText)) }

const (
	// loadWriters write at the same time.
	loadWriters = 8
	// lastWrites is how often each may still write once its registration is gone.
	lastWrites = 50
	// unrefused is the bit of an answer which says that a writer was never refused.
	unrefused = 1 << (answerShift - 1)
)

// load is writes under way.
type load struct {
	stop    context.CancelFunc
	writers sync.WaitGroup
	closers []io.Closer
	started chan struct{}

	mu sync.Mutex
	// done counts the writes that were done, going the writers that have begun, refused
	// those whose last write was refused.
	done, going, refused, all int
	ending                    bool
}

// startLoad begins to write. Each writer goes on until a write of it is not done.
func startLoad(ctx context.Context, each []func(context.Context) error, closers []io.Closer) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{stop: stop, closers: closers, started: make(chan struct{}), all: len(each)}
	for _, write := range each {
		l.writers.Go(func() { l.write(ctx, write) })
	}
	return l
}

// write is one writer.
func (l *load) write(ctx context.Context, once func(context.Context) error) {
	for begun, left := false, lastWrites; left > 0 && ctx.Err() == nil; {
		err := once(ctx)
		if errors.Is(err, pr.ErrBusy) || errors.Is(err, pr.ErrUnitAttention) && !errors.Is(err, pr.ErrStateChanged) {
			// Nobody has refused it.
			err = nil
		}
		if l.count(err, &begun) {
			left--
		}
		if err != nil {
			return
		}
	}
}

// count counts a write, and the writer at its first, and reports whether it was one of
// the last.
func (l *load) count(err error, begun *bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.done++
	} else {
		l.refused++
	}
	if !*begun {
		*begun = true
		if l.going++; l.going == l.all {
			close(l.started)
		}
	}
	return l.ending
}

// begun waits until every writer has written once.
func (l *load) begun() Answer {
	if l.all == 0 {
		return answerOf(impossible, 0)
	}
	<-l.started
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused > 0 {
		return answerOf(noAnswer, 0)
	}
	return answerOf(good, 0)
}

// end waits until every writer has been refused, or has written often enough without,
// and tells how often was written.
func (l *load) end() Answer {
	l.mu.Lock()
	l.ending = true
	l.mu.Unlock()
	l.writers.Wait()
	l.stop()
	for _, c := range l.closers {
		_ = c.Close() // nothing is kept in it
	}
	n := min(l.done, unrefused-1)
	if l.refused < l.all {
		n |= unrefused
	}
	return answerOf(counted, uint32(n))
}
