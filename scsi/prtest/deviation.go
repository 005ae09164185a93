package prtest

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
)

// Deviations are the places where a device differs from the standard, by
// "case/step". The name may be a pattern of path.Match for things that a
// device always does; an exact name goes before a pattern.
type Deviations map[string]Deviation

// Deviation says what the device does instead. What it leaves nil is as the
// standard says.
type Deviation struct {
	// Want is the outcome: "GOOD", "RC", "2/08/00".
	Want *string
	// After is the state that follows, UA the unit attentions, Gen how far
	// PRGENERATION moves; all as the tables of cases write them.
	After *string
	UA    *string
	Gen   *int
	// Reason tells whoever reads the table why the device may do so, or that
	// it must not.
	Reason string
}

// find returns the deviation of a step.
func (d Deviations) find(tc *testCase, s *step) (Deviation, bool) {
	name := tc.name + "/" + s.title()
	if dev, ok := d[name]; ok {
		return dev, true
	}
	for _, pattern := range slices.Sorted(maps.Keys(d)) {
		if ok, err := path.Match(pattern, name); err == nil && ok && !d[pattern].idle(s) {
			return d[pattern], true
		}
	}
	return Deviation{}, false
}

// idle reports whether the deviation is what the step wants anyway.
func (dev Deviation) idle(s *step) bool {
	return (dev.Want == nil || *dev.Want == s.outcome()) && (dev.After == nil || *dev.After == s.after) &&
		(dev.UA == nil || *dev.UA == s.ua) && (dev.Gen == nil || *dev.Gen == s.gen)
}

// apply makes of a step what the device does.
func (dev Deviation) apply(s step) step {
	if dev.Want != nil {
		s.want = *dev.Want
	}
	if dev.After != nil {
		s.after = *dev.After
	}
	if dev.UA != nil {
		s.ua = *dev.UA
	}
	if dev.Gen != nil {
		s.gen = *dev.Gen
	}
	return s
}

// check finds entries that change nothing: misspelt, or of steps that went.
func (d Deviations) check(all []*testCase) error {
	var errs []error
	for _, pattern := range slices.Sorted(maps.Keys(d)) {
		if d[pattern].Reason == "" {
			errs = append(errs, fmt.Errorf("deviation %q has no reason", pattern))
		}
		if !d[pattern].applies(pattern, all) {
			errs = append(errs, fmt.Errorf("deviation %q changes no step", pattern))
		}
	}
	return errors.Join(errs...)
}

func (dev Deviation) applies(pattern string, all []*testCase) bool {
	for _, tc := range all {
		for i := range tc.steps {
			name := tc.name + "/" + tc.steps[i].title()
			ok, err := path.Match(pattern, name)
			if (name == pattern || err == nil && ok) && !dev.idle(&tc.steps[i]) {
				return true
			}
		}
	}
	return false
}

// Is makes a pointer, for the fields of a Deviation.
func Is[T any](v T) *T { return &v }
