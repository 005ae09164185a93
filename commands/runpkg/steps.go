package runpkg

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"lunguard/cluster"
)

// step is one thing that a start does and a halt undoes.
type step interface {
	kind() kind
	// name is the step in messages.
	name() string
	// tell is the line in the log when it begins.
	tell(Action) string
	// plan is what a rehearsal prints.
	plan(Action) string
	// half reports whether a start or stop of the step that failed may have
	// left something of it, so that a start has to undo it and a halt must not
	// give the reservations up. A script is not asked to stop what it could
	// not start.
	half() bool
	// lacks is what the step needs in a start and the halt after it, or in a halt
	// alone, and this host does not have; whose step it is is filled in.
	lacks(Action) []LackError
	do(context.Context, Action) error
}

// kind is the class of a step.
type kind uint8

const (
	externalPre kind = iota
	reservations
	volumeGroup
	fileSystem
	externalScript
	service
	// legacyScript stands for all that a package does by itself.
	legacyScript
)

// function is the name of the step in error lines of the log.
func (k kind) function(a Action) string {
	start, stop := "", ""
	switch k {
	case externalPre:
		start, stop = "external_pre_script", "external_pre_script"
	case reservations:
		start, stop = "make_reservations", "give_up_reservations"
	case volumeGroup:
		start, stop = "activate_volume_group", "deactivate_volume_group"
	case fileSystem:
		start, stop = "check_and_mount", "umount_fs"
	case externalScript:
		start, stop = "external_script", "external_script"
	case service:
		start, stop = "start_services", "halt_services"
	case legacyScript:
		start, stop = "customer_defined_run_cmds", "customer_defined_halt_cmds"
	}
	if a == Stop {
		return stop
	}
	return start
}

// joinSteps lists names of steps.
func joinSteps(names []string) string { return strings.Join(names, ", ") }

// Planned is one step as a rehearsal shows it.
type Planned struct {
	Text string
	// Reservations says that it is the step that makes them, or gives them up.
	Reservations bool
}

// Plan lists the steps of a start or halt, in order. Nothing is done. Errors:
// as from Check.
func (r *Runner) Plan(a Action) ([]Planned, error) {
	steps, err := r.steps()
	if err != nil {
		return nil, err
	}
	list := make([]Planned, len(steps))
	for i, s := range steps {
		at := i
		if a == Stop {
			at = len(steps) - 1 - i
		}
		list[at] = Planned{s.plan(a), s.kind() == reservations}
	}
	return list, nil
}

// steps makes the steps of a start, in order. All that can be wrong with their
// words is found here, before the first one.
func (r *Runner) steps() ([]step, error) {
	if r.Package.IsLegacy() {
		return r.legacySteps()
	}
	steps, err := scripts(r, externalPre)
	if err != nil {
		return nil, err
	}
	steps = append(steps, &reservationStep{r})
	more := []func(*Runner) ([]step, error){
		groupSteps, fileSystemSteps,
		func(r *Runner) ([]step, error) { return scripts(r, externalScript) },
		serviceSteps,
	}
	for _, f := range more {
		list, err := f(r)
		if err != nil {
			return nil, err
		}
		steps = append(steps, list...)
	}
	return steps, nil
}

// legacySteps are those of a package that does all by itself but the
// reservations.
func (r *Runner) legacySteps() ([]step, error) {
	for _, name := range []string{"external_pre_script", "external_script", "fs_name", "service_cmd"} {
		if v, ok := r.Package.Settings.Get(name); ok {
			return nil, &ParameterError{name, v, "it does not go with run_script and halt_script"}
		}
	}
	s := &legacyStep{Runner: r}
	for _, script := range []struct {
		name string
		file *string
	}{{"run_script", &s.starter}, {"halt_script", &s.halter}} {
		name, file := script.name, script.file
		value, ok := r.Package.Settings.Get(name)
		if !ok {
			return nil, &ParameterError{name, "", "it is missing, run_script and halt_script go together"}
		}
		var err error
		if *file, err = expand(value, r.environment(Start)); err != nil {
			return nil, &ParameterError{name, value, err.Error()}
		}
	}
	return []step{&reservationStep{r}, s}, nil
}

// ParameterError says that the value of a parameter cannot be acted on.
type ParameterError struct{ Name, Value, Reason string }

func (e *ParameterError) Error() string {
	return strings.TrimSpace(e.Name+" "+e.Value) + ": " + e.Reason
}

func scripts(r *Runner, k kind) ([]step, error) {
	name := "external_script"
	if k == externalPre {
		name = "external_pre_script"
	}
	var list []step
	for _, value := range r.Package.Settings.All(name) {
		file, err := expand(value, r.environment(Start))
		if err != nil {
			return nil, &ParameterError{name, value, err.Error()}
		}
		list = append(list, &scriptStep{r, k, file})
	}
	return list, nil
}

func groupSteps(r *Runner) ([]step, error) {
	cmd, err := parseVGChange(r.Package.VGChange())
	if err != nil {
		return nil, &ParameterError{"vgchange_cmd", r.Package.VGChange(), err.Error()}
	}
	var list []step
	retries := count(r, "deactivation_retry_count", 0)
	for _, g := range r.Package.Groups {
		list = append(list, &groupStep{r, g, cmd, retries})
	}
	return list, nil
}

