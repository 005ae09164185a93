package own

import (
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
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

// Manual is the applet behind lunguard man.
func Manual(b *front.Program) *front.Applet {
	return &front.Applet{
		Name: front.ManWord, Summary: "show a manual page", Usage: manUsage,
		Flags: []cli.Flag{},
		Operands: func(*front.Completion, string) []front.Suggestion {
			return append(b.Linked(), front.Suggestion{Word: front.Self})
		},
		Run: runManual,
	}
}

func runManual(c *front.Call) error {
	switch ops := c.Operands(); len(ops) {
	case 0:
		return listPages(c)
	case 1:
		if page, err := man.Find("", ops[0]); err == nil {
			return c.ShowPage(page)
		}
		// cluster.conf.5
		at := strings.LastIndex(ops[0], ".")
		return showManual(c, ops[0][at+1:], ops[0][:max(at, 0)])
	case 2:
		return showManual(c, ops[0], ops[1])
	default:
		return front.Usagef("one page was expected, not %d", len(ops))
	}
}

// showManual shows a page of a section, any if that is empty.
func showManual(c *front.Call, section, name string) error {
	page, err := man.Find(section, name)
	if errors.Is(err, man.ErrNoPage) {
		return noPage(c.Operands())
	}
	if err != nil {
		return err
	}
	return c.ShowPage(page)
}

// listPages prints the names of all pages with what they are about.
func listPages(c *front.Call) error {
	pages, err := man.Pages()
	if err != nil {
		return err
	}
	for _, p := range pages {
		// The paragraph below NAME is "name - what it is about".
		_, after, _ := strings.Cut(p.Text, "\nNAME\n")
		paragraph, _, _ := strings.Cut(after, "\n\n")
		_, about, _ := strings.Cut(strings.Join(strings.Fields(paragraph), " "), " - ")
		c.Printf("%-18s %s\n", p.Name+"("+p.Section+")", about)
	}
	return nil
}

// noPageError says that there is no such page.
type noPageError struct{ name, near string }

// noPage is the error of a name, or a section and a name, that no page has.
func noPage(operands []string) error {
	e := &noPageError{name: strings.Join(operands, " ")}
	if len(operands) > 1 {
		return e
	}
	pages, err := man.Pages()
	if err != nil {
		return err
	}
	var names []string
	for _, p := range pages {
		names = append(names, p.Name)
	}
	e.near = words.Nearest(e.name, names)
	return e
}

func (e *noPageError) Error() string { return "no manual page " + e.name }

func (e *noPageError) Message() words.Message {
	hint := "lunguard man lists the pages"
	if e.near != "" {
		hint = "is " + e.near + " meant? " + hint
	}
	return words.Message{What: e.Error(), Hint: hint, Status: words.ExitFailed}
}
