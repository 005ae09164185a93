package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"lunguard/cluster"
	"lunguard/commands/words"
	"lunguard/protocol"
	"lunguard/vg"
)

// owners are the LUNs of all packages of a config, as far as this host sees
// them.
type owners struct {
	conf *cluster.Config
	list []ownedDisk
}

// ownedDisk is the LUN under one of a package's volumes.
type ownedDisk struct {
	pkg  string
	disk *vg.Disk
}

// ownersWait is how long other packages' groups may be looked for. A disk that
// hangs and has nothing to do with a package must not keep it from a take-over
// for long.
const ownersWait = 10 * time.Second

// ownersOnce finds them once.
type ownersOnce struct {
	once  sync.Once
	found *owners
}

// Owners finds the LUNs of all packages, once in a session, and without a
// command to any of them: names, sysfs and what lvm2 knows lead there. What this
// host does not see cannot be in its hands twice, so it is left out.
func (s *Session) Owners() *owners {
	s.owned.once.Do(func() {
		w := &owners{conf: s.Conf}
		groups := groupsOf(s.Ctx, s.Conf, s.Host)
		for _, pkg := range s.Conf.Packages {
			volumes := slices.Clone(pkg.Volumes)
			for _, g := range pkg.Groups {
				volumes = append(volumes, groups[g]...)
			}
			for _, dev := range volumes {
				// No map need join the paths of a LUN for it to be the same.
				if d, err := s.Host.Paths(dev); err == nil {
					w.list = append(w.list, ownedDisk{pkg.Name, d})
				}
			}
		}
		s.owned.found = w
	})
	return s.owned.found
}

// ForgetOwners makes the session look again: the groups may have changed.
func (s *Session) ForgetOwners() { s.owned = &ownersOnce{} }

// groupsOf finds the volumes of all groups of a config. Those that are not
// found in time are left out, as those are that are not there.
func groupsOf(ctx context.Context, conf *cluster.Config, host vg.Host) map[string][]string {
	ctx, cancel := context.WithTimeout(ctx, ownersWait)
	defer cancel()
	var names []string
	for _, pkg := range conf.Packages {
		names = append(names, pkg.Groups...)
	}
	found := make(chan map[string][]string, 1)
	go func() {
		groups := map[string][]string{}
		for _, name := range names {
			if g, err := host.Group(ctx, name); err == nil {
				groups[name] = g.Volumes
			}
		}
		found <- groups
	}()
	select {
	case groups := <-found:
		return groups
	case <-ctx.Done():
		return nil
	}
}

// of lists the packages that a LUN is in, in the order of the config, each with
// a device by which it has it.
func (w *owners) of(lun *vg.Disk) []ownedDisk {
	var list []ownedDisk
	for _, o := range w.list {
		known := slices.ContainsFunc(list, func(l ownedDisk) bool { return l.pkg == o.pkg })
		if !known && sameLUN(o.disk, lun) {
			list = append(list, o)
		}
	}
	return list
}

// sameLUN reports whether two disks are one LUN: by its name in the world, or,
// where one has none, by a path that both have.
func sameLUN(a, b *vg.Disk) bool {
	if a.WWID != "" && b.WWID != "" {
		return a.WWID == b.WWID
	}
	return slices.ContainsFunc(a.Paths, func(p vg.Device) bool { return slices.ContainsFunc(b.Paths, p.Same) })
}

// TwoPackages says that a LUN of a package is in another one, too; nil if it is
// not. The package may be one that is not of the config, as that of a group which
// no package has; then the LUN must not be in two others.
func (w *owners) TwoPackages(pkg *cluster.Package, lun *vg.Disk) error {
	list := w.of(lun)
	if p, err := w.conf.Package(pkg.Name); err == nil && p == pkg {
		others := slices.DeleteFunc(list, func(o ownedDisk) bool { return o.pkg == pkg.Name })
		list = append([]ownedDisk{{pkg.Name, lun}}, others...)
	}
	if len(list) < 2 {
		return nil
	}
	return &twoPackagesError{lun: lun.Device, wwid: lun.WWID, pkg: list[0].pkg, others: list[1:]}
}

// SoleOwner refuses LUNs of a package that another one has as well: a halt of
// that one would open them.
func (s *Session) SoleOwner(pkg *cluster.Package, disks []*vg.Disk) error {
	if len(s.Conf.Packages) == 1 && &s.Conf.Packages[0] == pkg {
		return nil
	}
	w := s.Owners()
	var errs []error
	for _, d := range disks {
		errs = append(errs, w.TwoPackages(pkg, d))
	}
	return errors.Join(errs...)
}

// DiskOf is the disk that a LUN was opened by, without those of its paths that
// were gone by then.
func (o *Opened) DiskOf(l *protocol.LUN) *vg.Disk {
	d := *o.disks[l]
	d.WWID = l.WWID
	d.Paths = slices.DeleteFunc(slices.Clone(d.Paths), func(dev vg.Device) bool {
		return slices.ContainsFunc(l.Unopened, func(p protocol.UnopenedPath) bool {
			return p.Name == dev.Name && (errors.Is(p.Err, fs.ErrNotExist) || errors.Is(p.Err, vg.ErrOtherDevice))
		})
	})
	return &d
}

// twoPackagesError says that a LUN is in several packages.
type twoPackagesError struct {
	// lun is the name by which pkg has it.
	lun, wwid, pkg string
	others         []ownedDisk
}

// Error names the LUN, its worldwide name, and all packages.
func (e *twoPackagesError) Error() string { return e.Message().Text() }

func (e *twoPackagesError) Message() words.Message {
	wwid := e.wwid
	if wwid == "" {
		wwid = "no worldwide name"
	}
	list := []string{"package " + e.pkg}
	for _, o := range e.others {
		as := ""
		if o.disk.Device != e.lun {
			as = "as " + o.disk.Device + " "
		}
		list = append(list, as+"in package "+o.pkg)
	}
	return words.Message{Subject: e.lun, What: fmt.Sprintf("the LUN (%s) is in %s", wwid, strings.Join(list, " and ")), Hint: "nothing was changed: a halt of one package would open the other's LUN; take it out of one of them, or make one package of both", Status: words.ExitFailed}
}

// Finding is the message where the LUN is named already.
func (e *twoPackagesError) Finding() words.Message {
	return words.Message{What: e.Message().What, Hint: "take it out of one of them: a halt of one opens the other's LUN"}
}
