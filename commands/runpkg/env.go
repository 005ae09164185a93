package runpkg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Action is what a package, and every script of it, is asked to do.
type Action string

// Actions, as scripts get them.
const (
	Start Action = "start"
	Stop  Action = "stop"
)

// standardPath is where programs are looked for after the folders of the
// caller's PATH: what starts us may know nothing of sbin.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// tokenVariable marks the processes of one command, or of one start of one
// service.
const tokenVariable = "LUNGUARD_TOKEN"

// environment is what scripts and services of the package see. Values are
// passed as they are, no shell reads them.
func (r *Runner) environment(a Action) []string {
	own := []string{
		"PACKAGE=" + r.Package.Name, "NODE=" + r.Node,
		"SG_PACKAGE=" + r.Package.Name, "SG_PACKAGE_NAME=" + r.Package.Name, "SG_NODE=" + r.Node,
		"SG_SCRIPT_ACTION=" + string(a), "SG_SCRIPT_LOG_FILE=" + r.LogFile,
	}
	if a == Stop {
		own = append(own, "SG_HALT_REASON=user_halt")
	}
	path, _ := lookup(r.Env, "PATH")
	own = append(own, "PATH="+fullPath(path))
	for _, s := range r.Package.Settings {
		if strings.HasPrefix(s.Name, "pev_") {
			own = append(own, strings.ToUpper(s.Name)+"="+s.Value)
		}
	}
	var env []string
	for _, v := range r.Env {
		name, _, _ := strings.Cut(v, "=")
		_, ours := lookup(own, name)
		if !ours && name != "SG_HALT_REASON" && name != tokenVariable {
			env = append(env, v)
		}
	}
	return append(env, own...)
}

// LogName is the log file that the package names, or the one that it has in a
// folder for logs; named tells which. The error is *ParameterError.
func (r *Runner) LogName(folder string) (path string, named bool, err error) {
	value, named := r.Package.Settings.Get("script_log_file")
	if !named {
		path, err = child(folder, r.Package.Name+".log")
		return path, false, err
	}
	path, err = expand(value, r.environment(Start))
	if err == nil && !filepath.IsAbs(path) {
		err = errors.New("its full name was expected")
	}
	if err != nil {
		return "", true, &ParameterError{"script_log_file", value, err.Error()}
	}
	return path, true, nil
}

// fullPath adds the standard folders to a PATH, and takes out what is relative:
// where a program comes from must not depend on where somebody stands.
func fullPath(path string) string {
	var dirs []string
	for _, dir := range strings.Split(path+":"+standardPath, ":") {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, ":")
}

// lookup finds a variable.
func lookup(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if n, v, ok := strings.Cut(env[i], "="); ok && n == name {
			return v, true
		}
	}
	return "", false
}

// errNoProgram says that no folder of PATH has a program.
var errNoProgram = errors.New("no such program")

// program finds the file of a program.
func program(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path, _ := lookup(env, "PATH")
	for _, dir := range strings.Split(path, ":") {
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, errNoProgram)
}
