package commands

import (
	"fmt"
	"slices"
	"testing"

	"lunguard/commands/catalogue"
)

// catalogued is every error, warning and hint that the commands can print.
func catalogued(t *testing.T) []catalogue.Message {
	t.Helper()
	return catalogue.Sort(slices.Concat(
		catalogue.Read(t, "words"), catalogue.Read(t, "front"), catalogue.Read(t, "session"), catalogue.Read(t, "reservations"), catalogue.Read(t, "serviceguard"), catalogue.Read(t, "deadman"), catalogue.Read(t, "own"),
		spokenRuns(t), spokenSgPersist(t),
	))
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
