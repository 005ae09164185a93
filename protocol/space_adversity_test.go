package protocol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"lunguard/nvme"
	"lunguard/nvme/simns"
)

// spaceMishap is something that goes wrong with a command on its way to a namespace.
type spaceMishap struct {
	name string
	// after says that the command takes effect, asks that it happens to reports only, and once
	// that nothing could tell it from the truth if it went on: a report is the only command
	// that tells of registrants.
	after, asks, once bool
	status            nvme.Status
	err               error
	// garbles changes a report that has come.
	garbles func(data []byte)
}

// spaceMishaps are statuses and errors of the kernel, the command performed or not where the
// answer leaves it open, and reports that are not what they should be.
func spaceMishaps() []spaceMishap {
	var list []spaceMishap
	for _, s := range []nvme.Status{
		nvme.InvalidOpcode, nvme.InvalidField, nvme.DataTransferError, nvme.InternalError, nvme.AbortRequested, nvme.SQDeletion,
		nvme.InvalidNamespace, nvme.CommandSequence, nvme.HostIDInconsistent, nvme.CommandInterrupted, nvme.TransientTransport,
		nvme.NamespaceNotReady, nvme.ReservationConflict, nvme.InternalPath, nvme.ANAPersistentLoss, nvme.ANAInaccessible,
		nvme.ANATransition, nvme.ControllerPathingError, nvme.HostPathingError, nvme.HostAborted, 0x3ff, 0x7ff,
	} {
		list = append(list, spaceMishap{name: s.String(), status: s | nvme.DoNotRetry})
	}
	for _, s := range []nvme.Status{nvme.InternalError, nvme.CommandInterrupted, nvme.NamespaceNotReady, nvme.InternalPath, nvme.ANATransition} {
		list = append(list, spaceMishap{name: s.String() + ", to be tried again", status: s})
	}
	for _, s := range []nvme.Status{nvme.InternalError, nvme.AbortRequested, nvme.SQDeletion, nvme.CommandInterrupted, nvme.TransientTransport, nvme.HostPathingError, nvme.HostAborted, nvme.ReservationConflict} {
		list = append(list, spaceMishap{name: s.String() + ", performed", after: true, status: s | nvme.DoNotRetry})
	}
	for _, err := range []error{syscall.EINTR, syscall.EAGAIN, syscall.EIO, syscall.ENODEV, syscall.EACCES, syscall.EINVAL} {
		list = append(list, spaceMishap{name: err.Error(), err: err})
	}
	list = append(list, spaceMishap{name: "taken back, performed", after: true, err: syscall.EINTR})
	for name, f := range map[string]func([]byte){
		"zeros":                   func(b []byte) { clear(b) },
		"ones":                    func(b []byte) { copy(b, bytes.Repeat([]byte{0xff}, len(b))) },
		"two registrants more":    func(b []byte) { b[5] += 2 },
		"many registrants more":   func(b []byte) { b[6] = 0xff },
		"keys of zeros":           func(b []byte) { clear(b[64:]) },
		"another type":            func(b []byte) { b[4] = 9 },
		"the header alone":        func(b []byte) { clear(b[24:]) },
		"reservation of somebody": func(b []byte) { b[4] = 3 },
	} {
		list = append(list, spaceMishap{name: "report: " + name, after: true, asks: true, once: name == "zeros", garbles: f})
	}
	return list
}

// befalls has the mishap happen to a command, and reports whether it can.
func (m *spaceMishap) befalls(req *nvme.Request) bool {
	return !req.Opcode.Admin() && (!m.asks || req.Opcode.ReadsData())
}

// apply answers a command as the mishap has it.
func (m *spaceMishap) apply(ctx context.Context, t nvme.Transport, req *nvme.Request) (nvme.Reply, error) {
	if m.after {
		if reply, err := t.Do(ctx, req); m.garbles != nil || err != nil {
			if err == nil {
				m.garbles(req.Data)
			}
			return reply, err
		}
	}
	if m.err != nil {
		return nvme.Reply{}, m.err
	}
	return nvme.Reply{Status: m.status}, nil
}

// spaceTransport is a path of which commands may meet with a mishap.
type spaceTransport func(context.Context, *nvme.Request) (nvme.Reply, error)

func (f spaceTransport) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	return f(ctx, req)
}

// spaceTrials are protocols of A with the state in which they find namespaces.
func spaceTrials() []trial {
	list := trials()
	for _, f := range []found{held("A", "B"), held("B", "A")} {
		list = append(list, trial{starts("A"), Shared, f}, trial{halts("A"), Shared, f}, trial{fences("A", "B"), Shared, f})
	}
	for _, f := range []found{shared("A", "B"), ownedBy("A"), ownedBy("B")} {
		mode := Shared
		if len(f.up) == 1 {
			mode = Exclusive
		}
		list = append(list, trial{repairs("A"), mode, f}, trial{copies("A"), mode, f}, trial{cleans("A"), mode, f})
	}
	return append(list, trial{haltsAlone("A"), Shared, shared("A", "B")}, trial{haltsAlone("A"), Shared, held("A", "B")})
}

