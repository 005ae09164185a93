package commands

import (
	"errors"
	"strconv"

	"lunguard/commands/syslog"
	"lunguard/commands/words"
	"lunguard/protocol"
)

// runRecord writes what protocols do into the log. It is written by one goroutine
// at a time.
type runRecord struct {
	*recorder
	// wwids are those of the LUNs of a run.
	wwids map[string]string
	of    *packageRun
}

// whose adds which package it is about, and which node this is.
func whose(e *entry, run *packageRun) {
	if run.Package != nil {
		e.add(fieldPackage, run.Package.Name)
	}
	e.add(fieldNode, run.Node.Name)
}

// where adds a LUN of the run.
func (r *runRecord) where(e *entry, run *packageRun, lun, path string) {
	e.add(fieldDevice, lun)
	if path != lun {
		e.add(fieldPath, path)
	}
	if r.of != run {
		// There are as many events as LUNs, and more.
		r.of, r.wwids = run, map[string]string{}
		for _, l := range run.LUNs {
			r.wwids[l.Name] = l.WWID
		}
	}
	e.add(fieldWWID, r.wwids[lun])
}

// event writes what a protocol did or warns of.
func (r *runRecord) event(run *packageRun, ev protocol.Event) {
	if r.recorder == nil {
		return
	}
	e := newEntry(ev.Action)
	whose(e, run)
	r.where(e, run, ev.LUN, ev.Path)
	e.key(fieldKey, ev.Key)
	e.key(fieldVictim, ev.Victim)
	e.key(fieldHeir, ev.Heir)
	if len(ev.Heirs) > 0 {
		e.add(fieldHeirs, words.Keys(ev.Heirs))
	}
	if ev.Change() || ev.Action == protocol.NothingLeft {
		e.add(fieldPRGen, strconv.FormatUint(uint64(ev.Generation), 10))
	}
	switch {
	case ev.Change():
		e.result(ev.Err)
	case ev.Action == protocol.NothingLeft, ev.Action == protocol.PerHost:
	default:
		e.severity = syslog.Warning
		if ev.Err != nil {
			e.add(fieldErr, inOneLine(ev.Err))
		}
	}
	r.write(e)
}

// foreign writes which keys kept a command from working.
func (r *runRecord) foreign(run *packageRun, err error) {
	for _, leaf := range words.Leaves(err) {
		var foreign *protocol.ForeignKeyError
		if r.recorder == nil || !errors.As(leaf, &foreign) {
			continue
		}
		e := newEntry(sawForeign)
		e.severity = syslog.Err
		whose(e, run)
		r.where(e, run, foreign.LUN, foreign.LUN)
		e.add(fieldForeign, words.Keys(foreign.Keys))
		r.write(e)
	}
}
