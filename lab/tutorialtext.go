package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// stepKind is what is done in a step of the tutorial.
type stepKind int

// A step's kinds.
const (
	stepRun  stepKind = iota // a command on a node, with what it prints
	stepHide                 // a command that the reader does not see, and that says nothing
	stepFile                 // a file that the reader writes on both nodes
	stepStop                 // the node's machine is stopped
	stepGo                   // it goes on
)

// tutorialStep is a step of the tutorial.
type tutorialStep struct {
	kind   stepKind
	line   int    // in the document, from 1
	node   string // none for a file
	text   string // the command, or the file's name
	lines  []string
	status int // exit status of a command
}

// tutorialText is the document taken apart.
type tutorialText struct {
	steps   []tutorialStep
	skipped []string // reasons of blocks that are not run
}

// The lines that matter. A directive is about the next block, or a step of its own:
//
//	<!-- lab: skip REASON -->      do not run the block
//	<!-- lab: status N -->         the block's last command exits N
//	<!-- lab: file NAME -->        the block is no commands, but a file on both nodes
//	<!-- lab: stop NODE -->        stop the node's machine
//	<!-- lab: continue NODE -->    let it go on
//	<!-- lab: NODE# COMMAND -->    run a command, which has to exit 0 without a word
func tutorialPatterns() (directive, prompt *regexp.Regexp) {
	return regexp.MustCompile(`^<!-- lab: (?:(skip|status|file) (.+)|(stop|continue) (jack[345])|(jack[345])# (.+)) -->$`),
		regexp.MustCompile(`^(jack[345])# (.+)$`)
}

// parseTutorial takes the document apart. A block that is neither run, nor a file, nor
// skipped with a reason, is an error, and so is a directive without a block.
func parseTutorial(text string) (tutorialText, error) {
	var (
		doc               tutorialText
		errs              []error
		word, value       string // of the directive about the next block
		block             []string
		inBlock           bool
		begin             int
		directive, prompt = tutorialPatterns()
	)
	fail := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("line %d: "+format, append([]any{line}, args...)...))
	}
	for i, line := range strings.Split(text, "\n") {
		number := i + 1
		fence := strings.HasPrefix(line, "```")
		switch {
		case inBlock && fence:
			if err := doc.addBlock(begin, block, word, value, prompt); err != nil {
				errs = append(errs, err)
			}
			inBlock, block, word = false, nil, ""
		case inBlock:
			block = append(block, line)
		case fence:
			inBlock, begin = true, number
		case strings.Contains(line, "<!-- lab"):
			m := directive.FindStringSubmatch(line)
			switch {
			case m == nil:
				fail(number, "%q is not understood", line)
			case word != "":
				fail(number, "a block was expected after %s", word)
			case m[5] != "":
				doc.steps = append(doc.steps, tutorialStep{kind: stepHide, line: number, node: m[5], text: m[6]})
			case m[3] == "stop":
				doc.steps = append(doc.steps, tutorialStep{kind: stepStop, line: number, node: m[4]})
			case m[3] == "continue":
				doc.steps = append(doc.steps, tutorialStep{kind: stepGo, line: number, node: m[4]})
			default:
				word, value = m[1], m[2]
			}
		}
	}
	if inBlock || word != "" {
		fail(begin, "the end of a block is missing")
	}
	return doc, errors.Join(errs...)
}

// addBlock adds the steps of a block whose first line is the one after begin.
func (d *tutorialText) addBlock(begin int, block []string, word, value string, prompt *regexp.Regexp) error {
	status := 0
	switch word {
	case "skip":
		d.skipped = append(d.skipped, value)
		return nil
	case "file":
		d.steps = append(d.steps, tutorialStep{kind: stepFile, line: begin, text: value, lines: block})
		return nil
	case "status":
		var err error
		if status, err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("line %d: status %q", begin, value)
		}
	}
	first := len(d.steps)
	for i, line := range block {
		m := prompt.FindStringSubmatch(line)
		switch {
		case m != nil:
			d.steps = append(d.steps, tutorialStep{line: begin + 1 + i, node: m[1], text: m[2]})
		case len(d.steps) == first:
			return fmt.Errorf("line %d: %q: a prompt was expected", begin+1+i, line)
		default:
			last := &d.steps[len(d.steps)-1]
			last.lines = append(last.lines, line)
		}
	}
	if len(d.steps) == first {
		return fmt.Errorf("line %d: an empty block", begin)
	}
	d.steps[len(d.steps)-1].status = status
	return nil
}

// judge compares what a command did with what the document says. A line of three dots
// stands for any lines, three dots in a line for anything in it, and blanks at the end of
// a line do not count.
func (s tutorialStep) judge(output string, status int) error {
	if status != s.status {
		return fmt.Errorf("exit status %d, %d was expected", status, s.status)
	}
	pattern := ""
	for _, line := range s.lines {
		if line == "..." {
			pattern += `(?:.*\n)*`
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " "), "...")
		for i, p := range parts {
			parts[i] = regexp.QuoteMeta(p)
		}
		pattern += strings.Join(parts, ".*") + " *\n"
	}
	if !regexp.MustCompile("^" + pattern + "$").MatchString(output) {
		return fmt.Errorf("the document has\n%s\nit printed\n%s", strings.Join(s.lines, "\n"), output)
	}
	return nil
}
