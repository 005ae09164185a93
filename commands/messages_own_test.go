package commands

import (
	"lunguard/commands/catalogue"
	"lunguard/commands/words"
)

// ownErrors are errors, by topic.
func ownErrors() map[string][]error {

	return map[string][]error{
		"lunguard": {&noPageError{"frobnicate"}},
	}
}

// ownMessages is what this room says.
func ownMessages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range ownErrors() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	return catalogue.Sort(list)
}
