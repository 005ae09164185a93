package commands

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/man"
)

const (
	// manWord is the word behind lunguard that shows manual pages.
	manWord = "man"
	// manOption shows the page of the applet that it is given to.
	manOption = "--man"
)

const manUsage = `
usage: lunguard man [SECTION] PAGE
       lunguard man PAGE.SECTION
       lunguard man

Shows a manual page, which is in the binary: no man or groff is needed. On a
terminal through $MANPAGER, $PAGER or less, else as plain text. Without PAGE it
lists the pages.

exit status: 0 done; 1 no such page`

// manual is the applet behind lunguard man.
func manual(b *program) *applet {
	return &applet{
		name: manWord, summary: "show a manual page", usage: manUsage,
		flags:    []cli.Flag{},
		operands: func(*completion, string) []suggestion { return append(b.linked(), suggestion{word: self}) },
		run:      runManual,
	}
}

func runManual(c *call) error {
	switch ops := c.operands(); len(ops) {
	case 0:
		return c.listPages()
	case 1:
		if page, err := man.Find("", ops[0]); err == nil {
			return c.showPage(page)
		}
		// cluster.conf.5
		at := strings.LastIndex(ops[0], ".")
		return c.manual(ops[0][at+1:], ops[0][:max(at, 0)])
	case 2:
		return c.manual(ops[0], ops[1])
	default:
		return usagef("one page was expected, not %d", len(ops))
	}
}

// manual shows a page of a section, any if that is empty.
func (c *call) manual(section, name string) error {
	page, err := man.Find(section, name)
	if errors.Is(err, man.ErrNoPage) {
		return &noPageError{strings.Join(c.operands(), " ")}
	}
	if err != nil {
		return err
	}
	return c.showPage(page)
}

// ownPage shows the page of the applet.
func (c *call) ownPage() error {
	page, err := man.Find("", c.applet.name)
	if errors.Is(err, man.ErrNoPage) {
		// The words behind lunguard have none of their own.
		page, err = man.Find("", self)
	}
	if err != nil {
		return err
	}
	return c.showPage(page)
}

// listPages prints the names of all pages with what they are about.
func (c *call) listPages() error {
	pages, err := man.Pages()
	if err != nil {
		return err
	}
	for _, p := range pages {
		// The paragraph below NAME is "name - what it is about".
		_, after, _ := strings.Cut(p.Text, "\nNAME\n")
		paragraph, _, _ := strings.Cut(after, "\n\n")
		_, about, _ := strings.Cut(strings.Join(strings.Fields(paragraph), " "), " - ")
		c.printf("%-18s %s\n", p.Name+"("+p.Section+")", about)
	}
	return nil
}

// noPageError says that there is no such page.
type noPageError struct{ name string }

func (e *noPageError) Error() string { return "no manual page " + e.name }

func (e *noPageError) message() message {
	return message{what: e.Error(), hint: "lunguard man lists the pages", status: exitFailed}
}

// showPage prints a page, on a terminal through a pager if there is one.
func (c *call) showPage(p man.Page) error {
	if _, ok := isTerminal(c.Out); ok {
		if argv := pager(c.getenv, exec.LookPath); argv != nil {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(p.Text), c.Out, c.Err
			if cmd.Start() == nil {
				// How a pager ends says nothing: q in the middle may be a failure.
				_ = cmd.Wait()
				return nil
			}
		}
	}
	_, err := fmt.Fprint(c.Out, p.Text)
	return err
}

// pager is the command line of the pager, nil if there is none. No shell reads
// it, so that nothing in it but a program and its arguments has a meaning.
func pager(getenv func(string) string, find func(string) (string, error)) []string {
	if term := getenv("TERM"); term == "" || term == "dumb" {
		return nil
	}
	for _, line := range []string{getenv("MANPAGER"), getenv("PAGER"), "less", "more"} {
		argv := strings.Fields(line)
		if len(argv) == 0 {
			continue
		}
		if path, err := find(argv[0]); err == nil {
			return slices.Concat([]string{path}, argv[1:])
		}
	}
	return nil
}
