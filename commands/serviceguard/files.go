package serviceguard

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
)

// files are those of a command line: the config, and what goes into it.
type files struct {
	conf, cluster string
	packages      []string
	// keys has keys of nodes; empty if none are to be taken.
	keys string
}

// isWhole reports whether -C names a config, and no file that goes into one.
func (f files) isWhole(c *front.Call) bool {
	return f.cluster != "" && len(f.packages) == 0 && f.keys == "" && c.Flags.String("conf") == "" && cluster.IsWhole(c.Ctx, f.cluster)
}

func namedFiles(c *front.Call) (files, error) {
	if ops := c.Operands(); len(ops) > 0 {
		return files{}, front.Usagef("%s: name files with -C or -P", ops[0])
	}
	packages, err := packageFiles(c)
	named := files{c.Flags.String("conf"), c.Flags.String("cluster"), packages, c.Flags.String("keys-from")}
	if err == nil && named.keys != "" && named.cluster == "" {
		err = front.Usagef("--keys-from %s: the nodes that get the keys stand in a cluster file, name it with -C", named.keys)
	}
	if named.conf == "" {
		named.conf, _ = session.ConfigPath(c)
	}
	return named, err
}

// inputFault says which file cannot be read; other errors stay as they are.
func inputFault(named files, err error) error {
	var unread *os.PathError
	switch {
	case errors.As(err, &unread) && unread.Path == named.conf:
		return &session.ConfigFileError{Err: err}
	case errors.As(err, &unread):
		return &inputFileError{unread}
	}
	return err
}

// asked reports whether a package is what the command line is about. Without
// files it is about all.
func (f files) asked(pkg *cluster.Package) bool {
	return f.cluster == "" && len(f.packages) == 0 || slices.Contains(f.packages, pkg.Settings[0].At.File)
}

// inputFileError says that a file that the command line names cannot be read.
type inputFileError struct{ *os.PathError }

// inputFile is the error for a file.
func inputFile(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	var unread *os.PathError
	if errors.As(err, &unread) {
		return &inputFileError{unread}
	}
	return &inputFileError{&os.PathError{Op: "read", Path: name, Err: err}}
}

func (e *inputFileError) Message() words.Message {
	m := words.Message{Subject: e.Path, What: e.Err.Error(), Hint: "it was named by -C, -P or -p, or in the file of -p", Status: words.ExitFailed}
	if errors.Is(e, ownfile.ErrNotTrusted) {
		m.Hint = "what root does stands in it, or in what it names: make root its owner, and take the right to write from group and others, of its directories, too"
	}
	return m
}

// packageFiles are those of -P, and those that the file of -p lists.
func packageFiles(c *front.Call) ([]string, error) {
	files := c.Several("package")
	list := c.Flags.String("reference")
	if list == "" {
		return files, nil
	}
	text, err := ownfile.Read(c.Ctx, list, 1<<20)
	if err != nil {
		return nil, inputFile(c.Ctx, list, err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			files = append(files, line)
		}
	}
	return files, nil
}
