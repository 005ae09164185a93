package unit

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"lunguard/pr"
)

const (
	// defaultTimeout is what a LUN has if nobody says otherwise.
	defaultTimeout = time.Minute
	// leastPart is the part of a LUN's time that one path has in any case, undoPart
	// what undoing has.
	leastPart, undoPart = 30, 15
)

// most is what the paths have together, left what is left of it.
func (l *LUN) most() time.Duration { return cmp.Or(l.Timeout, defaultTimeout) }
func (l *LUN) left() time.Duration { return l.most() - time.Duration(l.spent.Load()) }

// Impatient reports whether the time of the LUN is over.
func (l *LUN) Impatient() bool { return l.left() <= 0 }

// share is what one of so many paths has of the time that is left.
func (l *LUN) share(ctx context.Context, paths int) time.Duration {
	left := l.left()
	if end, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(end))
	}
	return max(left/time.Duration(paths), l.most()/time.Duration(max(paths, leastPart)))
}

// spend notes that a command took so long since begin in vain, if it did.
func (l *LUN) spend(begin time.Time, err error) {
	if pr.PathTroubled(err) {
		l.spent.Add(int64(time.Since(begin)))
	}
}

// ask asks by a path, which is the first of so many that are to be asked.
func (u *Unit) ask(ctx context.Context, p pr.Path, paths int, f func(context.Context, pr.Path) error) error {
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, u.share(ctx, paths))
	defer cancel()
	err := f(ctx, p)
	u.spend(begin, err)
	return err
}

// impatient is a context under which no path that is busy is waited for.
func impatient(ctx context.Context) context.Context { return pr.PatientUntil(ctx, time.Time{}) }

// Each asks by each of the paths, and yields what came of it.
func (u *Unit) Each(ctx context.Context, paths []pr.Path, f func(context.Context, pr.Path) error) iter.Seq2[pr.Path, error] {
	return func(yield func(pr.Path, error) bool) {
		for i, p := range slices.Clone(paths) {
			if !yield(p, u.ask(ctx, p, len(paths)-i, f)) {
				return
			}
		}
	}
}

// Drain takes what is pending as unit attentions off the paths. One that is busy is not
// waited for: it is no more than a saving.
func (u *Unit) Drain(ctx context.Context, paths []pr.Path) iter.Seq2[pr.Path, error] {
	return u.Each(impatient(ctx), paths, func(ctx context.Context, p pr.Path) error { return p.Drain(ctx) })
}

// Send sends a command that changes something by a path. It is sent again to a device
// that is busy as long as the path's share of the time lasts. If others can do without
// the path, it has no more than is left for its answer either.
func (u *Unit) Send(ctx context.Context, p pr.Path, needed bool, send func(context.Context) error) error {
	begin := time.Now()
	ctx = pr.PatientUntil(ctx, begin.Add(u.share(ctx, max(len(u.Usable), 1))))
	if !needed {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(u.share(ctx, 1), u.most()/8))
		defer cancel()
	}
	err := send(ctx)
	u.spend(begin, err)
	return err
}

// OnAnyPath asks by the usable paths until one does not fail for reasons of its own,
// and first by the one that answered last. Paths that fail so are no longer usable,
// unless all do. One that is busy is not waited for as long as another answers; if none
// does, each is, and those that were waited for in vain are given up.
func (u *Unit) OnAnyPath(ctx context.Context, f func(context.Context, pr.Path) error) error {
	if len(u.Usable) == 0 {
		return u.NoPath()
	}
	paths, failed := u.order(), map[pr.Path]error{}
	if len(paths) > 1 {
		if answered, err := u.firstOf(impatient(ctx), paths, failed, f); answered {
			u.giveUpAll(failed, pr.PathFailed, err)
			return err
		}
		paths = slices.DeleteFunc(paths, func(p pr.Path) bool { return pr.PathFailed(failed[p]) })
	}
	if answered, err := u.firstOf(ctx, paths, failed, f); answered {
		u.giveUpAll(failed, pr.PathTroubled, err)
		return err
	}
	var errs []error
	for _, p := range u.Usable {
		errs = append(errs, failed[p])
	}
	return errors.Join(errs...)
}

// firstOf asks by one path after the other until one does not fail for reasons of its
// own. It reports whether there was one, and why others failed.
func (u *Unit) firstOf(ctx context.Context, paths []pr.Path, failed map[pr.Path]error, f func(context.Context, pr.Path) error) (answered bool, err error) {
	for i, p := range paths {
		if err := u.ask(ctx, p, len(paths)-i, f); !pr.PathTroubled(err) {
			delete(failed, p)
			u.answered = p
			return true, err
		} else {
			failed[p] = err
		}
	}
	return false, nil
}

// giveUpAll gives up the paths that failed like that, unless it is not known, by an
// error of the device, what another would have answered.
func (u *Unit) giveUpAll(failed map[pr.Path]error, like func(error) bool, err error) {
	if err != nil {
		return
	}
	for _, p := range slices.Clone(u.Usable) {
		if why := failed[p]; like(why) {
			u.GiveUp(p, why)
		}
	}
}

// Undo prepares for undoing: paths that were set aside are tried as if for the first
// time, and there is some time in any case.
func (u *Unit) Undo() {
	u.TakeUp()
	u.tookUp = false
	if rest := u.most() / undoPart; u.left() < rest {
		u.spent.Store(int64(u.most() - rest))
	}
}
