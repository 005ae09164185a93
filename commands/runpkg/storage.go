package runpkg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

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
		return s.run(ctx, s.argv(a), s.environment(a))
	}
	return s.again(ctx, s.retries, func() error {
		if err := s.run(ctx, s.argv(a), s.environment(a)); err != nil {
			return err
		}
		return s.inactive(s.group)
	})
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
func (r *Runner) inactive(group string) error {
	if r.Active == nil {
		return nil
	}
	left, err := r.Active(group)
	if err == nil && len(left) > 0 {
		err = &ActiveError{group, left}
	}
	return err
}

// ActiveVolumes lists the active logical volumes of a group, from the folder
// of block devices in sysfs, /sys/block.
func ActiveVolumes(block, group string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(block, "dm-*", "dm", "name"))
	if err != nil {
		return nil, err
	}
	var active []string
	for _, file := range names {
		uuid, err := os.ReadFile(filepath.Join(filepath.Dir(file), "uuid"))
		if err != nil || !strings.HasPrefix(string(uuid), "LVM-") {
			// Not a logical volume, or gone.
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		name := strings.TrimSpace(string(text))
		if g, _ := splitVolume(name); g == group {
			active = append(active, name)
		}
	}
	return active, nil
}

// splitVolume takes the name that device-mapper has for a logical volume apart:
// GROUP-VOLUME, where a dash in either is doubled.
func splitVolume(name string) (group, volume string) {
	for i := 0; i < len(name); i++ {
		if name[i] != '-' {
			continue
		}
		if i+1 < len(name) && name[i+1] == '-' {
			i++
			continue
		}
		return strings.ReplaceAll(name[:i], "--", "-"), strings.ReplaceAll(name[i+1:], "--", "-")
	}
	return strings.ReplaceAll(name, "--", "-"), ""
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
	if len(options["fs_fsck_opt"]) > 0 {
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
	if mounted, known := s.mounted(); known && mounted {
		return &MountedError{s.directory}
	}
	env := s.environment(a)
	if s.fsck != nil {
		if err := s.run(ctx, s.fsck, env); err != nil && !corrected(err) {
			return err
		}
	}
	err := s.again(ctx, s.mountRetries, func() error { return s.run(ctx, s.mount, env) })
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

// mounted tells whether something is mounted on the folder, if that is known.
func (s *fileSystemStep) mounted() (mounted, known bool) {
	if s.Mounts == nil {
		return false, false
	}
	list, err := s.Mounts()
	if err != nil {
		return false, false
	}
	dir := filepath.Clean(s.directory)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return slices.Contains(list, dir), true
}

// stop unmounts. That it is not mounted is no failure: an earlier halt may have
// come this far, or the start did not.
func (s *fileSystemStep) stop(ctx context.Context) error {
	return s.again(ctx, s.umountRetries, func() error {
		if mounted, known := s.mounted(); known && !mounted {
			s.Log.Say("%s is not mounted.", s.directory)
			return s.unused(s.device)
		}
		if err := s.run(ctx, s.umount, s.environment(Stop)); err != nil {
			return err
		}
		if mounted, known := s.mounted(); known && mounted {
			return &MountedError{s.directory}
		}
		return s.unused(s.device)
	})
}

// InUseError says that the kernel uses a device, or that this is not known.
type InUseError struct {
	Device string
	// Err is why it is not known.
	Err error
}

func (e *InUseError) Error() string {
	if e.Err != nil {
		return "whether " + e.Device + " is in use is not known: " + e.Err.Error()
	}
	return e.Device + " is in use"
}

// unused makes sure that the kernel does not use a device any more. A file
// system that is not mounted here may be so in the name space of a container.
func (r *Runner) unused(device string) error {
	if r.InUse == nil {
		return nil
	}
	used, err := r.InUse(device)
	if used || err != nil {
		return &InUseError{device, err}
	}
	return nil
}

// InUse reports whether the kernel has a block device in exclusive use: by a
// mount, by device-mapper and so on. What is no block device is not used.
func InUse(device string) (bool, error) {
	st, err := os.Stat(device)
	if err != nil || st.Mode()&fs.ModeDevice == 0 || st.Mode()&fs.ModeCharDevice != 0 {
		return false, nil
	}
	fd, err := unix.Open(device, unix.O_RDONLY|unix.O_EXCL|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EBUSY) {
		return usedBy(st)
	}
	if err != nil {
		return false, err
	}
	return false, unix.Close(fd)
}

// usedBy looks who has a device in use. A multipath map always has its paths;
// then it is the map that counts.
func usedBy(st fs.FileInfo) (bool, error) {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return true, nil
	}
	dir := fmt.Sprintf("/sys/dev/block/%d:%d/holders", unix.Major(sys.Rdev), unix.Minor(sys.Rdev))
	holders, err := os.ReadDir(dir)
	if err != nil || len(holders) != 1 {
		return true, nil
	}
	uuid, err := os.ReadFile(filepath.Join(dir, holders[0].Name(), "dm", "uuid"))
	if err != nil || !strings.HasPrefix(string(uuid), "mpath-") {
		return true, nil
	}
	return InUse(filepath.Join("/dev", holders[0].Name()))
}

// Mounts lists the folders on which something is mounted, from a file such as
// /proc/self/mountinfo. See proc_pid_mountinfo(5).
func Mounts(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var dirs []string
	for line := range strings.Lines(string(text)) {
		const directory = 4
		if f := strings.Fields(line); len(f) > directory {
			dirs = append(dirs, unescape.Replace(f[directory]))
		}
	}
	return dirs, nil
}
