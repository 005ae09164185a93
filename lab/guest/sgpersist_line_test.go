//go:build lab

package guest

import (
	"fmt"
	"strings"
	"testing"
)

// invocation is one call of sg_persist by both programs.
type invocation struct {
	line    string // as it stands in the story
	actor   string
	env     []string
	words   []string
	stdin   string   // name of a text
	retries bool     // ours repeats what met a unit attention
	full    bool     // the program is called by its full name
	tags    []string // names of the differences to expect
}

// parseStory reads invocations, one a line:
//
//	[NAME=VALUE] NODE[/][!] WORD... [<TEXT] [~DIFFERENCE]
//
// In words, @ is the LUN's disk on the node, @sg its sg device, $2 the TransportID of node
// 2 and %NAME the file with a text; '...' keeps blanks. {a|b} makes two lines of one. With
// ! our program repeats what met a unit attention, with / the programs are called by their
// full names. What follows # is a comment. A line that begins with another word than a node
// is for twins.direct.
func parseStory(t *testing.T, story string) []*invocation {
	t.Helper()
	var list []*invocation
	for line := range strings.Lines(story) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for _, one := range alternatives(line) {
			inv, err := parseInvocation(strings.TrimSpace(one))
			if err != nil {
				t.Fatalf("story: %s: %v", one, err)
			}
			list = append(list, inv)
		}
	}
	return list
}

// alternatives expands the first {a|b}, and all others in what comes of it.
func alternatives(line string) []string {
	head, rest, ok := strings.Cut(line, "{")
	if !ok {
		return []string{line}
	}
	choice, tail, _ := strings.Cut(rest, "}")
	var list []string
	for word := range strings.SplitSeq(choice, "|") {
		list = append(list, alternatives(head+word+tail)...)
	}
	return list
}

func parseInvocation(line string) (*invocation, error) {
	inv := &invocation{line: line}
	words, err := splitWords(line)
	if err != nil {
		return nil, err
	}
	for len(words) > 0 && strings.Contains(words[0], "=") {
		inv.env, words = append(inv.env, words[0]), words[1:]
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("no node")
	}
	inv.actor, inv.retries = strings.CutSuffix(words[0], "!")
	inv.actor, inv.full = strings.CutSuffix(inv.actor, "/")
	for _, word := range words[1:] {
		switch {
		case strings.HasPrefix(word, "~"):
			inv.tags = append(inv.tags, word[1:])
		case strings.HasPrefix(word, "<"):
			inv.stdin = word[1:]
		default:
			inv.words = append(inv.words, word)
		}
	}
	return inv, nil
}

// splitWords splits at blanks that are not within '...'.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quoted := false, false
	for _, r := range line {
		switch {
		case r == '\'':
			in, quoted = true, !quoted
		case r == ' ' && !quoted:
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		default:
			in = true
			word.WriteRune(r)
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is open")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
