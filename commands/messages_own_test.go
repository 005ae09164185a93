package commands

import (
	"lunguard/commands/catalogue"
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
			m := words(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: joinedLines(m.text()), Hint: m.hint, Status: m.status})
		}
	}
	return catalogue.Sort(list)
}
