package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"lunguard/cluster/ownfile"
	"lunguard/cluster/shellfile"
)

// IsLegacy reports whether the package is of the old kind: a control script does
// all of it but the reservations.
func (p *Package) IsLegacy() bool {
	_, run := p.Settings.Get("run_script")
	_, halt := p.Settings.Get("halt_script")
	return run || halt
}

// Control is what the control scripts of a legacy package say.
type Control struct {
	// Groups are the volume groups that were taken from it.
	Groups []Setting
	// Unread is what could not be read, or not for certain. It matters only where
	// the package file names no disks.
	Unread []*ControlError
	// Fault is why it is not known which disks are the package's; nil if it is.
	Fault error
	// Addresses are those that it sets, by a command that sets none here.
	Addresses []Setting
	// Foreign are disk groups of other volume managers.
	Foreign []Setting
}

// ControlError says that the disks of a legacy package cannot be taken from its
// control script.
type ControlError struct {
	Package string
	At      Position
	// Reason is what stands in the way.
	Reason string
	// Group is what a vg line has to name; empty if it is not known.
	Group string
	// Err is why the file could not be read; nil if it was.
	Err error
}

func (e *ControlError) Error() string {
	where := e.At.File
	if e.At.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, e.At.Line)
	}
	return "package " + e.Package + ": " + where + ": " + e.Reason
}

// Unwrap gives the reason.
func (e *ControlError) Unwrap() error { return e.Err }

// maxControl is how long a control script may be, in bytes.
const maxControl = 4 << 20

// variables of control scripts.
const (
	groupVariable   = "VG"
	addressVariable = "IP"
)

// controlVariables are the variables of control scripts that are looked at.
func controlVariables() shellfile.Variables {
	return shellfile.Variables{groupVariable, addressVariable, "CVM_DG", "VXVM_DG", "LV"}
}

// TakeControlScripts makes the volume groups of control scripts those of their
// packages. expand puts the values of variables into the name of a file. What goes
// wrong stays with its package: Control.Fault.
func (c *Config) TakeControlScripts(ctx context.Context, expand func(string) (string, error)) {
	for i := range c.Packages {
		if p := &c.Packages[i]; p.IsLegacy() {
			p.Control = p.readControl(ctx, expand)
		}
	}
	c.oneOwner()
}

// readControl reads the control scripts of a package.
func (p *Package) readControl(ctx context.Context, expand func(string) (string, error)) *Control {
	k := &Control{}
	var seen []string
	for _, s := range p.Settings {
		if s.Name != "run_script" && s.Name != "halt_script" || slices.Contains(seen, s.Value) {
			continue
		}
		seen = append(seen, s.Value)
		path, text, err := controlText(ctx, s.Value, expand)
		if err != nil {
			at := s.At
			if path != "" {
				at = Position{File: path}
			}
			k.Unread = append(k.Unread, &ControlError{Package: p.Name, At: at, Reason: "its volume groups cannot be read: " + reasonOf(err), Err: err})
			continue
		}
		k.take(p, path, text)
	}
	k.decide(p)
	return k
}

