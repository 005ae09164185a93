package serviceguard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lunguard/child"
	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/session"
	"lunguard/commands/words"
)

// CmCheckConf is cmcheckconf.
func CmCheckConf() *front.Applet {
	return &front.Applet{
		Name:    "cmcheckconf",
		Summary: "check cluster and package files",
		Usage: `
usage: cmcheckconf [-v] [--json] [-C FILE] [-P FILE]... [-p FILE] [-n NODE]

Checks the files together with the config that they would go into, and this
node's LUNs. Changes nothing.
` + applyOptions + `
  --json         the outcome for a program, see json.md

exit status: 0 no fault; 1 faults, foreign keys; 2 a device cannot be read;
128 + N ended by signal N`,
		Flags: applyFlags(front.JSONFlag()),
		Run: func(c *front.Call) error {
			named, err := namedFiles(c)
			if err != nil {
				return err
			}
			if named.isWhole(c) {
				named.conf, named.cluster = named.cluster, ""
			}
			a, err := checkConfig(c, named)
			if err != nil {
				return err
			}
			c.Document = newConfDocument(a)
			if !a.sound || c.Flags.Bool(front.JSONOption) {
				return nil
			}
			c.Printf("Verification completed with no errors found.\n")
			if a.merge.Changed() {
				c.Printf("Use the cmapplyconf command to apply the configuration.\n")
			}
			return nil
		},
	}
}

// confDocument is what cmcheckconf --json prints.
type confDocument struct {
	front.Envelope
	Config string `json:"config"`
	Node   string `json:"local_node"`
	// Sound says that there is no fault, Changed that cmapplyconf would write
	// something.
	Sound    bool              `json:"sound"`
	Changed  bool              `json:"changed"`
	Mode     cluster.PRMode    `json:"cluster_pr_mode"`
	Packages []lookedAtPackage `json:"packages"`
}

// lookedAtPackage is a package of which this node's LUNs were looked at.
type lookedAtPackage struct {
	Package string         `json:"package"`
	Mode    cluster.PRMode `json:"pkg_pr_mode"`
	// LUNs is nil if they could not be found and opened.
	LUNs *int `json:"luns"`
}

func newConfDocument(a *application) *confDocument {
	return &confDocument{Config: a.merge.Config.Path, Node: a.Node.Name, Sound: a.sound, Changed: a.merge.Changed(),
		Mode: a.mode, Packages: append([]lookedAtPackage{}, a.looked...)}
}

