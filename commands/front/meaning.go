package front

import (
	"slices"
	"strings"
)

// longestMeaning is what fits beside an option in the list of a shell.
const longestMeaning = 60

// meaning says in a few words what an option does, by the usage of the applet: the first
// clause of what stands beside it there. It is empty if nothing does.
func (a *Applet) meaning(opt option) string {
	switch opt.names[0] {
	case "help":
		return "show the usage"
	case ManWord:
		return "show the manual page"
	case "version":
		return "print the version"
	}
	lines := strings.Split(a.Usage, "\n")
	for i, line := range lines {
		at := strings.TrimLeft(line, " ")
		if at == line || !strings.HasPrefix(at, "-") {
			continue
		}
		head, text, _ := strings.Cut(at, "  ")
		if !slices.ContainsFunc(optionNames(head), func(n string) bool { return slices.Contains(opt.names, n) }) {
			continue
		}
		// What is said goes on in lines that begin farther to the right.
		for _, next := range lines[i+1:] {
			if !strings.HasPrefix(next, "          ") {
				break
			}
			text += " " + next
		}
		return firstClause(strings.Join(strings.Fields(text), " "))
	}
	return ""
}

// optionNames are the names in what stands before the meaning, such as -C, --config FILE.
func optionNames(head string) []string {
	var names []string
	for word := range strings.FieldsFuncSeq(head, func(r rune) bool { return strings.ContainsRune(" ,|=[]", r) }) {
		if name := strings.TrimLeft(word, "-"); name != word {
			names = append(names, name)
		}
	}
	return names
}

// firstClause is a text up to its first stop, and not longer than it may be.
func firstClause(text string) string {
	stops := []string{"; ", ". ", " (else "}
	if !strings.HasPrefix(text, "with --") {
		stops = append(stops, ": ")
	}
	for _, stop := range stops {
		text, _, _ = strings.Cut(text, stop)
	}
	for len(text) > longestMeaning || strings.Count(text, "(") != strings.Count(text, ")") {
		at := max(strings.LastIndex(text, ", "), strings.LastIndex(text, " ("))
		if at < 0 {
			if at = strings.LastIndex(text[:min(len(text), longestMeaning)], " "); at < 0 {
				return ""
			}
		}
		text = text[:at]
	}
	return strings.TrimSuffix(text, ".")
}
