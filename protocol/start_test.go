package protocol

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// A clean start costs P + 4 commands a LUN, two more on the arbiter; a
// take-over one more, for the mark, and one for each stale key beyond the holder's.
func TestStartCommandCount(t *testing.T) {
	for _, paths := range []int{1, 2, 4} {
		for stale := range 3 {
			t.Run(fmt.Sprintf("%d paths, %d stale keys", paths, stale), func(t *testing.T) {
				w := newWorld(t, 3, paths, simlun.Quirks{})
				for i := range w.luns {
					if stale > 0 {
						w.put(i, "B", 0, keyB, unit.ReservationType)
					}
					if stale > 1 {
						w.put(i, "C", 0, keyC, 0)
					}
					w.sent[i].Store(0)
				}
				w.start("A")
				w.wantOwned(keyA)
				for i := range w.luns {
					most := int64(paths + 4 + stale)
					if i == 0 {
						most += 2
					}
					if got := w.sent[i].Load(); got > most {
						t.Errorf("LUN %d: %d commands, at most %d expected", i, got, most)
					}
				}
			})
		}
	}
}

// Whether the start may go on is asked when all LUNs were read, and nothing was changed.
func TestStartAsksLast(t *testing.T) {
	for _, mode := range []Mode{Exclusive, Shared} {
		w := newWorld(t, 3, 2, simlun.Quirks{})
		w.mode = mode
		for i := range w.luns {
			w.put(i, "B", 0, keyB, unit.ReservationType)
			w.sent[i].Store(0)
		}
		states := func() (list []status) {
			for i := range w.luns {
				list = append(list, w.status(i))
			}
			return list
		}
		before := states()
		asked := 0
		r := w.run("A")
		r.MayStart = func(context.Context) error {
			asked++
			for i := range w.luns {
				if w.sent[i].Load() == 0 {
					t.Errorf("LUN %d was not read", i)
				}
			}
			if diff := cmp.Diff(before, states()); diff != "" {
				t.Errorf("changed already:\n%s", diff)
			}
			return errKilled
		}
		if err := r.Start(t.Context()); !errors.Is(err, errKilled) || asked != 1 {
			t.Errorf("%v: %v, asked %d times", mode, err, asked)
		}
		if diff := cmp.Diff(before, states()); diff != "" {
			t.Errorf("changed all the same:\n%s", diff)
		}
	}
}

func TestStartFromEveryState(t *testing.T) {
	w5, we, ea := unit.ReservationType, pr.WriteExclusive, pr.ExclusiveAccess
	cases := map[string]func(*world){
		"clean":                      func(*world) {},
		"ours already":               func(w *world) { w.put(0, "A", 0, keyA, w5) },
		"ours, second path missing":  func(w *world) { w.put(0, "A", 1, keyA, w5) },
		"ours, wrong type":           func(w *world) { w.put(0, "A", 1, keyA, we) },
		"ours, all registrants":      func(w *world) { w.put(0, "A", 0, keyA, pr.WriteExclusiveAllRegistrants) },
		"ours by another nexus":      func(w *world) { w.put(0, "A", 7, keyA, w5); w.put(1, "A", 0, keyA, 0) },
		"another's":                  func(w *world) { w.put(0, "B", 0, keyB, w5) },
		"another's, not reserved":    func(w *world) { w.put(0, "B", 0, keyB, 0) },
		"another's, exclusive":       func(w *world) { w.put(0, "B", 0, keyB, ea) },
		"another's, all registrants": func(w *world) { w.put(0, "B", 0, keyB, pr.ExclusiveAccessAllRegistrants) },
		"another's, leaving":         func(w *world) { w.put(0, "B", 0, Leaving(keyB), w5) },
		"two others'":                func(w *world) { w.put(0, "B", 0, keyB, w5); w.put(0, "C", 1, keyC, 0) },
		"one LUN each":               func(w *world) { w.put(0, "B", 0, keyB, w5); w.put(1, "C", 0, keyC, w5) },
		"we hold, another is there":  func(w *world) { w.put(0, "A", 0, keyA, w5); w.put(0, "B", 0, keyB, 0) },
	}
	for name, prepare := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2, 2, simlun.Quirks{})
			prepare(w)
			w.start("A")
			for i := range w.luns {
				st := w.status(i)
				if st.Holder != keyA || st.Type != unit.ReservationType || len(slices.Compact(st.Keys)) != 1 {
					t.Errorf("LUN %d: %+v", i, st)
				}
				if !w.canWrite("A", i) || w.canWrite("B", i) || w.canWrite("C", i) {
					t.Errorf("LUN %d: A alone should be able to write", i)
				}
			}
		})
	}
}

