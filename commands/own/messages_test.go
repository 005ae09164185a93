package own

import (
	"testing"

	"lunguard/commands/catalogue"
	"lunguard/commands/words"
)

// errorsByTopic are errors, by topic.
func errorsByTopic() map[string][]error {

	return map[string][]error{
		"lunguard": {&noPageError{"frobnicate", "pr_start"}, errNotOfNamespaces, &noFolderError{"nosuch"}},
	}
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range errorsByTopic() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	return catalogue.Sort(list)
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
