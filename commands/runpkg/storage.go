package runpkg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lunguard/cluster"
)

// vgchange is the command that activates and deactivates volume groups.
type vgchange struct {
	activate, deactivate []string
	// mode is what it activates by: y, e, ey, s, sy, and so on.
	mode string
}

// errNoCommand says that a command line is empty.
var errNoCommand = errors.New("a command was expected")

// parseVGChange takes vgchange_cmd and makes of it the command that
// deactivates: the same program with -a n, and with those options that tell
// it where it finds things. The others are about activation.
func parseVGChange(text string) (vgchange, error) {
	words, err := splitWords(text)
	if err != nil {
		return vgchange{}, err
	}
	if len(words) == 0 {
		return vgchange{}, errNoCommand
	}
	v := vgchange{activate: words}
	v.deactivate = append(v.deactivate, words[0], "-a", "n")
	for i := 1; i < len(words); i++ {
		name, value, glued := strings.Cut(words[i], "=")
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case name == "--activate" && glued:
			v.mode = value
		case name == "--activate", name == "-a":
			v.mode = next
			i++
		case strings.HasPrefix(name, "-a"):
			v.mode = name[len("-a"):]
		case !keepsOption(name):
		case glued:
			v.deactivate = append(v.deactivate, words[i])
		case next != "":
			v.deactivate = append(v.deactivate, name, next)
			i++
		}
	}
	return v, nil
}

// keepsOption reports whether the option, which has a value, belongs to
// deactivating, too.
func keepsOption(name string) bool {
	return slices.Contains([]string{"--config", "--devices", "--devicesfile", "--profile", "--commandprofile"}, name)
}

// words tells how the group is activated.
func (v vgchange) words() string {
	switch {
	case strings.HasPrefix(v.mode, "e"):
		return " with exclusive option"
	case strings.HasPrefix(v.mode, "s"):
		return " with shared option"
	}
	return ""
}

// groupStep is a volume group.
type groupStep struct {
	*Runner
	group   string
	cmd     vgchange
	retries int
}

func (s *groupStep) kind() kind   { return volumeGroup }
func (s *groupStep) name() string { return "volume group " + s.group }
func (s *groupStep) half() bool   { return true }

func (s *groupStep) tell(a Action) string {
	if a == Stop {
		return "Deactivating volume group " + s.group + "."
	}
	return "Activating volume group " + s.group + s.cmd.words() + "."
}

func (s *groupStep) plan(a Action) string { return joinWords(s.argv(a)) }

func (s *groupStep) argv(a Action) []string {
	argv := s.cmd.activate
	if a == Stop {
		argv = s.cmd.deactivate
	}
	return append(slices.Clone(argv), s.group)
}

func (s *groupStep) do(ctx context.Context, a Action) error {
	if a == Start {
		return s.tool(ctx, toolLimit, s.argv(a), s.environment(a))
	}
	return s.again(ctx, s.retries, func() error {
		if err := s.tool(ctx, toolLimit, s.argv(a), s.environment(a)); err != nil {
			return err
		}
		return inactive(s.Runner, s.group)
	})
}

// Limits of what the system's own tools may take, for packages without a
// run_script_timeout and halt_script_timeout as well: mount may have to go through a
// long journal, umount to write what is in memory. fsck reads whole file systems.
const (
	toolLimit = 15 * time.Minute
	fsckLimit = 24 * time.Hour
)

// tool runs one of the system's tools, no longer than the limit.
func (r *Runner) tool(ctx context.Context, limit time.Duration, argv, env []string) error {
	if r.Limit > 0 {
		limit = r.Limit
	}
	ctx, cancel := within(ctx, r, "the limit of "+argv[0], limit)
	defer cancel()
	return r.run(ctx, argv, env)
}

