package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/cluster/shellfile"
	"lunguard/commands/front"
)

// The vendor's file of folders, and the variable that names another one.
const (
	foldersFile     = "/etc/cmcluster.conf"
	foldersVariable = "SGCONFFILE"
	// maxFolders is how long it may be, in bytes.
	maxFolders = 1 << 20
)

// Variables are what stands for $NAME in the config: those of the environment, then
// those of the vendor's file of folders, then those of the installation.
type Variables struct {
	getenv func(string) string
	// file is where it was looked for, values what it assigns. fault is why it
	// could not be read; it matters only to who needs a value of it.
	file   string
	values map[string]string
	// lines are those at which a value could not be read for certain.
	doubts map[string]shellfile.Doubt
	fault  error
}

// ReadVariables reads the file of folders, if there is one.
func ReadVariables(c *front.Call) *Variables {
	v := &Variables{getenv: c.Getenv, doubts: map[string]shellfile.Doubt{}}
	files := []string{foldersFile}
	if sim := c.Simulated(); sim != "" {
		files = []string{filepath.Join(sim, foldersFile), foldersFile}
	}
	if named := c.Getenv(foldersVariable); named != "" {
		files = []string{named}
	}
	for _, file := range files {
		text, err := ownfile.Read(c.Ctx, file, maxFolders)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		v.file, v.fault = file, err
		v.values = map[string]string{}
		f := shellfile.Read(string(text), nil, true)
		for _, a := range f.Assignments {
			v.values[a.Name] = a.Value
		}
		for _, d := range f.Doubts {
			v.doubts[d.Name] = d
		}
		return v
	}
	v.values = standardFolders(c)
	return v
}

// standardFolders are those of an installation of the vendor's, if there is one, or
// else our own.
func standardFolders(c *front.Call) map[string]string {
	sim := c.Simulated()
	for _, root := range []string{"/opt/cmcluster", "/usr/local/cmcluster"} {
		if st, err := os.Stat(root); sim == "" && err == nil && st.IsDir() {
			return map[string]string{"SGROOT": root, "SGCONF": root + "/conf", "SGSBIN": root + "/bin", "SGLBIN": root + "/bin", "SGLIB": root + "/lib", "SGRUN": root + "/run"}
		}
	}
	run := "/run/lunguard"
	if sim != "" {
		run = filepath.Join(sim, "run")
	}
	if abs, err := filepath.Abs(run); err == nil {
		run = abs
	}
	exe, _ := os.Executable()
	sbin := commandsFolder(exe)
	return map[string]string{"SGCONF": filepath.Dir(DefaultConfig), "SGSBIN": sbin, "SGLBIN": sbin, "SGLIB": "/usr/lib", "SGRUN": run}
}

// commandsFolder is where scripts find the commands with the vendor's names, of which
// a package lays out links beside those that all users have.
func commandsFolder(exe string) string {
	own := filepath.Join(filepath.Dir(filepath.Dir(exe)), "lib", "lunguard", "bin")
	if _, err := os.Stat(filepath.Join(own, "cmrunserv")); err == nil {
		return own
	}
	return filepath.Dir(exe)
}

// Lookup gives the value of a variable.
func (v *Variables) Lookup(name string) (value string, ok bool) {
	if value = v.getenv(name); value != "" {
		return value, true
	}
	if _, doubted := v.doubts[name]; doubted {
		return "", false
	}
	value = v.values[name]
	return value, value != ""
}

// Expand puts the values of variables into the name of a file. Errors:
// *cluster.UnsetError, which may be joined by why the file of folders does not help.
func (v *Variables) Expand(file string) (string, error) {
	path, err := cluster.Expand(file, v.Lookup)
	var unset *cluster.UnsetError
	if !errors.As(err, &unset) {
		return path, err
	}
	if v.fault != nil {
		return "", &foldersError{unset, v.fault.Error()}
	}
	if d, ok := v.doubts[unset.Variable]; ok {
		return "", &foldersError{unset, fmt.Sprintf("%s:%d: %s", v.file, d.Line, d.Reason)}
	}
	return "", err
}

// foldersError says why the file of folders does not have a variable.
type foldersError struct {
	*cluster.UnsetError
	reason string
}

func (e *foldersError) Error() string { return e.UnsetError.Error() + ", " + e.reason }

// Unwrap gives the variable.
func (e *foldersError) Unwrap() error { return e.UnsetError }

// Environment are the variables of the file, or of the installation, that the
// environment does not have, as NAME=VALUE.
func (v *Variables) Environment() []string {
	var list []string
	for name := range v.values {
		if value, ok := v.Lookup(name); ok && v.getenv(name) == "" {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// TakeControlScripts makes the volume groups of control scripts those of their
// legacy packages. Without such packages nothing is read.
func TakeControlScripts(c *front.Call, conf *cluster.Config) {
	for i := range conf.Packages {
		if conf.Packages[i].IsLegacy() {
			conf.TakeControlScripts(c.Ctx, ReadVariables(c).Expand)
			return
		}
	}
}
