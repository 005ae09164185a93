package commands

import (
	"os"
	"syscall"

	"lunguard/commands/catalogue"
	"lunguard/commands/words"
)

// reservationsErrors are errors, by topic.
func reservationsErrors() map[string][]error {
	path := func(op string, err error) error { return &os.PathError{Op: op, Path: "/run/lunguard", Err: err} }
	return map[string][]error{
		"vg_pr_key": {&notCopiedError{[]string{"vg1", "vg2"}}},
		"pr_check":  {&publishError{path("open", syscall.EACCES)}},
	}
}

// reservationsMessages is what this room says.
func reservationsMessages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range reservationsErrors() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	return catalogue.Sort(list)
}
