package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// mishap is something that goes wrong with one command.
type mishap struct {
	name string
	// harmless says that a protocol must reach its end all the same.
	harmless bool
	// cut is how much of the data arrives, -1 for all.
	cut int
	// after says that the command takes effect.
	after bool
	reply scsi.Reply
}

func senseReply(key scsi.SenseKey, asc scsi.ASC) scsi.Reply {
	return scsi.Reply{Status: scsi.CheckCondition, Sense: []byte{0x70, 0, byte(key), 0, 0, 0, 0, 10, 0, 0, 0, 0, byte(asc >> 8), byte(asc), 0, 0, 0, 0}}
}

func mishaps() []mishap {
	list := []mishap{
		{name: "RESERVATION CONFLICT", reply: scsi.Reply{Status: scsi.ReservationConflict}},
		{name: "BUSY", harmless: true, reply: scsi.Reply{Status: scsi.Busy}},
		{name: "TASK SET FULL", harmless: true, reply: scsi.Reply{Status: scsi.TaskSetFull}},
		{name: "NOT READY 04/0A", harmless: true, reply: senseReply(scsi.NotReady, 0x040a)},
		{name: "host error", reply: scsi.Reply{Host: scsi.HostError}},
		{name: "host error after", after: true, reply: scsi.Reply{Host: scsi.HostError}},
		{name: "timeout", reply: scsi.Reply{Host: scsi.HostTimeOut}},
		{name: "timeout after", after: true, reply: scsi.Reply{Host: scsi.HostTimeOut}},
		{name: "NOT READY 08/00 after", after: true, reply: senseReply(scsi.NotReady, 0x0800)},
		{name: "aborted", reply: scsi.Reply{Status: scsi.TaskAborted}},
	}
	for _, asc := range []scsi.ASC{0x2900, 0x2a03, 0x2a04, 0x2a05, 0x3f0e} {
		list = append(list, mishap{name: fmt.Sprintf("unit attention %02x/%02x", uint8(asc>>8), uint8(asc)), harmless: true, reply: senseReply(scsi.UnitAttention, asc)})
	}
	for _, n := range []int{0, 4, 8, 12, 30} {
		list = append(list, mishap{name: fmt.Sprintf("answer cut to %d", n), after: true, cut: n + 1})
	}
	return list
}

// apply answers a command as the mishap has it.
func (m *mishap) apply(ctx context.Context, t scsi.Transport, req *scsi.Request) (scsi.Reply, error) {
	if !m.after {
		reply := m.reply
		reply.Resid = len(req.Data)
		return reply, nil
	}
	reply, err := t.Do(ctx, req)
	if m.cut > 0 {
		if req.Dir == scsi.DataIn {
			reply.Resid = max(reply.Resid, len(req.Data)-m.cut+1)
			clear(req.Data[len(req.Data)-reply.Resid:])
		}
		return reply, err
	}
	lost := m.reply
	lost.Resid = len(req.Data)
	return lost, err
}

// trial is a protocol of A with the state in which it finds the LUNs.
type trial struct {
	verb
	typ Mode
	found
}

func trials() []trial {
	var list []trial
	for _, f := range []found{{name: "clean"}, ownedBy("A"), ownedBy("B")} {
		list = append(list, trial{starts("A"), Exclusive, f}, trial{halts("A"), Exclusive, f})
	}
	for _, f := range []found{shared(), shared("A"), shared("B"), shared("A", "B"), shared("B", "A"), left(6, "A", "B"), left(6, "C", "B")} {
		list = append(list, trial{starts("A"), Shared, f}, trial{halts("A"), Shared, f})
	}
	for _, f := range []found{shared("A", "B"), shared("B", "A"), left(6, "C", "B", "A"), left(6, "B", "A")} {
		list = append(list, trial{fences("A", "B"), Shared, f})
	}
	return list
}

func (c trial) String() string { return fmt.Sprintf("%s %v, %s", c.typ, c.verb, c.name()) }

func (c trial) name() string { return c.found.name }

// world makes a fresh one.
func (c trial) world(t testing.TB) *world {
	w := newWorld(t, 2, 2, simlun.Quirks{})
	w.mode = c.typ
	if c.prepare != nil {
		c.prepare(w)
	}
	return w
}

