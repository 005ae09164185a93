package front

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"lunguard/man"
)

const (
	// ManWord is the word behind lunguard that shows manual pages.
	ManWord = "man"
	// manOption shows the page of the applet that it is given to.
	manOption = "--man"
	// versionOption prints the version, of the binary.
	versionOption = "--version"
)

// ownPage shows the page of the applet.
func (c *Call) ownPage() error {
	page, err := man.Find("", c.Applet.Name)
	if errors.Is(err, man.ErrNoPage) {
		// The words behind lunguard have none in a section of commands.
		page, err = man.Find("7", Self+"-"+c.Applet.Name)
	}
	if errors.Is(err, man.ErrNoPage) {
		page, err = man.Find("", Self)
	}
	if err != nil {
		return err
	}
	return c.ShowPage(page)
}

// ShowPage prints a page, on a terminal through a pager if there is one.
func (c *Call) ShowPage(p man.Page) error {
	if _, ok := IsTerminal(c.Out); ok {
		if argv := pager(c.Getenv, exec.LookPath); argv != nil {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(p.Text), FileOf(c.Out), c.Err
			if f := FileOf(c.Err); f != nil {
				cmd.Stderr = f
			}
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
