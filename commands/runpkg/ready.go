package runpkg

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LackError says what a start of a package, or the halt after it, needs, and this
// host lacks.
type LackError struct {
	// Step needs it.
	Step string
	// What is a program, a folder or a device.
	What   string
	Reason string
	sure   certainty
}

// certainty is how sure it is that something lacks.
type certainty uint8

const (
	// Nobody will bring it.
	_ certainty = iota
	// scripted: it is not there, but an external_pre_script may bring it.
	scripted
	// unseen: it could not be looked for.
	unseen
)

func (e *LackError) Error() string { return e.Step + ": " + e.What + ": " + e.Reason }

// Ready looks for all that a start of the package and the halt after it need, or a
// halt alone, before anything is begun: what is found to be missing on the way
// leaves a package that is half up, or cannot be halted. Those that are given besides could
// not be looked for, or are to be brought by an external_pre_script. Errors: as from Check;
// *LackError, *ParameterError of a script that others can change, joined.
func (r *Runner) Ready(a Action) (open []*LackError, err error) {
	steps, err := r.steps()
	if err != nil {
		return nil, err
	}
	if a == Start {
		err = trustScripts(r)
	}
	open, missing := lacks(a, steps, scriptsFirst(steps))
	return open, errors.Join(err, missing)
}

// scriptsFirst reports whether steps have a script of the package's that runs before the
// reservations are made.
func scriptsFirst(steps []step) bool { return len(steps) > 0 && steps[0].kind() == externalPre }

// lacks are the lacks of some steps; scripts says that a script comes before them.
func lacks(a Action, steps []step, scripts bool) (open []*LackError, err error) {
	var errs []error
	for _, s := range steps {
		for _, l := range s.lacks(a) {
			l.Step = s.name()
			if l.sure == unseen || l.sure == scripted && scripts {
				open = append(open, &l)
				continue
			}
			errs = append(errs, &l)
		}
	}
	return open, errors.Join(errs...)
}

// programs are those of some programs that are not there.
func programs(r *Runner, names ...string) []LackError {
	var list []LackError
	for _, name := range names {
		file, err := program(name, r.environment(Start))
		if err != nil {
			list = append(list, LackError{What: name, Reason: errNoProgram.Error()})
		} else if reason := notProgram(file); reason != "" {
			list = append(list, LackError{What: file, Reason: reason})
		}
	}
	return list
}

// notProgram is why a file cannot be run, empty if it can.
func notProgram(file string) string {
	st, err := os.Stat(file)
	var pe *os.PathError
	switch {
	case errors.As(err, &pe):
		return pe.Err.Error()
	case err != nil:
		return err.Error()
	case !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0:
		return "it is no program"
	}
	return ""
}

// onOwn reports whether a file lies on a file system of the package, and so is not
// there before the start.
func onOwn(r *Runner, file string) bool {
	return slices.ContainsFunc(r.Package.Settings.All("fs_directory"), func(value string) bool {
		dir, err := expand(value, r.environment(Start))
		if err != nil {
			return false
		}
		rel, err := filepath.Rel(dir, file)
		return err == nil && rel != "." && filepath.IsLocal(rel)
	})
}

// unrunnable are those of some scripts and programs of the package that cannot be run.
func unrunnable(r *Runner, files ...string) []LackError {
	var list []LackError
	for _, file := range files {
		switch reason := notProgram(file); {
		case reason == "":
		case onOwn(r, file):
			list = append(list, LackError{What: file, Reason: "it lies on a file system of the package, which is not mounted", sure: unseen})
		default:
			list = append(list, LackError{What: file, Reason: reason})
		}
	}
	return list
}

func (s *reservationStep) lacks(Action) []LackError { return nil }
func (s *scriptStep) lacks(Action) []LackError      { return unrunnable(s.Runner, s.file) }
func (s *groupStep) lacks(Action) []LackError       { return programs(s.Runner, s.cmd.activate[0]) }

func (s *legacyStep) lacks(a Action) []LackError {
	if a == Stop {
		return unrunnable(s.Runner, s.halter)
	}
	return unrunnable(s.Runner, s.starter, s.halter)
}

// lacks looks at a command line that is plainly one command. What else a shell makes
// of it, only the shell can tell.
func (s *serviceStep) lacks(a Action) []LackError {
	if a == Stop {
		return nil
	}
	name, plain := soleCommand(s.s.Command)
	switch {
	case !plain:
		return []LackError{{What: s.s.Command, Reason: "only a shell can tell what that runs", sure: unseen}}
	case strings.Contains(name, "/"):
		return unrunnable(s.Runner, name)
	}
	return programs(s.Runner, name)
}

// soleCommand is the program that a shell's command line runs; plain says that it is
// told by its first words, and runs no other.
func soleCommand(line string) (name string, plain bool) {
	if strings.ContainsAny(line, ";&|()`\n") || strings.Contains(line, "$(") {
		return "", false
	}
	words, err := splitWords(line)
	if err != nil {
		return "", false
	}
	for len(words) > 0 && (words[0] == "exec" || isAssignment(words[0])) {
		words = words[1:]
	}
	const others = ".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-"
	// What a shell does by itself has no file.
	shells := []string{".", "break", "cd", "command", "continue", "eval", "exit", "export", "read", "return", "set", "source", "trap", "umask", "wait"}
	if len(words) == 0 || strings.Trim(words[0], others) != "" || slices.Contains(shells, words[0]) {
		return "", false
	}
	return words[0], filepath.IsAbs(words[0]) || !strings.Contains(words[0], "/")
}

// isAssignment reports whether a word sets a variable.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && !strings.ContainsAny(name, "/.-+")
}

func (s *fileSystemStep) lacks(a Action) []LackError {
	if a == Stop {
		return programs(s.Runner, s.umount[0])
	}
	names := []string{s.mount[0], s.umount[0]}
	if s.fsck != nil {
		names = append(names, s.fsck[0])
	}
	list := programs(s.Runner, names...)
	switch st, err := os.Stat(s.directory); {
	case err == nil && st.IsDir():
	case onOwn(s.Runner, s.directory):
		list = append(list, LackError{What: s.directory, Reason: "it lies on a file system of the package, which is not mounted", sure: unseen})
	default:
		list = append(list, LackError{What: s.directory, Reason: "no such directory to mount it on", sure: scripted})
	}
	return append(list, s.lacksDevice()...)
}

// lacksDevice looks for what is to be mounted.
func (s *fileSystemStep) lacksDevice() []LackError {
	if s.Exists == nil {
		return nil
	}
	switch there, err := s.Exists(s.device, s.Package.Groups); {
	case err != nil:
		return []LackError{{What: s.device, Reason: "not known whether it is there, " + err.Error(), sure: unseen}}
	case !there:
		return []LackError{{What: s.device, Reason: "no such device or logical volume", sure: scripted}}
	}
	return nil
}
