package commands

import (
	"errors"
	"strings"
)

// Exit statuses, by the contract of package scripts.
const (
	exitOK = 0
	// exitFailed: do not retry on another node.
	exitFailed = 1
	// exitNode: this node cannot, another one may try.
	exitNode = 2
)

// message is an error in words: what it is about, what happened there, what can
// be done about it, and what it means for the exit status. An error of this
// package brings its own by a method of this name.
type message struct {
	// subject is a LUN, a device or the like, empty if what names it.
	subject    string
	what, hint string
	// whole says that this is the complete line, as the vendor prints it.
	whole  bool
	status int
}

// text is the message without its hint. Joined errors have a line each.
func (m message) text() string {
	if m.subject == "" {
		return m.what
	}
	return m.subject + ": " + m.what
}

// about is the text for where the subject is named already.
func (m message) about(subject string) string {
	if m.subject == subject {
		return m.what
	}
	return m.text()
}

// joinedLines is a text of several lines in one.
func joinedLines(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// leaves takes joined errors apart.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, leaves(e)...)
	}
	return list
}

// words says an error to people. One of this package brings its message; those
// of the packages below, which know nothing of people, have it here.
func words(err error) message {
	var own interface{ message() message }
	if errors.As(err, &own) {
		return own.message()
	}
	for _, say := range []func(error) (message, bool){copyWords, configWords, runWords, deviceWords} {
		if m, ok := say(err); ok {
			return m
		}
	}
	return message{what: err.Error(), status: exitFailed}
}
