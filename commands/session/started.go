package session

import (
	"path/filepath"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/words"
)

// Memory is what this node has written down about a package, by pr_start and by
// cmrunpkg. Errors: *memoryError.
func (s *Session) Memory(pkg *cluster.Package) (cluster.Memory, error) {
	root, err := s.packagesFolder()
	if err != nil {
		return cluster.Memory{}, &memoryError{pkg.Name, err}
	}
	started, err := runpkg.PeekStarted(root, pkg.Name, s.Node.Name)
	if err != nil {
		return cluster.Memory{}, &memoryError{pkg.Name, err}
	}
	phase, err := runpkg.Peek(root, pkg.Name)
	if err != nil {
		return cluster.Memory{}, &memoryError{pkg.Name, err}
	}
	m := cluster.Memory{Unfinished: phase == runpkg.Starting || phase == runpkg.Halting, Halting: phase == runpkg.Halting, Failed: phase == runpkg.Failed}
	if started != nil && !started.Halting {
		m.By = started.By
	}
	return m, nil
}

// packagesFolder is where packages are remembered.
func (s *Session) packagesFolder() (string, error) {
	run, _, err := RunFolders(s.Call)
	return filepath.Join(run, "packages"), err
}

// remember writes down that the LUNs of a package are being given up, or that they were
// taken or given up. A protection that cannot be remembered is one all the same.
func (s *Session) remember(pkg *cluster.Package, note func(root string) error) {
	root, err := s.packagesFolder()
	if err == nil {
		err = note(root)
	}
	if err != nil {
		s.Warn("%s", notRemembered(pkg.Name, err))
	}
}

// notRemembered says what that means.
func notRemembered(pkg string, err error) string {
	return "what was done with package " + pkg + " is not remembered: " + err.Error() + "; pr_check will not see that its keys have gone"
}

// noteBegin and noteEnd keep the record of what was started here.
func (s *Session) noteBegin(run *PackageRun, d front.Deed) {
	if run.Package != nil && run.Package.Name != "" && d == front.DeedHalt {
		s.remember(run.Package, func(root string) error { return runpkg.NoteHalting(root, run.Package.Name, run.Node.Name) })
	}
}

func (s *Session) noteEnd(run *PackageRun, d front.Deed) {
	switch {
	case run.Package == nil || run.Package.Name == "":
	case d == front.DeedStart:
		s.remember(run.Package, func(root string) error { return runpkg.NoteStarted(root, run.Package.Name, run.Node.Name, s.Prog()) })
	case d == front.DeedHalt:
		s.remember(run.Package, func(root string) error { return runpkg.NoteHalted(root, run.Package.Name, run.Node.Name) })
	}
}

// memoryError says that it is not known whether a package was started here.
type memoryError struct {
	pkg string
	err error
}

func (e *memoryError) Error() string {
	return "it is unknown whether package " + e.pkg + " was started here: " + e.err.Error()
}

// Unwrap gives the reason.
func (e *memoryError) Unwrap() error { return e.err }

// Message says it to people.
func (e *memoryError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "only its owner, root, may be able to change what stands there, and to read it; " + RunVariable + " names another directory", Status: words.ExitNode}
}