// truth looks at the LUNs themselves after the protocol said ok.
func (c trial) truth(w *world) string {
	for i := range w.luns {
		st := w.status(i)
		has := func(n string) bool {
			return slices.Contains(st.Keys, keyOf(n)) || slices.Contains(st.Keys, Leaving(keyOf(n)))
		}
		others := slices.DeleteFunc(slices.Clone(c.up), func(n string) bool { return n == "A" || n == c.victim })
		wrong := ""
		switch {
		case c.kind == startKind && (st.Type != unit.ReservationType || !w.canWrite("A", i)):
			wrong = "A is not protected"
		case c.kind == startKind && c.typ == Exclusive && (st.Holder != keyA || has("B") || has("C") || w.canWrite("B", i)):
			wrong = "A is not alone"
		case c.kind == haltKind && has("A"):
			wrong = "A is still registered"
		case c.kind == fenceKind && (has(c.victim) || w.canWrite(c.victim, i) || !w.canWrite("A", i)):
			wrong = "the fence is open"
		case c.typ != Exclusive && len(others) > 0 && (st.Type != unit.ReservationType || !w.canWrite(others[0], i)):
			wrong = others[0] + " is not protected"
		}
		if wrong != "" {
			return fmt.Sprintf("%s: LUN %d has %+v", wrong, i, st)
		}
	}
	return ""
}

// Whatever goes wrong with any one command: success is true, an error says
// which LUN it is about, and running the protocol again puts all right.
func TestAdversity(t *testing.T) {
	for _, c := range trials() {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			runs, failed := 0, 0
			for _, m := range mishaps() {
				for n := int64(1); ; n++ {
					met, err := c.once(t, c.world(t), &m, n)
					if !met {
						break
					}
					runs++
					if err != nil {
						failed++
					}
				}
			}
			t.Logf("%d commands went wrong, after %d of them the protocol said so, after the others it was done", runs, failed)
		})
	}
}

// once lets the n-th command fail, and reports whether there was one and what
// the protocol said.
func (c trial) once(t *testing.T, w *world, m *mishap, n int64) (met bool, err error) {
	sent, hit := int64(0), ""
	w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if sent++; sent != n {
				return t.Do(ctx, req)
			}
			hit = (&command{req: scsiRequest{req, false}}).String()
			return m.apply(ctx, t, req)
		})
	}
	r := w.run("A")
	r.Parallel = 1
	w.wrap = nil
	err = c.do(context.Background(), r)
	where := fmt.Sprintf("%s at command %d (%s)", m.name, n, hit)
	var lun *LUNError
	switch wrong := c.truth(w); {
	case err == nil && wrong != "":
		t.Errorf("%s: false success: %s", where, wrong)
	case err != nil && m.harmless:
		t.Errorf("%s: %v", where, err)
	case err != nil && !errors.As(err, &lun):
		t.Errorf("%s: an error that names no LUN: %v", where, err)
	}
	met = sent >= n
	if err := c.do(context.Background(), w.run("A")); err != nil && !(c.kind == fenceKind && errors.Is(err, ErrNotRegistered)) {
		t.Errorf("%s: run again: %v", where, err)
	} else if wrong := c.truth(w); err == nil && wrong != "" {
		t.Errorf("%s: run again: %s", where, wrong)
	}
	return met, err
}

// What never ends is given up at the deadline, with an error that says so.
func TestAdversityForEver(t *testing.T) {
	for _, c := range trials() {
		for _, m := range mishaps() {
			if !m.harmless {
				continue
			}
			t.Run(fmt.Sprintf("%v: %s", c, m.name), func(t *testing.T) {
				for n := int64(1); n < 40; n++ {
					synctest.Test(t, func(t *testing.T) { c.forEver(t, &m, n) })
				}
			})
		}
	}
}

func (c trial) forEver(t *testing.T, m *mishap, n int64) {
	w := c.world(t)
	var sent atomic.Int64
	w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			if sent.Add(1) < n {
				return t.Do(ctx, req)
			}
			return m.apply(ctx, t, req)
		})
	}
	r := w.run("A")
	w.wrap = nil
	for _, l := range r.LUNs {
		for i, p := range l.Paths {
			// The real waits, by the test's clock.
			retry := p.(*scsi.Unit).Transport().(*scsi.Retry)
			l.Paths[i] = scsi.NewUnit(p.Name(), &scsi.Retry{Transport: retry.Transport})
		}
	}
	begin := time.Now()
	err := c.do(context.Background(), r)
	took := time.Since(begin)
	if limit := scsi.DefaultTimeout + undoTime + time.Second; took > limit {
		t.Errorf("from command %d on it took %v, %v allowed", n, took, limit)
	}
	if wrong := c.truth(w); err == nil && wrong != "" {
		t.Errorf("from command %d on: false success: %s", n, wrong)
	}
	if err == nil && sent.Load() >= n {
		t.Errorf("from command %d on: success", n)
	}
}
