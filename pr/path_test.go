package pr

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// plain is a path of a kind of storage that has none of the further verbs.
type plain struct{ Path }

// What a path cannot do is unsupported: it was refused, and nothing is open.
func TestPlainPath(t *testing.T) {
	ctx, p := context.Background(), plain{}
	_, port := PortOf(ctx, p)
	for name, err := range map[string]error{
		"move": Move(ctx, p, &MoveOrder{}), "introduce": Introduce(ctx, p, 1, nil, false), "port": port, "reset": Reset(ctx, p),
	} {
		if !errors.Is(err, ErrUnsupported) || OutcomeUnknown(err) || StillUnderWay(err) || PathFailed(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// answered is an error that knows whether its command may have taken effect.
type answered struct {
	error
	unknown bool
}

func (a answered) OutcomeUnknown() bool { return a.unknown }
func (a answered) Unwrap() error        { return a.error }

// The questions that errors are asked.
func TestQuestions(t *testing.T) {
	for name, c := range map[string]struct {
		err                         error
		unknown, underWay, pathGone bool
	}{
		"nothing":                  {nil, false, false, false},
		"refused":                  {answered{ErrReservationConflict, false}, false, false, false},
		"lost":                     {answered{ErrTimeout, true}, true, false, true},
		"given up":                 {answered{fmt.Errorf("%w: %w", ErrTimeout, ErrStillUnderWay), true}, true, true, true},
		"not sent beside another":  {answered{fmt.Errorf("%w: %w", ErrStillUnderWay, ErrTimeout), false}, false, false, true},
		"given up, of no command":  {ErrStillUnderWay, false, true, false},
		"cancelled on the way":     {fmt.Errorf("%w: %w", context.Canceled, ErrTransport), false, false, false},
		"too old, and no answer":   {fmt.Errorf("%w: %w", ErrStale, ErrTransport), false, false, false},
		"a path that answers":      {answered{ErrPathUnusable, true}, true, false, true},
		"one of several, deep":     {errors.Join(ErrDevice, fmt.Errorf("x: %w", answered{ErrTransport, true})), true, false, true},
		"of no class, and unknown": {errors.New("x"), false, false, false},
	} {
		if u, w, p := OutcomeUnknown(c.err), StillUnderWay(c.err), PathFailed(c.err); u != c.unknown || w != c.underWay || p != c.pathGone {
			t.Errorf("%s: unknown %v, under way %v, path %v", name, u, w, p)
		}
	}
}

// A device that does not tell its types is taken at no word.
func TestSupports(t *testing.T) {
	silent, one := Capabilities{}, Capabilities{TypesKnown: true, Types: []Type{WriteExclusive}}
	if !silent.Supports(ExclusiveAccess) || !one.Supports(WriteExclusive) || one.Supports(ExclusiveAccess) {
		t.Error("wrong")
	}
}
