package session

import (
	"errors"
	"strconv"

	"lunguard/commands/front"
	"lunguard/commands/syslog"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
)

// runRecord writes what protocols do into the log. It is written by one goroutine
// at a time.
type runRecord struct {
	*front.Recorder
	// wwids are those of the LUNs of a run.
	wwids map[string]string
	of    *PackageRun
}

// AddKey adds a key, unless it is none.
func AddKey(e *front.Entry, f front.Field, k pr.Key) {
	if k != 0 {
		e.Field(f, k.String())
	}
}

// whose adds which package it is about, and which node this is.
func whose(e *front.Entry, run *PackageRun) {
	if run.Package != nil {
		e.Field(front.FieldPackage, run.Package.Name)
	}
	e.Field(front.FieldNode, run.Node.Name)
}

// where adds a LUN of the run.
func (r *runRecord) where(e *front.Entry, run *PackageRun, lun, path string) {
	e.Field(front.FieldDevice, lun)
	if path != lun {
		e.Field(front.FieldPath, path)
	}
	if r.of != run {
		// There are as many events as LUNs, and more.
		r.of, r.wwids = run, map[string]string{}
		for _, l := range run.LUNs {
			r.wwids[l.Name] = l.WWID
		}
	}
	e.Field(front.FieldWWID, r.wwids[lun])
}

// event writes what a protocol did or warns of.
func (r *runRecord) event(run *PackageRun, ev protocol.Event) {
	if r.Recorder == nil {
		return
	}
	e := front.NewEntry(front.Deed(ev.Action))
	whose(e, run)
	r.where(e, run, ev.LUN, ev.Path)
	AddKey(e, front.FieldKey, ev.Key)
	AddKey(e, front.FieldVictim, ev.Victim)
	AddKey(e, front.FieldHeir, ev.Heir)
	if len(ev.Heirs) > 0 {
		e.Field(front.FieldHeirs, words.Keys(ev.Heirs))
	}
	if ev.Change() || ev.Action == protocol.NothingLeft {
		e.Field(front.FieldPRGen, strconv.FormatUint(uint64(ev.Generation), 10))
	}
	switch {
	case ev.Change():
		e.Result(ev.Err)
	case ev.Action == protocol.NothingLeft, ev.Action == protocol.PerHost:
	default:
		e.Severity = syslog.Warning
		if ev.Err != nil {
			e.Field(front.FieldErr, front.InOneLine(ev.Err))
		}
	}
	r.Write(e)
}

// foreign writes which keys kept a command from working.
func (r *runRecord) foreign(run *PackageRun, err error) {
	for _, leaf := range words.Leaves(err) {
		var foreign *protocol.ForeignKeyError
		if r.Recorder == nil || !errors.As(leaf, &foreign) {
			continue
		}
		e := front.NewEntry(front.SawForeign)
		e.Severity = syslog.Err
		whose(e, run)
		r.where(e, run, foreign.LUN, foreign.LUN)
		e.Field(front.FieldForeign, words.Keys(foreign.Keys))
		r.Write(e)
	}
}
