package commands

import (
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/commands/words"
	"lunguard/man"
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
		return listPages(c)
	case 1:
		if page, err := man.Find("", ops[0]); err == nil {
			return c.showPage(page)
		}
		// cluster.conf.5
		at := strings.LastIndex(ops[0], ".")
		return showManual(c, ops[0][at+1:], ops[0][:max(at, 0)])
	case 2:
		return showManual(c, ops[0], ops[1])
	default:
		return usagef("one page was expected, not %d", len(ops))
	}
}

// showManual shows a page of a section, any if that is empty.
func showManual(c *call, section, name string) error {
	page, err := man.Find(section, name)
	if errors.Is(err, man.ErrNoPage) {
		return &noPageError{strings.Join(c.operands(), " ")}
	}
	if err != nil {
		return err
	}
	return c.showPage(page)
}

// listPages prints the names of all pages with what they are about.
func listPages(c *call) error {
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

func (e *noPageError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "lunguard man lists the pages", Status: words.ExitFailed}
}
