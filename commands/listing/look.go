package listing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/vg"
)

// lun is a LUN and all that was found out about it.
type lun struct {
	vg.Listed
	// group is its volume group, usage what of this host uses it.
	group string
	usage vg.Usage
	paths []path
	// state is nil if it was not read; then err says why.
	state *pr.State
	err   error
	// can is nil if the device does not tell what it can do.
	can *pr.Capabilities
}

// path is one of a LUN's.
type path struct {
	name string
	pr.Identity
	// err is nil if it leads to the LUN, and was asked.
	err error
}

// working counts the paths that answer.
func (l *lun) working() int {
	n := 0
	for _, p := range l.paths {
		if p.err == nil {
			n++
		}
	}
	return n
}

// incapable reports whether the device has no persistent reservations at all, which most
// disks inside of machines have not: that is no trouble.
func (l *lun) incapable() bool { return errors.Is(l.err, pr.ErrNoReservations) }

// unknown reports whether nobody can tell who has the LUN.
func (l *lun) unknown() bool { return l.err != nil && !l.incapable() }

// atOnce is how many LUNs are read at the same time.
const atOnce = 64

// look finds the LUNs, all or those under the devices that were named, and reads them.
// all says that what the devices can do is asked, too.
func look(s *session.Session, devices []string, all bool) ([]*lun, error) {
	luns, err := find(s, devices)
	if err != nil {
		return nil, err
	}
	o, err := s.Begin()
	if err != nil {
		return nil, err
	}
	defer o.Close()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, l := range luns {
		group.Go(func() error {
			// Each is closed as soon as it was read: there may be more than a process can open.
			one := o.Fork()
			// One path that cannot be opened is told of with the others.
			opened, err := one.OpenDisk(s.Ctx, s.Host, l.Disk, func(error) {})
			if err != nil {
				l.unopened(err)
			} else {
				l.read(s.Ctx, opened, all)
			}
			_ = one.Close() // nothing is kept in it
			return nil
		})
	}
	_ = group.Wait() // none has an error
	return luns, nil
}

// find lists the LUNs without a command to any.
func find(s *session.Session, devices []string) ([]*lun, error) {
	listed, err := s.Host.LUNs()
	if err != nil {
		return nil, err
	}
	if len(devices) > 0 {
		if listed, err = chosen(s.Host, listed, devices); err != nil {
			return nil, err
		}
	}
	var all []*lun
	var disks []*vg.Disk
	for _, l := range listed {
		all, disks = append(all, &lun{Listed: l}), append(disks, l.Disk)
	}
	for i, u := range s.Host.InUse(disks) {
		all[i].usage = u
	}
	groups, err := s.Host.Groups(s.Ctx)
	if err != nil {
		// Who has the LUN matters more than what is on it.
		s.WarnErr(err)
	}
	at := places(listed)
	for _, g := range groups {
		for _, volume := range g.Volumes {
			if d, err := s.Host.Paths(volume); err == nil {
				if i, ok := at.of(d); ok {
					all[i].group = g.Name
				}
			}
		}
	}
	return all, nil
}

// index finds a LUN in a list by the numbers of its paths, or else by its name.
type index map[string]int

func places(listed []vg.Listed) index {
	at := index{}
	for i, l := range listed {
		for _, p := range l.Paths {
			at[p.Number] = i
		}
		if _, ok := at[l.WWID]; !ok && l.WWID != "" {
			at[l.WWID] = i
		}
	}
	return at
}

// of finds that of a disk. One that was named by a character device has another number.
func (at index) of(d *vg.Disk) (int, bool) {
	i, ok := at[d.Paths[0].Number]
	if !ok && d.WWID != "" {
		i, ok = at[d.WWID]
	}
	return i, ok
}

// chosen are the LUNs under devices, once each, in their order, by the first names that were
// given. Errors: *vg.DeviceError.
func chosen(host vg.Host, listed []vg.Listed, devices []string) ([]vg.Listed, error) {
	var list []vg.Listed
	var errs []error
	at, seen := places(listed), map[string]bool{}
	for _, device := range devices {
		d, err := host.Paths(device)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		one := vg.Listed{Disk: d}
		if i, ok := at.of(d); ok {
			one = listed[i]
			disk := *one.Disk
			disk.Device = device
			one.Disk = &disk
		}
		if first := one.Paths[0].Number; !seen[first] {
			seen[first], list = true, append(list, one)
		}
	}
	return list, errors.Join(errs...)
}

