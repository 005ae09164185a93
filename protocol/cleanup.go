package protocol

import (
	"context"
	"errors"

	"lunguard/scsi"
)

// Cleanup clears what an unclean halt left on LUNs, whoever left it. Config
// and Node of the run may be empty; Package is not looked at.
//
// With a key, those LUNs alone are cleared on which it is registered. Without,
// every LUN is cleared that has a registration. Results come in the order of
// the LUNs; each is final, whatever happened on the others.
func (r *Run) Cleanup(ctx context.Context, key scsi.Key) []CleanupResult {
	results := make([]CleanupResult, len(r.LUNs))
	whole, cancel := r.whole(ctx)
	defer cancel()
	r.eachLUN(func(i int) {
		t := r.target(r.LUNs[i])
		if results[i] = (CleanupResult{LUN: t.Name, Err: t.notBegun()}); ctx.Err() == nil {
			results[i] = t.cleanup(whole, key)
		}
	})
	return results
}

// CleanupResult is what became of one LUN.
type CleanupResult struct {
	LUN string
	// Before are the keys that were found, Holder the reservation's.
	Before []scsi.Key
	Holder scsi.Key
	// Cleared says that the LUN was cleared and read back empty.
	Cleared bool
	// Err is nil if the LUN was cleared, or had nothing and was not asked for
	// by key; ErrOtherKeys if the key asked for is not registered.
	Err error
}

// ErrOtherKeys says that a LUN was left alone because the key asked for is
// not registered on it.
var ErrOtherKeys = errors.New("the key is not registered there")

func (t *target) cleanup(ctx context.Context, only scsi.Key) CleanupResult {
	res := CleanupResult{LUN: t.Name}
	if res.Err = t.read(ctx); res.Err != nil {
		return res
	}
	res.Before = t.state.Keys()
	if t.state.Reservation != nil {
		res.Holder = t.state.Reservation.Key
	}
	// sent says that a CLEAR may have taken effect, accepted that the device
	// said so.
	var sent, accepted bool
	var last error
	for range maxRounds {
		empty := len(allKeys(t.state)) == 0
		switch {
		case empty && (sent || only == 0):
			res.Cleared = sent
			return res
		case accepted:
			// It was empty by the device's word only, or somebody came.
			res.Err = &LUNError{LUN: t.Name, Err: ErrKeysLeft}
			return res
		case only != 0 && !t.state.Has(only):
			res.Err = &LUNError{LUN: t.Name, Err: ErrOtherKeys}
			return res
		}
		last = t.clearAs(ctx, only)
		if last != nil && !again(last) {
			res.Err = &LUNError{LUN: t.Name, Err: last}
			return res
		}
		accepted = last == nil
		sent = sent || accepted || scsi.OutcomeUnknown(last)
		if err := t.read(ctx); err != nil {
			res.Err = err
			return res
		}
	}
	res.Err = &LUNError{LUN: t.Name, Err: errors.Join(ErrUnsettled, last)}
	return res
}

// clearAs registers one path with a key that is there already, so that
// killed in between it leaves no new one, and clears with it.
func (t *target) clearAs(ctx context.Context, key scsi.Key) error {
	if len(t.usable) == 0 {
		return t.noPath()
	}
	if key == 0 {
		key = allKeys(t.state)[0]
	}
	p := t.usable[0]
	err := t.out(p, Event{Action: Registered, Key: key}, func() error { return p.RegisterAndIgnore(ctx, key, false) })
	if err == nil {
		err = t.out(p, Event{Action: Cleared, Key: key}, func() error { return p.Clear(ctx, key) })
	}
	t.dropIfFailed(p, err)
	return err
}