// again tries a thing several times.
func (r *Runner) again(ctx context.Context, retries int, f func() error) error {
	for {
		err := f()
		if err == nil || retries <= 0 || ctx.Err() != nil {
			return err
		}
		r.Log.Warn("%v, trying again", err)
		retries--
		r.pause(ctx)
	}
}

// ActiveError says that a group has volumes that are active.
type ActiveError struct {
	Group   string
	Volumes []string
}

func (e *ActiveError) Error() string {
	return fmt.Sprintf("volume group %s is still active: %s", e.Group, strings.Join(e.Volumes, ", "))
}

// inactive makes sure that a group is not active any more.
func inactive(r *Runner, group string) error {
	if r.Active == nil {
		return nil
	}
	left, err := r.Active(group)
	switch {
	case err != nil:
		return &UnknownError{"whether volume group " + group + " is active", err}
	case len(left) > 0:
		return &ActiveError{group, left}
	}
	return nil
}

// fileSystemStep is a file system.
type fileSystemStep struct {
	*Runner
	fs                          cluster.FileSystem
	device, directory           string
	mount, umount, fsck         []string
	mountRetries, umountRetries int
	// untouched says that a start has not come to mounting it.
	untouched bool
}

// parse makes the command lines.
func (s *fileSystemStep) parse() error {
	env := s.environment(Start)
	options := map[string][]string{}
	for name, text := range map[string]string{"fs_mount_opt": s.fs.MountOpt, "fs_umount_opt": s.fs.UmountOpt, "fs_fsck_opt": s.fs.FsckOpt} {
		words, err := splitWords(text)
		if err != nil {
			return &ParameterError{name, text, err.Error()}
		}
		options[name] = words
	}
	if slices.ContainsFunc(options["fs_umount_opt"], isLazy) {
		// It takes the file system out of sight, and it is written to all the
		// same.
		return &ParameterError{"fs_umount_opt", s.fs.UmountOpt, "a lazy umount does not tell when the file system is no longer written to"}
	}
	var err error
	if s.device, err = expand(s.fs.Name, env); err != nil {
		return &ParameterError{"fs_name", s.fs.Name, err.Error()}
	}
	if s.directory, err = expand(s.fs.Directory, env); err != nil {
		return &ParameterError{"fs_directory", s.fs.Directory, err.Error()}
	}
	var typ []string
	if s.fs.Type != "" {
		typ = []string{"-t", s.fs.Type}
	}
	s.mount = slices.Concat([]string{"mount"}, typ, options["fs_mount_opt"], []string{s.device, s.directory})
	s.umount = slices.Concat([]string{"umount"}, options["fs_umount_opt"], []string{s.directory})
	if len(options["fs_fsck_opt"]) > 0 && !s.fs.Remote() {
		s.fsck = slices.Concat([]string{"fsck"}, typ, options["fs_fsck_opt"], []string{s.device})
	}
	return nil
}

// isLazy finds -l, in a cluster too, and --lazy and what it may be shortened to.
func isLazy(word string) bool {
	if strings.HasPrefix(word, "--") {
		return strings.HasPrefix(word, "--l")
	}
	return strings.HasPrefix(word, "-") && strings.Contains(word, "l")
}

func (s *fileSystemStep) kind() kind   { return fileSystem }
func (s *fileSystemStep) name() string { return "file system " + s.fs.Directory }
func (s *fileSystemStep) half() bool   { return !s.untouched }

func (s *fileSystemStep) tell(a Action) string {
	if a == Stop {
		return "Unmounting filesystem on " + s.directory + "."
	}
	return "Mounting " + s.device + " at " + s.directory + "."
}

func (s *fileSystemStep) plan(a Action) string {
	switch {
	case a == Stop:
		return joinWords(s.umount)
	case s.fsck != nil:
		return joinWords(s.fsck) + " && " + joinWords(s.mount)
	}
	return joinWords(s.mount)
}

// MountedError says that something is mounted on a folder.
type MountedError struct{ Directory string }

func (e *MountedError) Error() string { return "something is mounted on " + e.Directory }