// unopened is for a LUN none of whose paths can be opened.
func (l *lun) unopened(err error) {
	l.err = err
	for _, p := range l.Paths {
		l.paths = append(l.paths, path{p.Name, p.Identity, err})
	}
}

// read asks each path whether it leads to the LUN, and the first one that does for the rest.
func (l *lun) read(ctx context.Context, opened *protocol.LUN, all bool) {
	l.WWID = opened.WWID
	l.paths = make([]path, len(opened.Paths))
	var group errgroup.Group
	for i, p := range opened.Paths {
		group.Go(func() error {
			l.paths[i] = path{p.Name(), p.Identity(), pr.Confirm(ctx, p)}
			return nil
		})
	}
	_ = group.Wait() // none has an error
	for i, p := range opened.Paths {
		if l.state != nil || l.incapable() || errors.Is(l.err, errTwoStories) {
			// Which of two stories is true another path does not tell either.
			break
		}
		if l.err = l.paths[i].err; l.err != nil {
			continue
		}
		l.state, l.can, l.err = stateBy(ctx, p, l.beside(i, opened.Paths))
		if l.state != nil && all && l.can == nil {
			// What it does not tell is unknown.
			l.can, _ = p.Capabilities(ctx)
		} else if l.state == nil && !l.incapable() {
			l.paths[i].err = l.err
		}
	}
	for _, u := range opened.Unopened {
		l.paths = append(l.paths, path{u.Name, u.Identity, u.Err})
	}
}

// beside is another path than that of the number that leads to the LUN, if there is one.
func (l *lun) beside(i int, paths []pr.Path) pr.Path {
	for j, p := range paths {
		if j != i && l.paths[j].err == nil {
			return p
		}
	}
	return paths[i]
}

// stateBy reads the state by a path, and the keys by another command: a list may be cut.
// That goes by another path, if one answers: a path may tell of another LUN. Somebody who comes or goes in between is no contradiction. Zeros say that nobody is
// registered, by both, and by what the device can do they say nothing that can be; that
// is asked, and told, of a LUN on which nobody has ever registered.
func stateBy(ctx context.Context, p, other pr.Path) (*pr.State, *pr.Capabilities, error) {
	for range 3 {
		s, err := p.State(ctx)
		if err != nil {
			return nil, nil, err
		}
		keys, err := other.Keys(ctx)
		if err != nil && other != p {
			other = p
			keys, err = p.Keys(ctx)
		}
		if err != nil {
			return nil, nil, err
		}
		more := slices.ContainsFunc(keys, func(k pr.Key) bool { return !s.Has(k) })
		less := slices.ContainsFunc(s.Keys(), func(k pr.Key) bool { return !slices.Contains(keys, k) })
		if more || less {
			continue
		}
		if !s.Empty() || s.Generation != 0 {
			return s, nil, nil
		}
		can, err := p.Capabilities(ctx)
		if err != nil && (errors.Is(err, pr.ErrNoReservations) || !errors.Is(err, pr.ErrUnsupported)) {
			return nil, nil, err
		}
		return s, can, nil
	}
	return nil, nil, errTwoStories
}

// errTwoStories says that two answers exclude each other.
var errTwoStories = fmt.Errorf("%w: by one command a key is registered, by another it is not", pr.ErrMalformed)

// use says what of this host uses the LUN.
func (l *lun) use() string {
	var list []string
	if l.group != "" {
		list = append(list, "VG "+l.group)
	}
	for _, u := range l.usage.Uses {
		if text := strings.TrimSpace(string(u.Kind) + " " + u.At); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if l.usage.Err != nil {
		list = append(list, words.Unknown)
	}
	return strings.Join(list, "; ")
}

// foreign are the keys that are nobody's of this cluster.
func (l *lun) foreign(o owners) []pr.Key {
	if l.state == nil {
		return nil
	}
	return slices.DeleteFunc(l.state.Keys(), func(k pr.Key) bool {
		_, ours := o.ours(k)
		return ours
	})
}
