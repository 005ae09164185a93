package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// inventedWords are those of the table in CONTRIBUTING.md.
func inventedWords(t *testing.T) []*regexp.Regexp {
	t.Helper()
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| not | but |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var list []*regexp.Regexp
	for line := range strings.Lines(table) {
		for phrase := range strings.SplitSeq(strings.TrimSpace(strings.Split(line, "|")[1]), ", m") {
			if strings.HasPrefix(phrase, "ark of") {
				phrase = "m" + phrase
			}
			list = append(list, regexp.MustCompile(`\b`+strings.Join(strings.Fields(strings.TrimSuffix(phrase, " K")), `\s+`)+`\b`))
		}
	}
	if len(list) < 10 {
		t.Fatalf("%d words were found", len(list))
	}
	return list
}

// Messages, pages and documents have the words of the trade.
func TestTrade(t *testing.T) {
	texts := map[string]string{}
	for _, m := range catalogued(t) {
		texts["message "+m.Text] = m.Text + "\n" + m.Hint
	}
	for _, pattern := range []string{"../man/*.[1578]*", "../man/messages/*.mdoc", "../docs/*.md", "../README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			// How the protocols are told is compared with their code.
			if slices.Contains([]string{"protocols.md", "mutants.md", "honesty.md"}, filepath.Base(file)) {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	for _, word := range inventedWords(t) {
		for where, text := range texts {
			if at := word.FindString(text); at != "" {
				t.Errorf("%s: has %q, see Words in CONTRIBUTING.md", where, at)
			}
		}
	}
}