// ofSpaces looks at the namespaces themselves after the protocol said ok.
func (c trial) ofSpaces(w *world) string {
	for i := range w.spaces {
		s := w.heldBy(i)
		writes := func(n string) bool { return s.Reservation == nil || IsOn(s, keyOf(n)) }
		safe := func(n string) bool { return s.Reservation != nil && s.Reservation.Type.Shared() && IsOn(s, keyOf(n)) }
		others := slices.DeleteFunc(slices.Clone(c.up), func(n string) bool { return n == "A" || n == c.victim })
		wrong := ""
		switch {
		case c.kind == startKind && !safe("A"):
			wrong = "A is not protected"
		case c.kind == startKind && c.typ == Exclusive && (!s.HeldBy(keyA) || writes("B") || writes("C")):
			wrong = "A is not alone"
		case c.kind == haltKind && IsOn(s, keyA):
			wrong = "A is still registered"
		case c.kind == fenceKind && (writes(c.victim) || !safe("A")):
			wrong = "the fence is open"
		case c.kind == cleanupKind && !s.Empty():
			wrong = "it is not empty"
		case c.kind == repairKind && slices.Contains(c.up, "A") && !safe("A"):
			wrong = "A is not protected"
		case c.kind != cleanupKind && c.typ != Exclusive && len(others) > 0 && !safe(others[0]):
			wrong = others[0] + " is not protected"
		}
		if wrong != "" {
			return fmt.Sprintf("%s: namespace %d has %+v", wrong, i, s)
		}
	}
	return ""
}

// Whatever goes wrong with one command of a protocol on namespaces, or with all from one on:
// success is true, and the protocol can be run again. Nothing resolves there whether the
// commands of who was removed are over, which is said.
func TestSpaceAdversity(t *testing.T) {
	kinds := spaces()
	for i, c := range spaceTrials() {
		// One kind of target for each, in turn: the explorer has all of them.
		kind := kinds[i%len(kinds)]
		if underRace && i%len(kinds) > 0 {
			continue // Everything happens in one goroutine.
		}
		t.Run(kind.name+"/"+c.String(), func(t *testing.T) {
			t.Parallel()
			runs, failed := 0, 0
			for _, m := range spaceMishaps() {
				for n := 1; ; n++ {
					met, err := c.onSpaces(t, *kind.space, &m, n, false)
					if !met {
						break
					}
					if runs++; err != nil {
						failed++
					}
					if !m.once {
						c.onSpaces(t, *kind.space, &m, n, true)
					}
				}
			}
			t.Logf("%d commands went wrong, after %d of them the protocol said so, after the others it was done", runs, failed)
		})
	}
}

// onSpaces lets the n-th command that it can befall fail, and those after it if it goes on,
// and reports whether there was one and what the protocol said.
func (c trial) onSpaces(t *testing.T, quirks simns.Quirks, m *spaceMishap, n int, goesOn bool) (met bool, err error) {
	w := newSpaces(t, 2, 2, quirks)
	w.mode = c.typ
	if c.prepare != nil {
		c.prepare(w)
	}
	r, sent, pauses := w.run("A"), 0, 0
	r.Parallel = 1
	for i, l := range r.LUNs {
		for p := range l.Paths {
			on := w.spaces[len(r.LUNs)-1-i].Path(controller("A", p))
			faulty := spaceTransport(func(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
				if m.befalls(req) {
					sent++
				}
				if !m.befalls(req) || sent < n || sent > n && !goesOn {
					return on.Do(ctx, req)
				}
				return m.apply(ctx, on, req)
			})
			late := func(context.Context, time.Duration) error {
				if pauses++; pauses%3 == 0 {
					return context.DeadlineExceeded
				}
				return nil
			}
			u := nvme.NewUnit(l.Paths[p].Name(), &nvme.Retry{Transport: faulty, Sleep: late, Timeout: time.Hour})
			l.Paths[p] = u.WithIdentity(hostOf("A", p).Identity)
		}
	}
	err = c.do(context.Background(), r)
	where := fmt.Sprintf("%s at command %d", m.name, n)
	if goesOn {
		where += " and all after it"
	}
	if wrong := c.ofSpaces(w); err == nil && wrong != "" {
		t.Errorf("%s: false success: %s", where, wrong)
	}
	said := func(err error) bool {
		return errors.Is(err, ErrUnresolved) || errors.Is(err, ErrNotRegistered) || errors.Is(err, ErrNothingToCopy) || errors.Is(err, ErrRemoved)
	}
	if again := c.do(context.Background(), w.run("A")); again != nil && !said(again) {
		t.Errorf("%s: run again: %v", where, again)
	} else if wrong := c.ofSpaces(w); again == nil && wrong != "" {
		t.Errorf("%s: run again: %s", where, wrong)
	}
	return sent >= n, err
}
