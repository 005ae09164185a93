package words

import (
	"errors"
	"strings"
)

// Exit statuses, by the contract of package scripts.
const (
	ExitOK = 0
	// ExitFailed: do not retry on another node.
	ExitFailed = 1
	// ExitNode: this node cannot, another one may try.
	ExitNode = 2
)

// Message is an error in words: what it is about, what happened there, what can
// be done about it, and what it means for the exit status. An error that a room of
// commands makes brings its own by a method of this name.
type Message struct {
	// Subject is a LUN, a device or the like, empty if what names it.
	Subject    string
	What, Hint string
	// Whole says that this is the complete line, as the vendor prints it.
	Whole  bool
	Status int
}

// Text is the message without its hint. Joined errors have a line each.
func (m Message) Text() string {
	if m.Subject == "" {
		return m.What
	}
	return m.Subject + ": " + m.What
}

// about is the text for where the subject is named already.
func (m Message) about(subject string) string {
	if m.Subject == subject {
		return m.What
	}
	return m.Text()
}

// JoinedLines is a text of several lines in one.
func JoinedLines(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// Leaves takes joined errors apart.
func Leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, Leaves(e)...)
	}
	return list
}

// Of says an error to people. One that a room of commands makes brings its message;
// those of the packages below, which know nothing of people, have it here.
func Of(err error) Message {
	var own interface{ Message() Message }
	if errors.As(err, &own) {
		return own.Message()
	}
	for _, say := range []func(error) (Message, bool){copyWords, configWords, runWords, deviceWords} {
		if m, ok := say(err); ok {
			return m
		}
	}
	return Message{What: err.Error(), Status: ExitFailed}
}
