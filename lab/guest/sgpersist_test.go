//go:build lab

package guest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// chapter is a part of the story. It begins with nothing registered.
type chapter struct{ name, story string }

// TestSgPersistDifferential lets the original and ours live through the same story, each
// on a LUN of its own, and compares all that they print and do.
func TestSgPersistDifferential(t *testing.T) {
	NeedLunguard(t, "sg_persist")
	LoadModule(t, "loop")
	w := newTwins(t, "twins", productSide(), 2, storyTexts())
	// A SPEC_I_PT that the target refuses costs it a reference to the initiator's ACL.
	w.array.Abandon()
	shown := map[string]int{}
	calls, start := 0, time.Now()
	whole := true // without -run
	for _, c := range storyChapters() {
		ran := false
		t.Run(c.name, func(t *testing.T) {
			ran = true
			w.reset(t)
			for _, inv := range parseStory(t, c.story) {
				if w.direct(t, inv) {
					continue
				}
				calls++
				if found := w.compare(t, inv, shown); found != "" {
					t.Errorf("%s\n%s", inv.line, found)
				}
			}
			w.wantTwins(t)
		})
		whole = whole && ran
	}
	t.Logf("%d invocations of each program in %.1f s, by exit status of the original %v", calls, time.Since(start).Seconds(), w.exits)
	if !whole {
		return
	}
	for _, d := range differences() {
		if shown[d.name] == 0 {
			t.Errorf("no invocation shows the difference %s any more", d.name)
		}
	}
	for _, status := range []int{0, 1, 2, 5, 6, 19, 24, 31, 35, 52, 56, 71, 75} {
		if w.exits[status] == 0 {
			t.Errorf("exit status %d is not in the story any more", status)
		}
	}
}

// TestSgPersistDifferentialSees shows that the comparison is not blind: each of these tells
// sg_persist 1.46 from 1.48.
func TestSgPersistDifferentialSees(t *testing.T) {
	w := newTwins(t, "blind", debianSide(), 1, nil)
	for _, inv := range parseStory(t, `
1 -n -k -vv @
SG3_UTILS_INVOCATION=1 1 -n -k @`) {
		if w.compare(t, inv, map[string]int{}) == "" {
			t.Errorf("%s: no difference between 1.48 and 1.46", inv.line)
		}
	}
}

// compare runs both programs. It returns what is not as it should be, or nothing, and
// makes the LUNs equal again if they are not any more.
func (w *twins) compare(t *testing.T, inv *invocation, shown map[string]int) string {
	t.Helper()
	results := w.runBoth(t, inv)
	first, got := results[0], results[1]
	w.exits[first.Exit]++
	want := first
	var found []string
	for _, name := range inv.tags {
		d := findDifference(t, name)
		o := outcome{words: inv.words, first: want}
		if d.again != nil {
			other := *inv
			other.words = d.again(slices.Clone(inv.words))
			var err error
			o.then, err = w.runSide(w.sides[0], &other)
			must(t, err)
		}
		before := want
		want = d.want(o)
		if want == before {
			found = append(found, "the difference "+name+" does not apply here")
		}
		shown[name]++
	}
	if want != got {
		found = append(found, differ("exit status", fmt.Sprint(want.Exit), fmt.Sprint(got.Exit)),
			differ("stdout", want.Stdout, got.Stdout), differ("stderr", want.Stderr, got.Stderr))
		if len(inv.tags) > 0 {
			found = append(found, fmt.Sprintf("The original: %v", first))
		}
	}
	if a, b := w.state(t, 0), w.state(t, 1); a != b {
		found = append(found, differ("the LUN's state", a, b))
		w.reset(t)
	}
	return strings.Join(slices.DeleteFunc(found, func(s string) bool { return s == "" }), "\n")
}

// runBoth runs both programs, at the same time where the kernel's target can stand it: it
// has locked up when two commands aborted what was under way.
func (w *twins) runBoth(t *testing.T, inv *invocation) [2]Result {
	t.Helper()
	var results [2]Result
	var errs [2]error
	var wg sync.WaitGroup
	for i, s := range w.sides {
		wg.Go(func() { results[i], errs[i] = w.runSide(s, inv) })
		if slices.Contains(inv.words, "-A") {
			wg.Wait()
		}
	}
	wg.Wait()
	must(t, errors.Join(errs[:]...))
	return results
}

// wantTwins has Debian's program look at both LUNs.
func (w *twins) wantTwins(t *testing.T) {
	t.Helper()
	w.quiet(t)
	n := w.actors["1"].node
	p := WitnessAll(t, n.Disk(0, 0), n.Disk(1, 0))
	if a, b := fmt.Sprintf("%+v", p[0]), fmt.Sprintf("%+v", p[1]); a != b {
		t.Errorf("the LUNs are not the same:\n%s\n%s", a, b)
	}
}

// differ shows two texts line by line, where they differ.
func differ(what, want, got string) string {
	if want == got {
		return ""
	}
	a, b := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s, - is what it should be, + what it is, from line %d:", what, head+1)
	for _, part := range []struct {
		mark  string
		lines []string
	}{{"-", a[head : len(a)-tail]}, {"+", b[head : len(b)-tail]}} {
		for _, line := range part.lines {
			fmt.Fprintf(&out, "\n    %s%q", part.mark, line)
		}
	}
	return out.String()
}
