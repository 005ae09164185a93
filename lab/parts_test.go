package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

// says is a part that prints its name when it begins and when it ends, and waits for
// a channel, or for its end, between.
func says(name string, wait <-chan struct{}, err error) part {
	return part{name, func(ctx context.Context, stdout, stderr io.Writer) error {
		fmt.Fprintln(stdout, name, "begins")
		if wait != nil {
			select {
			case <-wait:
			case <-ctx.Done():
				fmt.Fprintln(stdout, name, "interrupted")
				return errors.New("interrupted")
			}
		}
		fmt.Fprintln(stdout, name, "ends")
		return err
	}}
}

// TestLanes: lanes run beside each other, what a part says stays together, and a failure
// ends all and is the one that is told.
func TestLanes(t *testing.T) {
	broken := errors.New("broken")
	never := make(chan struct{})
	closing := func(c chan struct{}) part {
		return part{"closing", func(context.Context, io.Writer, io.Writer) error { close(c); return nil }}
	}
	beside := make(chan struct{})
	for _, tt := range []struct {
		name  string
		lanes [][]part
		want  error
		out   string
	}{
		{"one", [][]part{{says("a", nil, nil)}}, nil, "a begins\na ends\n"},
		{"one fails", [][]part{{}, {says("a", nil, broken)}}, broken, "a begins\na ends\n"},
		{"in order", [][]part{{says("a", nil, nil), says("b", nil, nil)}}, nil, "a begins\na ends\nb begins\nb ends\n"},
		{"nothing after a failure", [][]part{{says("a", nil, broken), says("b", nil, nil)}}, broken, "a begins\na ends\n"},
		{"beside", [][]part{{says("a", beside, nil)}, {closing(beside)}}, nil, "a begins\na ends\n"},
		{"interrupted", [][]part{{says("a", never, nil), says("b", nil, nil)}, {says("c", nil, broken)}}, broken, "c begins\nc ends\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := runLanes(t.Context(), tt.lanes, &out, io.Discard); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if out.String() != tt.out {
				t.Errorf("%q, want %q", out.String(), tt.out)
			}
		})
	}
}

// TestLanesInterrupted: who interrupts the laboratory is not told that it passed.
func TestLanesInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runLanes(ctx, [][]part{{says("a", nil, nil)}, {says("b", nil, nil)}}, io.Discard, io.Discard); err == nil {
		t.Error("passed")
	}
}
