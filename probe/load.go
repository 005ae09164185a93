package probe

import (
	"context"
	"errors"
	"io"
	"sync"

	"lunguard/pr"
)

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
	writers sync.WaitGroup
	closers []io.Closer
	started chan struct{}

	mu sync.Mutex
	// done counts the writes that were done, going the writers that have begun, refused
	// those whose last write was refused.
	done, going, refused, all int
	ending                    bool
}

// startLoad begins to write by openings of its own. Each writer goes on until a write of
// it is not done.
func (a *actor) startLoad(ctx context.Context) Answer {
	// A write that was given up may come after the block was restored: none is.
	ctx = context.WithoutCancel(ctx)
	l := &load{started: make(chan struct{})}
	lba, block := a.scratch.LBA, a.scratch.block(secondWriter)
	var each []blockWriter
	for range loadWriters {
		write, closer, err := a.another()
		if err != nil {
			break
		}
		each, l.closers = append(each, write), append(l.closers, closer)
	}
	l.all = len(each)
	for _, write := range each {
		l.writers.Go(func() { l.write(ctx, func(ctx context.Context) error { return write(ctx, lba, block) }) })
	}
	a.load = l
	return l.begun()
}

// endLoad waits for the writes.
func (a *actor) endLoad() Answer {
	if a.load == nil {
		return answerOf(impossible, 0)
	}
	n := a.load.end()
	a.load = nil
	return n
}

// write is one writer.
func (l *load) write(ctx context.Context, once func(context.Context) error) {
	for begun, left := false, lastWrites; left > 0; {
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
	for _, c := range l.closers {
		_ = c.Close() // nothing is kept in it
	}
	n := min(l.done, unrefused-1)
	if l.refused < l.all {
		n |= unrefused
	}
	return answerOf(counted, uint32(n))
}