func (s *fileSystemStep) do(ctx context.Context, a Action) error {
	if a == Stop {
		return s.stop(ctx)
	}
	// On a folder that is in use already the mount would succeed, and hide
	// what is there; undone, it would unmount what was there before.
	s.untouched = true
	if err := s.unmounted(); err != nil {
		return err
	}
	env := s.environment(a)
	if s.fsck != nil {
		if err := s.tool(ctx, fsckLimit, s.fsck, env); err != nil && !corrected(err) {
			return err
		}
	}
	err := s.again(ctx, s.mountRetries, func() error { return s.tool(ctx, toolLimit, s.mount, env) })
	// If it was killed, or can be asked for, it may be mounted.
	_, exit := err.(*ExitError)
	s.untouched = exit && s.Mounts == nil
	return err
}

// corrected reports whether fsck has found errors and corrected them all.
func corrected(err error) bool {
	const correctedAll = 1
	exit, ok := err.(*ExitError)
	return ok && exit.Signal == 0 && exit.Code == correctedAll
}

// unmounted makes sure that nothing is mounted on the folder. Where that cannot
// be asked at all, umount is believed. Errors: *MountedError, *UnknownError.
func (s *fileSystemStep) unmounted() error {
	if s.Mounts == nil {
		return nil
	}
	list, err := s.Mounts()
	if err != nil {
		return &UnknownError{"whether something is mounted on " + s.directory, err}
	}
	dir := filepath.Clean(s.directory)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if slices.Contains(list, dir) {
		return &MountedError{s.directory}
	}
	return nil
}

// stop unmounts. That it is not mounted is no failure: an earlier halt may have
// come this far, or the start did not.
func (s *fileSystemStep) stop(ctx context.Context) error {
	return s.again(ctx, s.umountRetries, func() error {
		if s.Mounts != nil && s.unmounted() == nil {
			s.Log.Say("%s is not mounted.", s.directory)
			return s.unusedHere()
		}
		// If it is not known, umount does no harm.
		if err := s.tool(ctx, toolLimit, s.umount, s.environment(Stop)); err != nil {
			return err
		}
		if err := s.unmounted(); err != nil {
			return err
		}
		return s.unusedHere()
	})
}

// unusedHere makes sure of that for the device, if it is one of this host.
func (s *fileSystemStep) unusedHere() error {
	if s.fs.Remote() {
		return nil
	}
	return unused(s.Runner, s.device)
}

// InUseError says that the kernel uses a device.
type InUseError struct{ Device string }

func (e *InUseError) Error() string { return e.Device + " is in use" }

// UnknownError says that it is not known whether something of the package is
// there still, which is no leave to go on as if it were not.
type UnknownError struct {
	// What is the question, in words: whether /dev/sda is in use.
	What string
	Err  error
}

func (e *UnknownError) Error() string { return e.What + " is not known: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *UnknownError) Unwrap() error { return e.Err }

// unused makes sure that the kernel does not use a device any more. A file
// system that is not mounted here may be so in the name space of a container.
func unused(r *Runner, device string) error {
	if r.InUse == nil {
		return nil
	}
	used, err := r.InUse(device)
	switch {
	case used:
		return &InUseError{device}
	case errors.Is(err, fs.ErrNotExist) && nothingActive(r):
		return nil
	case err != nil:
		return &UnknownError{"whether " + device + " is in use", err}
	}
	return nil
}

// nothingActive reports whether all that the package has is in volume groups, and
// none of these is active: then nothing of it can be in use by whatever name, such as
// UUID=, that leads nowhere for that reason.
func nothingActive(r *Runner) bool {
	if len(r.Package.Groups) == 0 || len(r.Package.Volumes) > 0 || r.Active == nil {
		return false
	}
	return !slices.ContainsFunc(r.Package.Groups, func(g string) bool { return inactive(r, g) != nil })
}