// reasonOf is what an error says beyond the name of the file.
func reasonOf(err error) string {
	for _, reason := range []error{ownfile.ErrNotTrusted, ownfile.ErrNotFile, ownfile.ErrTooLarge} {
		if errors.Is(err, reason) {
			return reason.Error()
		}
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return err.Error()
}

// controlText reads a control script. path is empty if its name is not known.
func controlText(ctx context.Context, name string, expand func(string) (string, error)) (path, text string, err error) {
	if path, err = expand(name); err != nil {
		return "", "", err
	}
	f, err := ownfile.Open(path)
	if err != nil {
		return path, "", err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return path, "", errors.Join(err, ownfile.ErrNotFile)
	}
	data, err := ownfile.ReadAll(ctx, f, maxControl)
	return path, string(data), err
}

// take takes what one script says.
func (k *Control) take(p *Package, path, text string) {
	doubt := func(line int, reason string) {
		k.Unread = append(k.Unread, &ControlError{Package: p.Name, At: Position{path, line}, Reason: reason})
	}
	if strings.IndexByte(text, 0) >= 0 {
		doubt(0, "its volume groups cannot be read: it is no shell script")
		return
	}
	f := shellfile.Read(text, controlVariables(), false)
	for _, d := range f.Doubts {
		switch d.Name {
		case "":
			doubt(d.Line, groupVariable+" cannot be read for certain: "+d.Reason)
		case groupVariable:
			doubt(d.Line, d.Name+" cannot be read for certain: "+d.Reason)
		}
	}
	k.takeGroups(p, path, f)
	for _, a := range f.Assignments {
		s := Setting{strings.ToLower(a.Name), a.Value, Position{path, a.Line}}
		switch {
		case a.Value == "":
		case a.Name == addressVariable:
			k.Addresses = append(k.Addresses, s)
		case a.Name == "CVM_DG" || a.Name == "VXVM_DG":
			k.Foreign = append(k.Foreign, s)
		case a.Name == "LV":
			group, ok := volumeOf(a.Value)
			switch {
			case !ok:
				k.Unread = append(k.Unread, &ControlError{Package: p.Name, At: s.At, Reason: "LV has " + a.Value + ", which is in no group of VG"})
			case !k.names(p, group):
				k.Unread = append(k.Unread, &ControlError{Package: p.Name, At: s.At, Group: group, Reason: "LV has a volume of " + group + ", which VG does not have"})
			}
		}
	}
	if line, ok := shellfile.Defaults(text, groupVariable); ok {
		doubt(line, "VG cannot be read for certain: an expansion gives it a value")
	}
	k.takeCalls(p, path, f)
	line, calls := firstCall(f.Commands, "vgchange", "lvchange")
	if calls && len(k.Groups) == 0 && !shellfile.Uses(text, groupVariable) {
		doubt(line, "it activates volume groups, and VG does not name them")
	}
}

// takeCalls doubts calls that work on groups by their names, which VG does not have: what
// stands beside VG in a script of the user's own.
func (k *Control) takeCalls(p *Package, path string, f *shellfile.File) {
	for _, c := range f.Calls {
		var groups []string
		switch last := c.Words[len(c.Words)-1]; filepath.Base(c.Words[0]) {
		case "vgchange", "lvchange":
			name := strings.TrimPrefix(last, "/dev/")
			if group, ok := volumeOf(last); ok {
				groups = []string{group}
			} else if group, _, of := strings.Cut(name, "/"); len(c.Words) > 1 && last[:1] != "-" && isGroupName(group) && (of || !isOptionValue(c.Words[len(c.Words)-2], last)) {
				groups = []string{group}
			}
		case "mount":
			for _, w := range c.Words[1:] {
				if group, ok := volumeOf(w); ok {
					groups = append(groups, group)
				}
			}
		}
		for _, group := range groups {
			if !k.names(p, group) {
				k.Unread = append(k.Unread, &ControlError{Package: p.Name, At: Position{path, c.Line}, Group: group, Reason: "it uses " + group + ", which VG does not have"})
			}
		}
	}
}

// isOptionValue reports whether a word is the value of the option before it, as the y of
// vgchange -a y is.
func isOptionValue(option, word string) bool {
	return len(word) <= 3 && (option == "-a" || option == "-c" || option == "-x" || option == "-p" || option == "-r")
}

// volumeOf is the volume group of a logical volume's device: /dev/VG/VOLUME, or
// /dev/mapper/VG-VOLUME, where hyphens within the names are doubled.
func volumeOf(device string) (group string, ok bool) {
	name, mapped := strings.CutPrefix(device, "/dev/mapper/")
	if !mapped {
		if !strings.HasPrefix(device, "/dev/") {
			return "", false
		}
		return GroupOf(device)
	}
	name = strings.ReplaceAll(name, "--", "\x00")
	group, _, ok = strings.Cut(name, "-")
	return strings.ReplaceAll(group, "\x00", "-"), ok && group != ""
}

// firstCall is the line of the first call of one of some commands, whatever their
// folder.
func firstCall(commands map[string]int, names ...string) (line int, ok bool) {
	for c, at := range commands {
		if slices.Contains(names, filepath.Base(c)) && (!ok || at < line) {
			line, ok = at, true
		}
	}
	return line, ok
}

// names reports whether a group is the package's, by either file.
func (k *Control) names(p *Package, group string) bool {
	return slices.Contains(p.Groups, group) || slices.ContainsFunc(k.Groups, func(s Setting) bool { return s.Value == group })
}

// GroupOf is the volume group of a device name, /dev/VG/VOLUME.
func GroupOf(device string) (group string, ok bool) {
	group, volume, ok := strings.Cut(strings.TrimPrefix(device, "/dev/"), "/")
	if !ok || group == "" || strings.Contains(volume, "/") || group == "mapper" || group == "disk" {
		return "", false
	}
	return group, true
}

// takeGroups takes VG[]. One that has two values is a doubt: which of them is there
// when the groups are activated is not known.
func (k *Control) takeGroups(p *Package, path string, f *shellfile.File) {
	values := map[int]shellfile.Assignment{}
	for _, a := range f.Assignments {
		if a.Name != groupVariable {
			continue
		}
		at := Position{path, a.Line}
		group := strings.TrimPrefix(a.Value, "/dev/")
		was, twice := values[a.Index]
		values[a.Index] = a
		switch {
		case twice && was.Value != "" && was.Value != a.Value:
			k.Unread = append(k.Unread, &ControlError{Package: p.Name, At: at, Reason: fmt.Sprintf("VG cannot be read for certain: VG[%d] has another value in line %d", a.Index, was.Line)})
		case a.Value == "":
		case !isGroupName(group):
			k.Unread = append(k.Unread, &ControlError{Package: p.Name, At: at, Reason: fmt.Sprintf("%q cannot be the name of a volume group", a.Value)})
		case !slices.ContainsFunc(k.Groups, func(s Setting) bool { return s.Value == group }):
			k.Groups = append(k.Groups, Setting{"vg", group, at})
		}
	}
}

// isGroupName reports whether lvm2 takes a name for a volume group.
func isGroupName(name string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_.-"
	return name != "" && name[0] != '-' && strings.Trim(name, letters) == "" && strings.Trim(name, ".") != ""
}

// decide makes the groups the package's. A package file that names disks, or says that there
// are none, has to name all that the script has; then it does not matter what else cannot be
// read, but for what is certain: a group that the script uses and the package has not.
func (k *Control) decide(p *Package) {
	named := len(p.Groups)+len(p.Volumes) > 0 || p.HasNoLUNs()
	var errs []error
	for _, e := range k.Unread {
		if !named || e.Group != "" {
			errs = append(errs, e)
		}
	}
	for _, s := range k.Groups {
		switch {
		case slices.Contains(p.Groups, s.Value):
		case named:
			errs = append(errs, &ControlError{Package: p.Name, At: s.At, Group: s.Value, Reason: "VG has " + s.Value + ", which the package does not have"})
		default:
			p.Groups = append(p.Groups, s.Value)
			p.Settings = append(p.Settings, s)
		}
	}
	if named {
		k.Groups = nil
	}
	k.Fault = errors.Join(errs...)
}

// oneOwner refuses a group that two packages own, as the parser does for those of
// package files: neither of them is safe.
func (c *Config) oneOwner() {
	owner := map[string]*Package{}
	for i := range c.Packages {
		p := &c.Packages[i]
		for _, g := range p.Groups {
			other, taken := owner[g]
			if !taken {
				owner[g] = p
				continue
			}
			for _, q := range []*Package{p, other} {
				if q.Control != nil {
					at := slices.IndexFunc(q.Control.Groups, func(s Setting) bool { return s.Value == g })
					if at < 0 {
						continue
					}
					rival := other
					if q == other {
						rival = p
					}
					q.Control.Fault = errors.Join(q.Control.Fault, &ControlError{Package: q.Name, At: q.Control.Groups[at].At, Reason: "VG has " + g + ", which package " + rival.Name + " has, too"})
				}
			}
		}
	}
}
