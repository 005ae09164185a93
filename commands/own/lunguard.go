package own

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
	"lunguard/commands/words"
)

// Lunguard is the applet of the binary itself.
func Lunguard(b *front.Program) *front.Applet {
	return &front.Applet{
		Name:    front.Self,
		Summary: "list and install the commands, make simulated arrays",
		Usage: `
usage: lunguard APPLET [ARGUMENTS]
       lunguard --list [--json]
       lunguard --install DIR [--only APPLET,...]
       lunguard --version
       lunguard sim WORD [ARGUMENTS]
       lunguard man [SECTION] [PAGE]

  --list         list the applets
  --json         with --list, print them for a program; see json.md
  --install DIR  make a symbolic link in DIR for each applet; what is there and
                 is no such link is left alone, and exit status 1 says so
  --only A,...   make links for these alone
  --version      print the version

exit status: 0 done; 1 failed; 2 a simulated LUN failed, or refused as reserved`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list"}, front.Offering(&cli.StringFlag{Name: "install"}, front.OneOf(front.ShellDirs)),
			front.Offering(&cli.StringFlag{Name: "only"}, func(*front.Completion, string) []front.Suggestion { return b.Linked() }), front.JSONFlag(),
		},
		Operands: func(l *front.Completion, _ string) []front.Suggestion {
			if len(l.Operands) > 0 {
				return nil
			}
			return append(b.Linked(), front.Suggestion{Word: simWord, Meaning: b.Behind(simWord).Summary}, front.Suggestion{Word: front.ManWord, Meaning: b.Behind(front.ManWord).Summary})
		},
		Run: func(c *front.Call) error { return runLunguard(c, b) },
	}
}

func runLunguard(c *front.Call, b *front.Program) error {
	if ops := c.Operands(); len(ops) > 0 {
		return front.Usagef("%q was not expected", ops[0])
	}
	if c.Flags.IsSet("only") && !c.Flags.IsSet("install") {
		return front.Usagef("--only goes with --install")
	}
	if c.Flags.Bool(front.JSONOption) {
		if !c.Flags.Bool("list") || c.Flags.IsSet("install") {
			return front.Usagef("--json goes with --list")
		}
		c.Document = newListDocument(b)
		return nil
	}
	switch {
	case c.Flags.Bool("list"):
		b.List(c.Out)
	case c.Flags.IsSet("install"):
		return installLinks(b, c.Flags.String("install"), c.Flags.String("only"))
	default:
		fmt.Fprintln(c.Err, "usage: lunguard APPLET [ARGUMENTS]; the applets are:")
		b.List(c.Err)
		c.Status = words.ExitFailed
	}
	return nil
}

// listDocument is what lunguard --list --json prints.
type listDocument struct {
	front.Envelope
	Version string         `json:"version"`
	Applets []listedApplet `json:"applets"`
}

type listedApplet struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

func newListDocument(b *front.Program) *listDocument {
	d := &listDocument{Version: front.Version()}
	for _, a := range b.Applets {
		d.Applets = append(d.Applets, listedApplet{a.Name, a.Summary})
	}
	return d
}

// notOursError says that a name in the folder for links is taken.
type notOursError struct{ path string }

func (e *notOursError) Error() string { return e.Message().Text() }

func (e *notOursError) Message() words.Message {
	return words.Message{Subject: e.path, What: "left alone, it is there and is no link to " + front.Self, Hint: "move it away, or name the links that you want with --only", Status: words.ExitFailed}
}

// noFolderError says that there is nowhere to put links.
type noFolderError struct{ path string }

func (e *noFolderError) Error() string { return e.Message().Text() }

func (e *noFolderError) Message() words.Message {
	return words.Message{Subject: e.path, What: "no such directory", Hint: "make it first: mkdir -p " + e.path, Status: words.ExitFailed}
}

// linkNames are the applets that get links: all, or those of a list with commas.
func linkNames(b *front.Program, only string) ([]string, error) {
	var names []string
	if only != "" {
		names = strings.Split(only, ",")
	}
	for _, name := range names {
		if name == front.Self || b.Find(name) == nil {
			return nil, front.Usagef("--only: %q is no command that a link could be made for", name)
		}
	}
	if only == "" {
		for _, a := range b.Applets {
			if a.Name != front.Self {
				names = append(names, a.Name)
			}
		}
	}
	return names, nil
}

// installLinks makes a link to this binary for every applet, or some. A link
// of its own that is there already is replaced; anything else of that name is
// left alone, and an error.
func installLinks(b *front.Program, dir, only string) error {
	if dir == "" {
		return front.Usagef("--install: a directory is missing")
	}
	names, err := linkNames(b, only)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	// One error, and not one for each link.
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return &noFolderError{dir}
	}
	var errs []error
	for _, name := range names {
		link := filepath.Join(dir, name)
		if _, err := os.Lstat(link); err == nil && !isOurLink(link, exe) {
			errs = append(errs, &notOursError{link})
			continue
		}
		errs = append(errs, putLink(linkTarget(exe, dir), link))
	}
	return errors.Join(errs...)
}

// isOurLink reports whether a file is a link to this binary, or to one of that
// name, which may be gone.
func isOurLink(link, exe string) bool {
	target, err := os.Readlink(link)
	if err != nil {
		return false
	}
	if strings.HasPrefix(filepath.Base(target), front.Self) {
		return true
	}
	there, err := os.Stat(link)
	if err != nil {
		return false
	}
	here, err := os.Stat(exe)
	return err == nil && os.SameFile(there, here)
}

// putLink makes a link or replaces it at one stroke, for the command may be
// called at any moment.
func putLink(target, link string) error {
	aside := link + ".new"
	if left, err := os.Readlink(aside); err == nil && left == target {
		// By one that was killed.
		if err := os.Remove(aside); err != nil {
			return err
		}
	}
	if err := os.Symlink(target, aside); err != nil {
		return err
	}
	if err := os.Rename(aside, link); err != nil {
		return errors.Join(err, os.Remove(aside))
	}
	return nil
}

// linkTarget is the bare name if the link lies beside the binary, so that a
// package can be moved as a whole.
func linkTarget(exe, dir string) string {
	abs, err := filepath.Abs(dir)
	if err == nil && abs == filepath.Dir(exe) {
		return filepath.Base(exe)
	}
	return exe
}
