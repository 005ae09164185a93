package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/words"
)

// Where the config is looked for.
const (
	ConfigVariable = "LUNGUARD_CONF"
	DefaultConfig  = "/etc/lunguard/cluster.conf"
)

// ConfigPath tells where the config is looked for, and whether it was named
// by somebody.
func ConfigPath(c *front.Call) (path string, named bool) {
	if path = c.Flags.String("config"); path != "" {
		return path, true
	}
	if path = c.Getenv(ConfigVariable); path != "" {
		return path, true
	}
	return DefaultConfig, false
}

// ReadConfig reads the config, which must be there.
func ReadConfig(c *front.Call) (*cluster.Config, error) {
	path, _ := ConfigPath(c)
	return loadWhole(c, path)
}

// loadWhole reads a config, and the control scripts of its legacy packages.
func loadWhole(c *front.Call, path string) (*cluster.Config, error) {
	conf, err := loadConfig(c.Ctx, path)
	if err == nil {
		warnSimulated(c, path, DefaultConfig)
		TakeControlScripts(c, conf)
	}
	return conf, err
}

// warnSimulated says that the environment chooses a simulated host for the config that is
// this machine's own: a variable that was forgotten there would make a success of nothing.
func warnSimulated(c *front.Call, path, own string) {
	if dir := c.Getenv(front.SimVariable); dir != "" && c.Flags.String("sim") == "" && filepath.Clean(path) == own {
		c.Warn("%s", simulatedWords(dir, path))
	}
}

// simulatedWords says that a simulated host is worked on.
func simulatedWords(dir, path string) string {
	return front.SimVariable + " is set: nothing is done on this machine, though " + path + " is its config, but on the simulated host " + dir
}

// ConfigFileError says that the config cannot be read.
type ConfigFileError struct{ Err error }

func (e *ConfigFileError) Error() string { return "no cluster config: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *ConfigFileError) Unwrap() error { return e.Err }

// Message says why the config could not be read or written.
func (e *ConfigFileError) Message() words.Message {
	m := words.Message{What: e.Error(), Hint: "name it with -C FILE or " + ConfigVariable + "; cluster.conf(5) has one to begin with", Status: words.ExitFailed}
	switch {
	case errors.Is(e, ownfile.ErrNotTrusted):
		m.Hint = "what root does stands in it: make root its owner, and take the right to write from group and others, of its directories, too"
	case errors.Is(e, ownfile.ErrBeingWritten), errors.Is(e, ownfile.ErrChanged):
		m.Hint = "another cmapplyconf was run at the same time; look at what it did, then run it again"
	case errors.Is(e, ownfile.ErrSymlink), errors.Is(e, ownfile.ErrNotFile), errors.Is(e, ownfile.ErrNotFolder):
		m.Hint = "put a plain file in its place"
	case errors.Is(e, fs.ErrPermission):
		m.Hint = "run it as root"
	case errors.Is(e, syscall.EMFILE), errors.Is(e, syscall.ENFILE), errors.Is(e, syscall.ENOMEM):
		// What this host lacks, another one may have.
		m.Hint, m.Status = "raise the limit of open files, or of memory, of this host", words.ExitNode
	}
	return m
}

func loadConfig(ctx context.Context, path string) (*cluster.Config, error) {
	conf, err := cluster.LoadConfig(ctx, path)
	var unread *fs.PathError
	if errors.As(err, &unread) {
		return nil, &ConfigFileError{Err: err}
	}
	return conf, err
}

// OptionalConfig reads the config; nil if there is none and nobody named one.
func OptionalConfig(c *front.Call) (*cluster.Config, error) {
	path, named := ConfigPath(c)
	conf, err := loadWhole(c, path)
	if err != nil && !named && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return conf, err
}

// clusterConfig is the config that the command line means; an empty one if it
// cannot be read.
func clusterConfig(l *front.Completion) *cluster.Config {
	path := l.Values["config"]
	if path == "" {
		path = l.Values["conf"]
	}
	if path == "" {
		path = l.Call.Getenv(ConfigVariable)
	}
	if path == "" {
		path = DefaultConfig
	}
	// A pipe would be waited for.
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
		if conf, err := loadConfig(l.Call.Ctx, path); err == nil {
			return conf
		}
	}
	return &cluster.Config{}
}
