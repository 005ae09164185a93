package commands

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"lunguard/commands/catalogue"
)

// catalogued is every error, warning and hint that the commands can print.
func catalogued(t *testing.T) []catalogue.Message {
	t.Helper()
	list := slices.Concat(spokenRuns(t), spokenSgPersist(t))
	for _, room := range rooms(t) {
		list = append(list, catalogue.Read(t, room)...)
	}
	return catalogue.Sort(list)
}

// rooms are the folders that have a list of what they say.
func rooms(t *testing.T) []string {
	t.Helper()
	lists, err := filepath.Glob(filepath.Join("*", "testdata", "messages.txt"))
	if err != nil || len(lists) < 5 {
		t.Fatalf("%d lists of messages, %v", len(lists), err)
	}
	for i, l := range lists {
		lists[i] = filepath.Dir(filepath.Dir(l))
	}
	return lists
}

// The catalogue lists each message once, and each error has what a reader
// needs. Run with -v it prints the list.
func TestMessagesCatalogue(t *testing.T) {
	list := catalogued(t)
	for _, m := range list {
		text := m.Text
		if m.Kind == "error" {
			text += fmt.Sprintf("  [status %d]", m.Status)
		}
		if m.Hint != "" {
			text += "\n        hint: " + m.Hint
		}
		t.Logf("%-12s %-7s %s", m.Topic, m.Kind, text)
	}
	catalogue.Check(t, list)
}
