package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// part is one of the laboratory's tests, with the machines that it boots.
type part struct {
	name string
	run  func(ctx context.Context, stdout, stderr io.Writer) error
}

// runLanes runs the parts of each lane one after the other, and the lanes beside each other:
// an emulated machine leaves half of two processors idle. What a part prints is shown in one
// piece at its end, unless it is the only one. The first failure interrupts all others, and
// what they then say does not count.
func runLanes(ctx context.Context, lanes [][]part, stdout, stderr io.Writer) error {
	all := slices.Concat(lanes...)
	if len(all) == 1 {
		return all[0].run(ctx, stdout, stderr)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards what follows, and the output
	var failed error
	begin := time.Now()
	tell := func(p part, out, errOut *bytes.Buffer, err error) {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil {
			return
		}
		fmt.Fprintf(stderr, "lab: %s ended %.1f s after the first began\n", p.name, time.Since(begin).Seconds())
		_, failed = io.Copy(stdout, out)
		io.Copy(stderr, errOut)
		if err != nil {
			failed = fmt.Errorf("%s: %w", p.name, err)
		}
		if failed != nil {
			cancel()
		}
	}
	var wg sync.WaitGroup
	for _, lane := range lanes {
		wg.Go(func() {
			for _, p := range lane {
				if ctx.Err() != nil {
					break
				}
				var out, errOut bytes.Buffer
				tell(p, &out, &errOut, p.run(ctx, &out, &errOut))
			}
		})
	}
	wg.Wait()
	if failed == nil {
		return ctx.Err()
	}
	return failed
}
