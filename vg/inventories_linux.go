package vg

import (
	"context"
	"strings"
	"sync"
	"time"
)

// inventories remembers the last inventory, for as long as lvm2's reports are
// remembered.
type inventories struct {
	scan scanner
	// mu guards what follows.
	mu   sync.Mutex
	last *inventory
	at   time.Time
}

func newScanner(sysfs, globs string) scanner {
	return scanner{sysfs: sysfs, dev: "/dev", globs: globs, wait: readWait, open: openBlock}
}

// groupOnDisks finds a group by what is on the disks.
func (s *System) groupOnDisks(ctx context.Context, name string) (*Group, error) {
	name = strings.TrimPrefix(name, "/dev/")
	if name == "" {
		return nil, ErrNoGroup
	}
	inv, err := s.disks.read(ctx)
	if err != nil {
		return nil, err
	}
	return inv.group(name, s)
}

// read reads the disks, unless it has been done just now. A complete failure,
// or one that may be over soon, is not remembered.
func (i *inventories) read(ctx context.Context) (*inventory, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.last != nil && time.Since(i.at) < reportAge {
		return i.last, nil
	}
	all, err := i.scan.list()
	if err != nil {
		return nil, err
	}
	inv := newInventory(i.scan.readAll(ctx, all))
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	i.last, i.at = inv, time.Now()
	return inv, nil
}
