package listing

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// maxDocument is the largest answer that is compared, in bytes.
const maxDocument = 256 << 20

// readDocument reads an answer of --json of before.
func readDocument(ctx context.Context, path string) (*document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, front.Usagef("--diff: %v", err)
	}
	defer f.Close()
	text, err := ownfile.ReadAll(ctx, f, maxDocument)
	if err != nil {
		return nil, front.Usagef("--diff: %s: %v", path, err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil || d.Command != Name || d.Schema != 1 {
		return nil, front.Usagef("--diff: %s is no answer of %s --json", path, Name)
	}
	return &d, nil
}

// identity is what a LUN is found by in another answer: a name may be another's by now.
func (l shownLUN) identity() string {
	if l.WWID != "" {
		return l.WWID
	}
	return l.LUN
}

// difference is a line about a LUN.
type difference struct{ lun, what string }

// compare tells what has changed from one answer to another; some says that the second one
// has only the LUNs that were asked for. What is unknown in one of
// them is said, and counts as a difference: it is not known to be the same.
func compare(before, now *document, some bool) []difference {
	var list []difference
	old := map[string]shownLUN{}
	for _, l := range before.LUNs {
		old[l.identity()] = l
	}
	for _, l := range now.LUNs {
		was, ok := old[l.identity()]
		delete(old, l.identity())
		if !ok {
			list = append(list, difference{l.LUN, "new"})
			continue
		}
		if some {
			// It was asked for by the name that it has now.
			was.LUN = l.LUN
		}
		list = append(list, l.differences(was)...)
	}
	for _, l := range before.LUNs {
		if _, ok := old[l.identity()]; ok && !some {
			list = append(list, difference{l.LUN, "no longer here"})
		}
	}
	return list
}

// differences are those of one LUN.
func (l shownLUN) differences(was shownLUN) []difference {
	var list []difference
	add := func(format string, args ...any) { list = append(list, difference{l.LUN, fmt.Sprintf(format, args...)}) }
	if l.LUN != was.LUN {
		add("was %s", was.LUN)
	}
	if !l.Known || !was.Known {
		if l.Known != was.Known || l.Reason != was.Reason {
			add("%s, was %s", certainty(l), certainty(was))
		} else {
			add("unknown, as before: %s", l.Reason)
		}
		return list
	}
	if a, b := l.reservation(), was.reservation(); a != b {
		add("%s, was %s", a, b)
	}
	gained, lost := l.without(was), was.without(l)
	for _, r := range lost {
		add("gone: %s", r.text())
	}
	for _, r := range gained {
		add("new: %s", r.text())
	}
	if a, b := l.paths(), was.paths(); a != b {
		add("paths %s, were %s", a, b)
	}
	return list
}

func certainty(l shownLUN) string {
	if l.Known {
		return "known"
	}
	return "unknown (" + l.Reason + ")"
}

func (l shownLUN) reservation() string {
	switch {
	case l.Type == nil:
		return "without reservations"
	case *l.Type == "":
		return "not reserved"
	case *l.Holder == "":
		return *l.Type
	}
	return *l.Type + " by " + *l.Holder
}

// without are the registrations that another answer does not have.
func (l shownLUN) without(o shownLUN) []shownRegistration {
	left := slices.Clone(o.Registrations)
	var list []shownRegistration
	for _, r := range l.Registrations {
		i := slices.IndexFunc(left, func(x shownRegistration) bool { return x.text() == r.text() })
		if i < 0 {
			list = append(list, r)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	return list
}

// text is the registration in a line.
func (r shownRegistration) text() string {
	parts := []string{r.Key}
	if r.Whose != "" {
		parts = append(parts, "("+r.Whose+")")
	}
	if r.Initiator != "" {
		parts = append(parts, "of "+r.Initiator)
	}
	switch {
	case r.AllPorts:
		parts = append(parts, "at all ports")
	case r.Port != nil:
		parts = append(parts, fmt.Sprintf("at port %d", *r.Port))
	}
	return strings.Join(parts, " ")
}

// paths counts those that work.
func (l shownLUN) paths() string {
	n := 0
	for _, p := range l.Paths {
		if p.Works {
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(l.Paths))
}

// printDifferences prints them, a line each, and returns the exit status.
func printDifferences(w io.Writer, list []difference) int {
	for _, d := range list {
		fmt.Fprintf(w, "%s: %s\n", picture.Printable(d.lun), picture.Printable(d.what))
	}
	if len(list) > 0 {
		return words.ExitFailed
	}
	return words.ExitOK
}
