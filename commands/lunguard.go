package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// version is what the Go tool read from git when it built the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown version)"
	}
	return info.Main.Version
}

func lunguard() *applet {
	return &applet{
		name:    self,
		summary: "list and install the commands, make simulated arrays",
		usage: `
usage: lunguard APPLET [ARGUMENTS]
       lunguard --list
       lunguard --install DIR
       lunguard --version
       lunguard sim WORD [ARGUMENTS]
       lunguard man [SECTION] [PAGE]

  --list         list the applets
  --install DIR  make a symbolic link in DIR for each applet
  --version      print the version

exit status: 0 done; 1 failed; 2 a simulated LUN failed, or refused as reserved`,
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "list"}, &cli.StringFlag{Name: "install"}, &cli.BoolFlag{Name: "version"},
		},
		run: runLunguard,
	}
}

func runLunguard(c *call) error {
	if ops := c.operands(); len(ops) > 0 {
		return usagef("%q was not expected", ops[0])
	}
	switch {
	case c.flags.Bool("version"):
		c.printf("lunguard %s\n", version())
	case c.flags.Bool("list"):
		listApplets(c.Out)
	case c.flags.IsSet("install"):
		return installLinks(c.flags.String("install"))
	default:
		fmt.Fprintln(c.Err, "usage: lunguard APPLET [ARGUMENTS]; the applets are:")
		listApplets(c.Err)
		c.status = exitFailed
	}
	return nil
}

func listApplets(w io.Writer) {
	for _, a := range applets() {
		fmt.Fprintf(w, "%-12s %s\n", a.name, a.summary)
	}
}

// installLinks makes a link to this binary for every applet. A link that is
// there already is replaced; anything else of that name is an error.
func installLinks(dir string) error {
	if dir == "" {
		return usagef("--install: a folder is missing")
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range applets() {
		if a.name == self {
			continue
		}
		link := filepath.Join(dir, a.name)
		if st, err := os.Lstat(link); err == nil && st.Mode()&os.ModeSymlink != 0 {
			if err := os.Remove(link); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		if err := os.Symlink(linkTarget(exe, dir), link); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
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