// checkPackage finds, on a node that may run the package, steps that cannot be
// carried out, and scripts that cannot be run or that say no. asked says that the
// package is what was asked about; scripts of others are not called.
func (a *application) checkPackage(pkg *cluster.Package, asked bool) []error {
	errs := []error{checkFileSystems(pkg)}
	if pkg.RunsOn(a.Node.Name) {
		vars := session.ReadVariables(a.Call)
		scripts := scriptsOf(pkg, vars, asked)
		unset := unsetVariables(vars, pkg)
		if errs = append(errs, unset...); len(unset) == 0 {
			errs = append(errs, a.checkSteps(pkg, asked, scripts))
		}
		for _, s := range scripts {
			if pkg.IsLegacy() {
				errs = append(errs, findScript(s.path, s.Setting))
			} else {
				errs = append(errs, a.validate(pkg, s.path, s.Setting))
			}
		}
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// script is a file that a parameter names.
type script struct {
	cluster.Setting
	path string
}

// scriptsOf lists the scripts of a package that are looked at one by one.
func scriptsOf(pkg *cluster.Package, vars *session.Variables, asked bool) []script {
	var list []script
	for _, s := range pkg.Settings {
		switch s.Name {
		case "run_script", "halt_script":
		case "external_pre_script", "external_script":
			if !asked || pkg.IsLegacy() {
				continue
			}
		default:
			continue
		}
		if path, err := vars.Expand(s.Value); err == nil {
			list = append(list, script{s, path})
		}
	}
	return list
}

// unsetVariables finds names of files with a variable that nobody sets, each of
// them.
func unsetVariables(vars *session.Variables, pkg *cluster.Package) []error {
	var errs []error
	for _, s := range pkg.Settings {
		switch s.Name {
		case "run_script", "halt_script", "external_pre_script", "external_script", "script_log_file", "fs_name", "fs_directory":
			var unset *cluster.UnsetError
			if _, err := vars.Expand(s.Value); errors.As(err, &unset) && !setForScripts(unset.Variable) {
				errs = append(errs, &scriptError{setting: s, unset: unset.Variable, reason: strings.TrimPrefix(err.Error(), s.Value+": ")})
			}
		}
	}
	return errs
}

// setForScripts reports whether a variable is there when a script runs.
func setForScripts(name string) bool {
	return name == "PACKAGE" || name == "NODE" || name == "PATH" || strings.HasPrefix(name, "SG_") || strings.HasPrefix(name, "PEV_")
}

// checkSteps looks whether the steps of a start can be put together, and whether
// what they need is here; scripts are those that are looked at besides. What could not
// be looked for is told of a package that was asked about.
func (a *application) checkSteps(pkg *cluster.Package, asked bool, scripts []script) error {
	j, err := newJob(a.Session, pkg)
	var open []*runpkg.LackError
	if err == nil {
		open, err = j.runner.Ready(runpkg.Start)
	}
	var errs []error
	for _, leaf := range words.Leaves(err) {
		var parameter *runpkg.ParameterError
		var lack *runpkg.LackError
		errors.As(leaf, &parameter)
		errors.As(leaf, &lack)
		switch {
		case slices.ContainsFunc(scripts, func(s script) bool {
			return lack != nil && lack.What == s.path || parameter != nil && parameter.Name == s.Name && parameter.Value == s.Value
		}):
		case parameter != nil:
			errs = append(errs, &stepError{parameterAt(pkg, parameter), pkg.Name, parameter})
		case lack != nil && !carriedOut(pkg):
			// pr_start does what there is to be done with it, which needs none of that.
			a.Warn("package %s: %v; cmrunpkg cannot start it here", pkg.Name, lack)
		default:
			errs = append(errs, &jobError{pkg: pkg.Name, err: leaf})
		}
	}
	for _, lack := range open {
		if asked {
			a.Warn("package %s: not checked: %v", pkg.Name, lack)
		}
	}
	return errors.Join(errs...)
}

// carriedOut reports whether a package has something that cmrunpkg alone does: more
// than reservations, and volume groups that others may activate.
func carriedOut(pkg *cluster.Package) bool {
	return slices.ContainsFunc([]string{"fs_name", "external_pre_script", "external_script", "service_name", "run_script", "halt_script"}, func(name string) bool {
		_, ok := pkg.Settings.Get(name)
		return ok
	})
}

// parameterAt is where a parameter stands; the head of its package if it is missing.
func parameterAt(pkg *cluster.Package, e *runpkg.ParameterError) cluster.Position {
	at := pkg.Settings[0].At
	for _, s := range pkg.Settings {
		if s.Name == e.Name && (s.Value == e.Value || e.Value == "") {
			at = s.At
		}
	}
	return at
}

// stepError says that a step of a start cannot be put together.
type stepError struct {
	at  cluster.Position
	pkg string
	err *runpkg.ParameterError
}

func (e *stepError) Error() string {
	return fmt.Sprintf("%s:%d: package %s: %v", e.at.File, e.at.Line, e.pkg, e.err)
}

// Unwrap gives the reason.
func (e *stepError) Unwrap() error { return e.err }

func (e *stepError) Message() words.Message {
	return words.Message{What: e.Error(), Status: words.ExitFailed}
}

// checkFileSystems refuses a file system on a volume group that the package
// does not have: it would be mounted without any reservation.
func checkFileSystems(pkg *cluster.Package) error {
	var errs []error
	for _, b := range pkg.Settings.Blocks("fs_name") {
		group, volume, ok := strings.Cut(strings.TrimPrefix(b[0].Value, "/dev/"), "/")
		if !ok || strings.Contains(volume, "/") || group == "mapper" || group == "disk" {
			continue
		}
		if !slices.Contains(pkg.Groups, group) {
			errs = append(errs, &cluster.ConfigError{File: b[0].At.File, Line: b[0].At.Line, Word: b[0].Value,
				Expected: "a volume of a vg of the package was expected"})
		}
	}
	return errors.Join(errs...)
}

// scriptError says that a script cannot be run.
type scriptError struct {
	setting cluster.Setting
	reason  string
	// asked says that it was run, and does not say that it is ready.
	asked bool
	// unset is a variable of its name that is not set; empty if all are.
	unset string
}

func (e *scriptError) Error() string {
	return fmt.Sprintf("%s:%d: %s %s: %s", e.setting.At.File, e.setting.At.Line, e.setting.Name, e.setting.Value, e.reason)
}

func (e *scriptError) Message() words.Message {
	m := words.Message{What: e.Error(), Hint: "it must be a file on every node of the package that root can run", Status: words.ExitFailed}
	if e.unset != "" {
		m.Hint = "set " + e.unset + " in /etc/cmcluster.conf, or for this command and for cmrunpkg, or write the full name"
	}
	if e.asked {
		m.Hint = "the script is not ready to run the package; what it has printed stands above"
	}
	return m
}

// findScript looks at the file of a script.
func findScript(path string, s cluster.Setting) error {
	if !filepath.IsAbs(path) {
		return &scriptError{setting: s, reason: "its full name was expected"}
	}
	st, err := os.Stat(path)
	var pe *os.PathError
	switch {
	case errors.As(err, &pe):
		return &scriptError{setting: s, reason: pe.Err.Error()}
	case err != nil:
		return &scriptError{setting: s, reason: err.Error()}
	case !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0:
		return &scriptError{setting: s, reason: "it is no program"}
	}
	if err := ownfile.Trust(path); errors.As(err, &pe) {
		return &scriptError{setting: s, reason: pe.Err.Error()}
	}
	return nil
}

// validateTimeout is how long a script may look at itself.
const validateTimeout = time.Minute

// validate asks an external script whether it is ready.
func (a *application) validate(pkg *cluster.Package, path string, s cluster.Setting) error {
	if err := findScript(path, s); err != nil {
		return err
	}
	draft, err := a.draft()
	if err != nil {
		return err
	}
	env := append(append(os.Environ(), session.ReadVariables(a.Call).Environment()...), "SG_PACKAGE_NAME="+pkg.Name, session.ConfigVariable+"="+draft)
	// It gets no stream of ours, which a child that it leaves would keep open.
	said, err := child.Run(a.Ctx, validateTimeout, env, path, "validate")
	a.Err.Write(said.Out)
	a.Err.Write(said.Err)
	switch hung := (*child.HungError)(nil); {
	case errors.As(err, &hung):
		return &scriptError{setting: s, reason: "validate took too long", asked: true}
	case err != nil:
		return &scriptError{setting: s, reason: "validate: " + err.Error(), asked: true}
	}
	return nil
}