func fileSystemSteps(r *Runner) ([]step, error) {
	var list []step
	mounts, umounts := count(r, "fs_mount_retry_count", 0), count(r, "fs_umount_retry_count", 1)
	for _, f := range r.Package.FileSystems() {
		s := &fileSystemStep{Runner: r, fs: f, mountRetries: mounts, umountRetries: umounts}
		if err := s.parse(); err != nil {
			return nil, err
		}
		if rel, err := filepath.Rel(s.directory, r.LogFile); err == nil && filepath.IsLocal(rel) {
			return nil, &ParameterError{"script_log_file", r.LogFile, "it lies on a file system of the package, which could not be unmounted"}
		}
		list = append(list, s)
	}
	return list, nil
}

func serviceSteps(r *Runner) ([]step, error) {
	var list []step
	seen := map[string]bool{}
	for _, s := range r.Package.Services() {
		if seen[s.Name] {
			return nil, &ParameterError{"service_name", s.Name, "the package has another service of that name"}
		}
		seen[s.Name] = true
		list = append(list, &serviceStep{r, s})
	}
	return list, nil
}

// count is a number of the package.
func count(r *Runner, name string, otherwise int) int {
	v, _ := r.Package.Settings.Get(name)
	if n, err := strconv.Atoi(v); err == nil {
		return n
	}
	return otherwise
}

// reservationStep makes the reservations and gives them up.
type reservationStep struct{ *Runner }

func (s *reservationStep) kind() kind   { return reservations }
func (s *reservationStep) name() string { return "reservations" }
func (s *reservationStep) half() bool   { return false }

func (s *reservationStep) tell(a Action) string {
	if a == Stop {
		return "Giving up the reservations."
	}
	return "Making the reservations."
}

func (s *reservationStep) plan(a Action) string { return strings.TrimSuffix(s.tell(a), ".") }

func (s *reservationStep) do(ctx context.Context, a Action) error {
	if a == Stop {
		return s.Release(ctx)
	}
	return s.Reserve(ctx)
}

// scriptStep is an external script.
type scriptStep struct {
	*Runner
	k    kind
	file string
}

func (s *scriptStep) kind() kind   { return s.k }
func (s *scriptStep) name() string { return s.file }
func (s *scriptStep) half() bool   { return false }

func (s *scriptStep) tell(a Action) string { return "Running " + s.plan(a) }
func (s *scriptStep) plan(a Action) string { return joinWords([]string{s.file, string(a)}) }

func (s *scriptStep) do(ctx context.Context, a Action) error {
	return s.runScript(ctx, s.file, a)
}

// runScript runs a script of the package, as a script: by its exit status it
// may ask for another node.
func (r *Runner) runScript(ctx context.Context, file string, a Action) error {
	err := r.run(ctx, []string{file, string(a)}, r.environment(a))
	if exit, ok := err.(*ExitError); ok {
		exit.byScript = true
	}
	return err
}

// legacyStep is the control script of a package of the old kind.
type legacyStep struct {
	*Runner
	starter, halter string
}

func (s *legacyStep) kind() kind   { return legacyScript }
func (s *legacyStep) name() string { return s.file(Start) }
func (s *legacyStep) half() bool   { return true }

func (s *legacyStep) file(a Action) string {
	if a == Stop {
		return s.halter
	}
	return s.starter
}

func (s *legacyStep) tell(a Action) string { return "Running " + s.plan(a) }
func (s *legacyStep) plan(a Action) string { return joinWords([]string{s.file(a), string(a)}) }

func (s *legacyStep) do(ctx context.Context, a Action) error {
	err := s.runScript(ctx, s.file(a), a)
	if err != nil || a == Start {
		return err
	}
	// What it says is not all that is known.
	if err := s.stopServices(ctx); err != nil {
		return err
	}
	for _, g := range s.Package.Groups {
		if err := inactive(s.Runner, g); err != nil {
			return err
		}
	}
	return nil
}

// serviceStep is a service.
type serviceStep struct {
	*Runner
	s cluster.Service
}

func (s *serviceStep) kind() kind   { return service }
func (s *serviceStep) name() string { return "service " + s.s.Name }
func (s *serviceStep) half() bool   { return true }

func (s *serviceStep) tell(a Action) string {
	if a == Stop {
		return "Halting service " + s.s.Name + "."
	}
	return "Starting service " + s.s.Name + " using \"" + s.s.Command + "\"."
}

func (s *serviceStep) plan(a Action) string {
	if a == Stop {
		if s.s.HaltTimeout == 0 {
			return "Kill service " + s.s.Name
		}
		return fmt.Sprintf("Halt service %s, SIGKILL after %v", s.s.Name, s.s.HaltTimeout)
	}
	return "Start service " + s.s.Name + ": " + s.s.Command
}

func (s *serviceStep) do(ctx context.Context, a Action) error {
	if a == Stop {
		return s.stopService(ctx, s.s)
	}
	return s.startService(ctx, s.s)
}
