package commands

import (
	"errors"
	"io/fs"
	"os"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/words"
)

// Where the config is looked for.
const (
	configVariable = "LUNGUARD_CONF"
	defaultConfig  = "/etc/lunguard/cluster.conf"
)

// configPath tells where the config is looked for, and whether it was named
// by somebody.
func configPath(c *front.Call) (path string, named bool) {
	if path = c.Flags.String("config"); path != "" {
		return path, true
	}
	if path = c.Getenv(configVariable); path != "" {
		return path, true
	}
	return defaultConfig, false
}

// readConfig reads the config, which must be there.
func readConfig(c *front.Call) (*cluster.Config, error) {
	path, _ := configPath(c)
	return loadConfig(path)
}

// configFileError says that the config cannot be read.
type configFileError struct{ err error }

func (e *configFileError) Error() string { return "no cluster config: " + e.err.Error() }

func (e *configFileError) Unwrap() error { return e.err }

// Message says why the config could not be read or written.
func (e *configFileError) Message() words.Message {
	m := words.Message{What: e.Error(), Hint: "name it with -C FILE or " + configVariable, Status: words.ExitFailed}
	switch {
	case errors.Is(e, ownfile.ErrNotTrusted):
		m.Hint = "what root does stands in it: make root its owner, and take the right to write from group and others, of its folders, too"
	case errors.Is(e, ownfile.ErrBeingWritten), errors.Is(e, ownfile.ErrChanged):
		m.Hint = "another cmapplyconf was run at the same time; look at what it did, then run it again"
	case errors.Is(e, ownfile.ErrSymlink), errors.Is(e, ownfile.ErrNotFile), errors.Is(e, ownfile.ErrNotFolder):
		m.Hint = "put a plain file in its place"
	case errors.Is(e, fs.ErrPermission):
		m.Hint = "run it as root"
	}
	return m
}

func loadConfig(path string) (*cluster.Config, error) {
	conf, err := cluster.LoadConfig(path)
	var unread *fs.PathError
	if errors.As(err, &unread) {
		return nil, &configFileError{err}
	}
	return conf, err
}

// optionalConfig reads the config; nil if there is none and nobody named one.
func optionalConfig(c *front.Call) (*cluster.Config, error) {
	path, named := configPath(c)
	conf, err := loadConfig(path)
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
		path = l.Call.Getenv(configVariable)
	}
	if path == "" {
		path = defaultConfig
	}
	// A pipe would be waited for.
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
		if conf, err := loadConfig(path); err == nil {
			return conf
		}
	}
	return &cluster.Config{}
}
