package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/picture"
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

// report prints an error, or each one of several that are joined, and returns
// the exit status that they mean. A hint is given once, and so is what two parts of
// a run have met with.
func (c *call) report(err error) int {
	status := exitOK
	printed := map[string]bool{}
	for _, leaf := range leaves(err) {
		sig := signalOf(c.ctx)
		if sig != nil && errors.Is(leaf, context.Canceled) {
			// Nothing else is wrong.
			leaf = sig
		}
		m := words(leaf)
		status = worse(status, m.status)
		if leaf == error(sig) && sig != nil {
			// Once is enough.
			if c.hinted[m.text()] {
				continue
			}
			c.hinted[m.text()] = true
		}
		// Joined errors have a line each; one error is one line.
		line := picture.Printable(joinedLines(m.text()))
		if printed[line] {
			continue
		}
		printed[line] = true
		c.said = append(c.said, picture.Problem{Text: line, Hint: m.hint})
		if !m.whole {
			line = fmt.Sprintf("%s: error: %s", c.prog(), line)
		}
		fmt.Fprintln(c.Err, line)
		if m.hint != "" && !c.hinted[m.hint] {
			c.hinted[m.hint] = true
			fmt.Fprintf(c.Err, "%s: hint: %s\n", c.prog(), m.hint)
		}
	}
	return status
}

// warnErr reports an error that does not change the exit status.
func (c *call) warnErr(err error) {
	for _, leaf := range leaves(err) {
		c.warn("%s", words(leaf).text())
	}
}

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

// configWords says what is wrong with the config or with what was asked of it.
func configWords(err error) (message, bool) {
	var (
		conf   *cluster.ConfigError
		node   *cluster.UnknownNodeError
		pkg    *cluster.UnknownPackageError
		member *cluster.NotMemberError
	)
	switch {
	case errors.As(err, &conf):
		return message{what: conf.Error(), status: exitFailed}, true
	case errors.As(err, &node):
		return message{what: node.Error(), hint: "name this node with -n NODE or SG_NODE; " + nodeNames(node.Config), status: exitFailed}, true
	case errors.As(err, &pkg):
		return message{what: pkg.Error(), hint: packageNames(pkg.Config), status: exitFailed}, true
	case errors.As(err, &member):
		return message{what: member.Error(), hint: "it runs on " + strings.Join(member.Package.Nodes, ", "), status: exitFailed}, true
	}
	return message{}, false
}

// nodeNames says which nodes a config has.
func nodeNames(c *cluster.Config) string {
	names := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		names[i] = n.Name
	}
	return c.Path + " has " + strings.Join(names, ", ")
}

// packageNames says which packages a config has.
func packageNames(c *cluster.Config) string {
	if len(c.Packages) == 0 {
		return c.Path + " has no package"
	}
	names := make([]string, len(c.Packages))
	for i, p := range c.Packages {
		names[i] = p.Name
	}
	return c.Path + " has " + strings.Join(names, ", ")
}
