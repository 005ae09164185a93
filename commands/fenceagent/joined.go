package fenceagent

import (
	"errors"
	"slices"

	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/vg"
)

// mayJoin refuses to let a node in that was fenced in this life, or that uses what it is
// not registered on: what it has in memory would go over what others have written since.
func (a *agent) mayJoin(run *session.PackageRun, o *session.Opened) error {
	joined, err := session.DiaryOf(a.s).Joined()
	if err != nil {
		return err
	}
	was := joined.LUNs
	for _, pkg := range a.shared {
		started, err := session.StartedOn(a.s, pkg)
		if err != nil {
			return err
		}
		was = append(was, started...)
	}
	var errs []error
	var absent []*vg.Disk
	for i, lun := range run.ShowSure(a.Ctx) {
		switch {
		case lun.Err != nil:
			errs = append(errs, lun.Err)
		case lun.Present:
		case slices.Contains(was, run.LUNs[i].WWID):
			errs = append(errs, &fencedError{lun: lun.LUN, node: a.s.Node.Name})
		default:
			absent = append(absent, o.DiskOf(run.LUNs[i]))
		}
	}
	if len(errs) > 0 || len(absent) == 0 {
		return errors.Join(errs...)
	}
	for i, u := range a.s.Host.InUse(absent) {
		switch {
		case len(u.Uses) > 0:
			errs = append(errs, &usedError{lun: absent[i].Device, use: words.Use(u.Uses[0])})
		case u.Err != nil:
			errs = append(errs, u.Err)
		}
	}
	return errors.Join(errs...)
}
