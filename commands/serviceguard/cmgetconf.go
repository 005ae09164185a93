package serviceguard

import (
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/session"
	"lunguard/commands/words"
)

// CmGetConf is cmgetconf.
func CmGetConf() *front.Applet {
	return &front.Applet{
		Name:    "cmgetconf",
		Summary: "print the cluster's or a package's file",
		Usage: `
usage: cmgetconf [-v] [-c CLUSTER] [-p PACKAGE] [-C FILE] [--sim DIR] [FILE]

Prints the part of the config that is the cluster with its nodes, or with -p that
of the package, with its comments, as cmapplyconf takes it again without a change;
or writes it to FILE.

  -v             accepted; a number behind it, as in -v 0, too
  -c CLUSTER     the cluster, which must be that of the config
  -p PACKAGE     the package
  -C FILE        the cluster config
  --sim DIR      accepted, see lunguard sim

exit status: 0 printed; 1 error in the command line or config, or FILE cannot be
written; 128 + N ended by signal N`,
		Flags: []cli.Flag{
			front.VerboseFlag(),
			front.Offering(&cli.StringFlag{Name: "cluster", Aliases: []string{"c"}}, session.CompleteCluster),
			front.Offering(&cli.StringFlag{Name: "package", Aliases: []string{"p"}}, session.CompletePackages),
			session.ConfigFlag(), front.SimFlag(),
		},
		Operands: front.OneOf(front.ShellFiles),
		Run:      runGetConf,
	}
}

func runGetConf(c *front.Call) error {
	ops := c.Operands()
	if len(ops) > 0 && c.Verbose() && len(ops[0]) == 1 && strings.Contains("0123456789", ops[0]) {
		// The vendor's -v has a level behind it.
		ops = ops[1:]
	}
	if len(ops) > 1 {
		return front.Usagef("one file was expected, not %d", len(ops))
	}
	conf, err := session.ReadConfig(c)
	if err != nil {
		return err
	}
	if name := c.Flags.String("cluster"); name != "" && name != conf.Name {
		return &otherClusterError{name: name, conf: conf}
	}
	name := c.Flags.String("package")
	if name != "" {
		if _, err := conf.Package(name); err != nil {
			return err
		}
	}
	text, err := cluster.Part(c.Ctx, conf.Path, name)
	if err != nil {
		return &session.ConfigFileError{Err: err}
	}
	if len(ops) == 0 {
		return writeConfig(c, text)
	}
	if err := ownfile.Publish(ops[0], text); err != nil {
		return &outputFileError{err}
	}
	return nil
}

// writeConfig prints a config byte by byte, for cmapplyconf to read, unless a terminal would
// act on something in it. It does not on a carriage return before the end of a line.
func writeConfig(c *front.Call, text []byte) error {
	out := c.Out
	acts := func(r rune) bool { return r != '\n' && r != '\t' && picture.Unprintable(r, utf8.RuneLen(r)) }
	if !strings.ContainsFunc(strings.ReplaceAll(string(text), "\r\n", "\n"), acts) {
		out = front.Raw(c.Out)
	}
	_, err := out.Write(text)
	return err
}

// outputFileError says that a file cannot be written.
type outputFileError struct{ err error }

func (e *outputFileError) Error() string { return "the output: " + e.err.Error() }

// Unwrap gives the reason.
func (e *outputFileError) Unwrap() error { return e.err }

func (e *outputFileError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "name a plain file in a directory that you can write to", Status: words.ExitFailed}
}