// A foreign key anywhere leaves every LUN exactly as it was.
func TestStartForeignKey(t *testing.T) {
	cases := map[string]func(*world){
		"registered":                  func(w *world) { w.put(1, "X", 0, foreign, 0) },
		"holding":                     func(w *world) { w.put(1, "X", 0, foreign, unit.ReservationType) },
		"beside ours":                 func(w *world) { w.put(1, "A", 0, keyA, unit.ReservationType); w.put(1, "X", 0, foreign, 0) },
		"marked as a leaving node's":  func(w *world) { w.put(1, "X", 0, foreign|LeavingMark, 0) },
		"on a device without details": func(w *world) { w.put(1, "X", 0, foreign, pr.WriteExclusive) },
	}
	for name, prepare := range cases {
		for _, q := range []simlun.Quirks{{}, {NoFullStatus: true}} {
			t.Run(fmt.Sprintf("%s %v", name, q), func(t *testing.T) {
				w := newWorld(t, 3, 1, q)
				prepare(w)
				r := w.run("A")
				before := w.prints()
				err := r.Start(context.Background())
				var fk *ForeignKeyError
				if !errors.As(err, &fk) || fk.LUN != "sdb" {
					t.Fatalf("error %v, a foreign key on sdb expected", err)
				}
				if want := w.members.Foreign(fk.Keys); !slices.Equal(want, fk.Keys) || len(want) != 1 {
					t.Errorf("keys %v", fk.Keys)
				}
				if diff := cmp.Diff(before, w.prints()); diff != "" {
					t.Errorf("a LUN was changed (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Devices that err or are old are protected all the same.
func TestStartOnQuirks(t *testing.T) {
	for _, text := range []string{
		"NoFullStatus", "NoRegIgnore", "NoCapabilities", "NoAPTPL", "NoAPTPL,OldSense,NoCapabilities,NoFullStatus,NoRegIgnore",
		"ShortFullStatus", "MinAlloc8", "PreemptUA2A03", "UAInverted", "NoUnregGenBump", "DoubleGenBump",
		"FirstCmdUA=29/00", "FirstCmdUA=2a/05", "FirstCmdUA=3f/0e", "DIDNexus", "Busy=3", "AllTgPtImplicit", "OnlyTypes=5",
		"NoRegisterMove,NoSpecIPT,NoAllTgPt", "Reserve6Unsupported",
	} {
		q, err := simlun.ParseQuirks(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, owner := range []string{"", "B"} {
			t.Run(text+" from "+owner, func(t *testing.T) {
				w := newWorld(t, 2, 2, q)
				if owner != "" {
					w.start(owner)
				}
				w.start("A")
				for i := range w.luns {
					if !w.canWrite("A", i) || w.canWrite("B", i) || w.canWrite("C", i) {
						t.Errorf("LUN %d: A alone should be able to write", i)
					}
				}
				if err := w.run("A").Halt(context.Background()); err != nil {
					t.Fatal(err)
				}
				w.wantEmpty()
			})
		}
	}
}

// Devices that cannot do it, and those that talk nonsense, are found before
// anything is changed.
func TestStartRefuses(t *testing.T) {
	cases := map[string]struct {
		quirks string
		want   error
	}{
		"no persistent reservations":     {"NoPR", pr.ErrUnsupported},
		"no reservation type of ours":    {"OnlyTypes=1", ErrNoReservationType},
		"capabilities of zero length":    {"BadCapabilities", pr.ErrMalformed},
		"lengths larger than the answer": {"BadFullStatusLength", pr.ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, 1, simlun.Quirks{})
			q, err := simlun.ParseQuirks(c.quirks)
			if err != nil {
				t.Fatal(err)
			}
			w.luns[1].With(func(m *simlun.Machine) { m.SetQuirks(q) })
			r := w.run("A")
			before := w.prints()
			err = r.Start(context.Background())
			var lun *LUNError
			if !errors.Is(err, c.want) || !errors.As(err, &lun) || lun.LUN != "sdb" {
				t.Fatalf("error %v, %v on sdb expected", err, c.want)
			}
			for i, p := range w.prints() {
				if i != 1 && p != before[i] {
					t.Errorf("LUN %d was changed", i)
				}
			}
			if st := w.status(1); len(st.Keys) > 0 {
				t.Errorf("LUN 1: %+v", st)
			}
		})
	}
}

func TestStartWithDeadPath(t *testing.T) {
	for dead := range 2 {
		t.Run(fmt.Sprint("path ", dead), func(t *testing.T) {
			w := newWorld(t, 2, 2, simlun.Quirks{})
			w.luns[1].With(func(m *simlun.Machine) { m.FailPath(w.transport2("A", 1, dead), true) })
			w.start("A")
			if !w.logged(PathFailed) {
				t.Error("no warning of the dead path")
			}
			if diff := cmp.Diff(status{[]pr.Key{keyA}, keyA, unit.ReservationType}, w.status(1)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := w.run("A").Halt(context.Background()); err != nil {
				t.Fatal(err)
			}
			w.wantEmpty()
		})
	}
}

// transport2 names a path's nexus without logging it in.
func (w *world) transport2(node string, _, path int) simlun.NexusID {
	return simlun.MakeNexus(port(node, path), uint16(path+1))
}

func TestStartWithoutPath(t *testing.T) {
	w := newWorld(t, 2, 2, simlun.Quirks{})
	for p := range 2 {
		w.luns[1].With(func(m *simlun.Machine) { m.FailPath(w.transport2("A", 1, p), true) })
	}
	r := w.run("A")
	before := w.prints()
	err := r.Start(context.Background())
	if !errors.Is(err, pr.ErrTransport) {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff(before[0], w.prints()[0]); diff != "" {
		t.Error("the other LUN was changed")
	}
}

// A failure in the middle leaves clean what was nobody's, and reserved what
// was another node's.
func TestStartFailsInTheMiddle(t *testing.T) {
	for _, owner := range []string{"", "B"} {
		t.Run("from "+owner, func(t *testing.T) {
			w := newWorld(t, 3, 1, simlun.Quirks{})
			if owner != "" {
				w.start(owner)
			}
			w.faults(2, "prout.register-ignore@every:sense=4/44/00")
			err := w.run("A").Start(context.Background())
			var lun *LUNError
			if !errors.As(err, &lun) || lun.LUN != "sdc" {
				t.Fatalf("error %v", err)
			}
			w.faults(2, "")
			if owner == "" {
				w.wantEmpty()
				return
			}
			for i, key := range []pr.Key{keyA, keyB} {
				// The arbiter was taken, the other was not.
				if diff := cmp.Diff(status{[]pr.Key{key}, key, unit.ReservationType}, w.status(i)); diff != "" {
					t.Errorf("LUN %d (-want +got):\n%s", i, diff)
				}
			}
			if !w.logged(Kept) {
				t.Error("nothing was said of LUNs that stay reserved")
			}
			w.start("A")
			w.wantOwned(keyA)
		})
	}
}

// What a REGISTER did is open when its answer gets lost: the run looks and
// goes on, never to a false success.
func TestStartLostAnswers(t *testing.T) {
	for _, command := range []string{"prout.register-ignore", "prout.reserve", "prout.preempt-abort", "prin.full", "prin.capabilities"} {
		for _, when := range []string{"host=3", "after:host=3", "host=8", "after:host=8", "sense=2/08/00", "after:sense=2/08/00", "aborted", "conflict", "busy", "full",
			"sense=6/29/00", "sense=6/2a/03", "sense=6/2a/04", "sense=6/2a/05", "sense=6/3f/0e", "sense=2/04/0a"} {
			for at := 1; at <= 2; at++ {
				for _, owner := range []string{"", "B"} {
					t.Run(fmt.Sprintf("%s@%d:%s from %s", command, at, when, owner), func(t *testing.T) {
						w := newWorld(t, 2, 2, simlun.Quirks{})
						if owner != "" {
							w.start(owner)
						}
						for i := range w.luns {
							w.faults(i, fmt.Sprintf("%s@%d:%s", command, at, when))
						}
						err := w.run("A").Start(context.Background())
						for i := range w.luns {
							w.faults(i, "")
							if err == nil && (!w.canWrite("A", i) || w.canWrite("B", i) || w.status(i).Holder != keyA) {
								t.Errorf("success, but LUN %d is %+v", i, w.status(i))
							}
						}
						if err != nil && when == "busy" {
							t.Errorf("busy once: %v", err)
						}
						w.start("A")
						for i := range w.luns {
							if st := w.status(i); st.Holder != keyA || slices.ContainsFunc(st.Keys, func(k pr.Key) bool { return k != keyA }) {
								t.Errorf("after a second run LUN %d is %+v", i, st)
							}
						}
					})
				}
			}
		}
	}
}

// A node that stood still between its decision and its command decides anew.
func TestStartStopped(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	now := time.Duration(0)
	w.wrap = func(node string, lun, path int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			reply, err := t.Do(ctx, req)
			if req.Opcode() == scsi.OpPRIn && scsi.InAction(req.CDB[1]) == scsi.InReadFullStatus && w.sent[lun].Load() == 2 && node == "A" {
				// Between A's first look and its first change B takes over,
				// an hour passes, and a stranger comes.
				now += time.Hour
				if lun == 1 {
					w.put(1, "X", 0, foreign, 0)
				}
			}
			return reply, err
		})
	}
	r := w.run("A")
	r.Now = func() time.Duration { return now }
	r.Parallel = 1
	var fk *ForeignKeyError
	if err := r.Start(context.Background()); !errors.As(err, &fk) {
		t.Fatalf("error %v, the foreign key expected", err)
	}
	if st := w.status(1); !slices.Equal(st.Keys, []pr.Key{foreign}) {
		t.Errorf("LUN 1: %+v", st)
	}
}

// doFunc is a function as a Transport.
type doFunc func(context.Context, *scsi.Request) (scsi.Reply, error)

func (f doFunc) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) { return f(ctx, req) }

func TestStartRefusesLUNs(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	r := w.run("A")
	r.LUNs[0].WWID = r.LUNs[1].WWID
	var shared *SharedLUNError
	if err := r.Start(context.Background()); !errors.As(err, &shared) {
		t.Errorf("error %v, *SharedLUNError expected", err)
	}
	r = w.run("A")
	r.LUNs[1].WWID = ""
	if err := r.Start(context.Background()); !errors.Is(err, ErrNoWWID) {
		t.Errorf("error %v, ErrNoWWID expected", err)
	}
	w.wantEmpty()
}
