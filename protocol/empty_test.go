package protocol

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/scsi/simlun"
)

// emptyReader is what a command is told of LUNs: an error, or what it believes.
type emptyReader struct {
	name string
	mode Mode
	// ask reports the error of the LUN on which it is told that nobody is registered.
	ask func(ctx context.Context, w *world) error
}

func emptyReaders() []emptyReader {
	halt := func(ctx context.Context, w *world) error { return w.run("A").Halt(ctx) }
	repair := func(ctx context.Context, w *world) error { return w.run("A").Repair(ctx) }
	first := func(errs ...error) error { return errors.Join(errs...) }
	return []emptyReader{
		{"halt, exclusive", Exclusive, halt}, {"halt, shared", Shared, halt},
		{"repair, exclusive", Exclusive, repair}, {"repair, shared", Shared, repair},
		{"fence", Shared, func(ctx context.Context, w *world) error { return w.run("A").Fence(ctx, Member{Name: "B", Key: keyB}) }},
		{"clean-up", Shared, func(ctx context.Context, w *world) error {
			var errs []error
			for _, r := range clearAnyway(ctx, w.run("A"), 0) {
				errs = append(errs, r.Err)
			}
			return first(errs...)
		}},
		{"copy", Shared, func(ctx context.Context, w *world) error { _, err := w.run("A").Copy(ctx); return err }},
		{"show", Shared, func(ctx context.Context, w *world) error {
			var errs []error
			for _, s := range w.run("A").Show(ctx) {
				errs = append(errs, s.Err)
			}
			return first(errs...)
		}},
		{"view", Shared, func(ctx context.Context, w *world) error {
			var errs []error
			for _, v := range w.run("A").View(ctx, nil) {
				errs = append(errs, v.Err)
			}
			return first(errs...)
		}},
		{"check", Shared, func(ctx context.Context, w *world) error {
			var errs []error
			for _, rep := range w.run("A").Check(ctx) {
				if rep.Unknown() {
					errs = append(errs, rep.Findings[0].Err)
				}
			}
			return first(errs...)
		}},
	}
}

// Zeros where an answer should be say that nobody is registered. Nothing is concluded
// from them: another command has to say so, too, and the device that it knows
// reservations.
func TestEmptyIsAsked(t *testing.T) {
	for _, plan := range []string{"prin.full@every:zero=0", "prin.full@every:zero=4", "prin@every:zero=0", "prin@every:short=0"} {
		for _, r := range emptyReaders() {
			t.Run(r.name+" "+plan, func(t *testing.T) {
				w := newWorld(t, 1, 2, simlun.Quirks{})
				w.mode = r.mode
				w.start("A")
				if w.mode == Shared {
					w.start("B")
				}
				before := w.status(0)
				w.faults(0, plan)
				if err := r.ask(context.Background(), w); !errors.Is(err, pr.ErrMalformed) {
					t.Errorf("%v; a malformed answer expected", err)
				}
				w.faults(0, "")
				if diff := cmp.Diff(before, w.status(0)); diff != "" {
					t.Errorf("it was changed:\n%s", diff)
				}
			})
		}
	}
}

// Zeros once, at any reading, are asked about and come to nothing.
func TestEmptyOnce(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		for n := 1; n <= 4; n++ {
			w := newWorld(t, 1, 2, simlun.Quirks{})
			w.mode = mode
			w.start("A")
			w.faults(0, "prin.full@"+string(rune('0'+n))+":zero=0")
			w.must(w.run("A").Halt(context.Background()))
			w.wantEmpty()
		}
	}
}

// A device that says that it knows no reservations, or says nothing that makes sense,
// is not one on which nobody is registered. What older devices lack is no reason.
func TestEmptyFromWhom(t *testing.T) {
	for _, tc := range []struct {
		quirks simlun.Quirks
		want   error
	}{
		{simlun.Quirks{}, nil}, {simlun.Quirks{NoCapabilities: true}, nil}, {simlun.Quirks{NoCapabilities: true, NoFullStatus: true}, nil},
		{simlun.Quirks{BadCapabilities: true}, pr.ErrMalformed}, {simlun.Quirks{NoPR: true}, pr.ErrNoReservations},
	} {
		w := newWorld(t, 1, 1, tc.quirks)
		if err := w.run("A").Halt(context.Background()); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
			t.Errorf("%v: %v; %v expected", tc.quirks, err, tc.want)
		}
	}
}

// A path that tells of nobody by every command, as one that leads to another unit does, is
// not believed while another path tells otherwise.
func TestEmptyByOnePath(t *testing.T) {
	for _, r := range emptyReaders() {
		t.Run(r.name, func(t *testing.T) {
			w := newWorld(t, 1, 2, simlun.Quirks{})
			w.mode = r.mode
			w.start("A")
			if w.mode == Shared {
				w.start("B")
			}
			before := w.status(0)
			w.faults(0, "prin%"+w.transport("A", 0, 0).ID().String()+"@every:cut=0")
			if err := r.ask(context.Background(), w); err == nil {
				t.Error("it was believed")
			}
			w.faults(0, "")
			if diff := cmp.Diff(before, w.status(0)); diff != "" {
				t.Errorf("it was changed:\n%s", diff)
			}
		})
	}
}

// A path whose list has others' keys and lacks this node's is not believed while another
// path tells otherwise: a halt would be over before it began.
func TestHaltByOnePath(t *testing.T) {
	w := newWorld(t, 1, 2, simlun.Quirks{})
	w.mode = Shared
	w.start("B")
	w.start("A")
	before := w.status(0)
	w.faults(0, "prin%"+w.transport("A", 0, 0).ID().String()+"@every:cut=1")
	if err := w.run("A").Halt(context.Background()); err == nil {
		t.Error("it was believed")
	}
	w.faults(0, "")
	if diff := cmp.Diff(before, w.status(0)); diff != "" {
		t.Errorf("it was changed:\n%s", diff)
	}
}
