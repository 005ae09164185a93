package commands

import (
	"syscall"

	"lunguard/commands/catalogue"
	"lunguard/commands/words"
)

// frontErrors are errors, by topic.
func frontErrors() map[string][]error {

	return map[string][]error{
		"operand": {usagef("a package is missing")},
		"ended":   {&signalError{syscall.SIGTERM}},
	}
}

// frontMessages is what this room says.
func frontMessages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range frontErrors() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	list = append(list,
		catalogue.New("syslog", "warning", "the system log did not take 3 lines"),
	)
	return catalogue.Sort(list)
}
