package deadman

import (
	"errors"
	"fmt"
	"slices"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/watchdog"
	"lunguard/commands/words"
	"lunguard/vg"
)

// candidate is a LUN that may have to be watched.
type candidate struct {
	pkg string
	lun *watchdog.LUN
	// watched says that it is watched already; what was found is for others.
	watched bool
	watchdog.Finding
}

// watchedHost opens the paths of a host for the watch.
type watchedHost struct{ vg.Host }

// Open opens a path.
func (h watchedHost) Open(dev vg.Device) (watchdog.Path, error) { return session.Open(h.Host, dev) }

// plan finds the LUNs to watch: those of the packages that were named or, if
// none was, of all that this node has up. Those that are watched already stay
// as they are, fenced or not: nothing but the config takes one out. A new one
// must have this node's key on it. Nothing is left open after an error.
func (d *deadman) plan(conf *cluster.Config, watched []*watchdog.LUN) ([]*watchdog.LUN, error) {
	packages, err := d.candidates(conf)
	if err != nil {
		return nil, err
	}
	var all []candidate
	for _, pkg := range packages {
		disks, err := d.disks(pkg)
		if none := (*cluster.NoLUNError)(nil); errors.As(err, &none) && len(d.names) == 0 {
			// It is no reason not to watch the others.
			d.WarnErr(err)
			continue
		}
		if err != nil {
			closeNew(all)
			return nil, err
		}
		if len(disks) == 0 && len(d.names) > 0 {
			closeNew(all)
			return nil, front.Usagef("package %s has no LUNs, by its no_luns: there is nothing to watch", pkg.Name)
		}
		for _, disk := range disks {
			all = append(all, d.candidate(pkg, disk, watched))
		}
	}
	d.survey(all)
	luns, err := d.choose(all)
	if err == nil {
		d.doubt(conf, all)
	}
	if err == nil && len(luns) == 0 {
		err = front.Usagef("this node has no package up; start one before, or name the packages to watch")
	}
	if err != nil {
		closeNew(all)
		return nil, err
	}
	for _, c := range all {
		if !c.watched && !slices.Contains(luns, c.lun) {
			c.lun.Close()
		}
	}
	return luns, nil
}

// closeNew closes what is not watched.
func closeNew(all []candidate) {
	for _, c := range all {
		if !c.watched {
			c.lun.Close()
		}
	}
}

// candidates are the packages that were named, or all that may run here.
func (d *deadman) candidates(conf *cluster.Config) ([]*cluster.Package, error) {
	var list []*cluster.Package
	for i := range conf.Packages {
		if pkg := &conf.Packages[i]; len(d.names) == 0 && pkg.RunsOn(d.node.Name) {
			list = append(list, pkg)
		}
	}
	for _, name := range d.names {
		pkg, err := conf.Package(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, pkg) {
			list = append(list, pkg)
		}
	}
	return list, nil
}

// disks finds the LUNs of a package, without a command to any.
func (d *deadman) disks(pkg *cluster.Package) ([]*vg.Disk, error) {
	if err := pkg.DisksKnown(); err != nil {
		return nil, err
	}
	devices := slices.Clone(pkg.Volumes)
	for _, g := range pkg.Groups {
		group, err := session.GroupOf(d.Call, d.host, g)
		if err != nil {
			return nil, err
		}
		devices = append(devices, group.Volumes...)
	}
	return session.FindDisks(d.host, devices)
}

// candidate is the LUN as it is watched already, or a new one.
func (d *deadman) candidate(pkg *cluster.Package, disk *vg.Disk, watched []*watchdog.LUN) candidate {
	exclusive := pkg.Type == cluster.Failover
	for _, l := range watched {
		if l.Name == disk.Device && l.Package == pkg.Name && l.WWID == disk.WWID && l.Exclusive == exclusive {
			return candidate{pkg: pkg.Name, lun: l, watched: true}
		}
	}
	l := watchdog.NewLUN(watchedHost{d.host}, disk, pkg.Name, watchdog.Boottime, d.event)
	l.Exclusive = exclusive
	return candidate{pkg: pkg.Name, lun: l}
}

// survey reads the keys of the new LUNs.
func (d *deadman) survey(all []candidate) {
	var luns []*watchdog.LUN
	var at []int
	for i, c := range all {
		if !c.watched {
			luns, at = append(luns, c.lun), append(at, i)
		}
	}
	w := watchdog.Watch{Timing: d.timing, Key: d.node.Key, Clock: watchdog.Boottime, Log: d.event}
	for i, f := range w.Survey(d.Ctx, luns) {
		all[at[i]].Finding = f
	}
}

// choose takes the LUNs of the packages that are up here. A package of which
// that cannot be told counts as up.
func (d *deadman) choose(all []candidate) ([]*watchdog.LUN, error) {
	up := map[string]bool{}
	for _, c := range all {
		up[c.pkg] = up[c.pkg] || len(d.names) > 0 || c.watched || c.State != watchdog.StateGone
	}
	var luns []*watchdog.LUN
	var errs []error
	for _, c := range all {
		switch {
		case !up[c.pkg]:
			continue
		case c.watched:
		case c.State == watchdog.StateGone:
			errs = append(errs, &notUpError{Package: c.pkg, LUN: c.lun.Name, Key: d.node.Key.String(), registered: c.Registered})
		case c.State == watchdog.StateUnknown && d.expire:
			errs = append(errs, &unknownLUNError{c.lun.Name, c.Err})
		}
		luns = append(luns, c.lun)
	}
	return luns, errors.Join(errs...)
}

// doubt marks the LUNs of packages that count as up only because nobody can tell: no key of
// this node was seen on one, and nothing is written down of a start.
func (d *deadman) doubt(conf *cluster.Config, all []candidate) {
	if len(d.names) > 0 {
		return
	}
	known := map[string]bool{}
	for _, c := range all {
		known[c.pkg] = known[c.pkg] || c.watched || c.State == watchdog.StatePresent
	}
	s := session.On(d.Call, conf, d.host, d.node)
	for _, c := range all {
		if known[c.pkg] {
			continue
		}
		pkg, err := conf.Package(c.pkg)
		if err != nil {
			continue
		}
		// What cannot be read may say that it was.
		memory, err := s.Memory(pkg)
		c.lun.Doubtful = err == nil && memory.By == "" && !memory.Unfinished
	}
}

// notUpError says that a package is not, or not wholly, up on this node.
type notUpError struct {
	Package, LUN, Key string
	// registered says that the key is there, and does not hold the reservation.
	registered bool
}

func (e *notUpError) Error() string {
	if e.registered {
		return fmt.Sprintf("package %s is not up on this node: %s is not reserved by its key %s", e.Package, e.LUN, e.Key)
	}
	return fmt.Sprintf("package %s is not up on this node: %s does not have its key %s", e.Package, e.LUN, e.Key)
}

func (e *notUpError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "watch it on the node that has it up; what is not registered cannot be watched", Status: words.ExitNode}
}

// unknownLUNError says that nobody can tell whether a LUN can be watched.
type unknownLUNError struct {
	lun string
	err error
}

func (e *unknownLUNError) Error() string { return e.Message().Text() }

func (e *unknownLUNError) Unwrap() error { return e.err }

func (e *unknownLUNError) Message() words.Message {
	return words.Message{Subject: e.lun, What: "unknown: " + words.Reason(e.lun, e.err), Hint: "with --on-unknown expire it would restart this node; look at the path: cable, switch, session, kernel log", Status: words.ExitNode}
}
