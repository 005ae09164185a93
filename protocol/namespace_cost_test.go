package protocol

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
)

// nsWorld has simulated namespaces, each of which counts its commands about reservations.
type nsWorld struct {
	list  []*simns.Namespace
	mu    sync.Mutex
	sent  []map[string][]string // by namespace and node
	delay time.Duration         // of each command
	log   []Event
}

func (w *nsWorld) note(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, e)
}

func newNSWorld(n int, quirks simns.Quirks) *nsWorld {
	w := &nsWorld{}
	for range n {
		w.list = append(w.list, simns.NewMemory(simns.Config{Quirks: quirks}))
		w.sent = append(w.sent, map[string][]string{})
	}
	return w
}

// nsPath takes time for each command, and writes down those that do not identify.
type nsPath struct {
	nvme.Transport
	w     *nsWorld
	index int
	node  string
}

func (p nsPath) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	time.Sleep(p.w.delay)
	if req.Opcode != nvme.OpIdentify {
		p.w.mu.Lock()
		p.w.sent[p.index][p.node] = append(p.w.sent[p.index][p.node], req.Name())
		p.w.mu.Unlock()
	}
	return p.Transport.Do(ctx, req)
}

// run is a node's protocol on all namespaces, each of which has a number of controllers
// for it, and one path, as under native multipath, or one for each controller.
func (w *nsWorld) run(node string, controllers int, joined bool) *Run {
	members := Members{{Name: "A", Key: keyA}, {Name: "B", Key: keyB}, {Name: "C", Key: keyC}}
	n, err := named(members, node)
	if err != nil {
		panic(err)
	}
	r := &Run{Members: members, Node: n, Sleep: noSleep, Log: w.note}
	for i, ns := range w.list {
		host, err := nvme.MakeHostID([]byte{0: node[0], 15: 1})
		if err != nil {
			panic(err)
		}
		l := &LUN{Name: fmt.Sprintf("ns%d", i+1), WWID: fmt.Sprintf("eui.%016x", i)}
		for c := range controllers {
			t := ns.Connect(simns.Controller{ID: uint16(node[0])<<8 + uint16(c), Host: host})
			if c > 0 && joined {
				continue
			}
			u := nvme.NewUnit(fmt.Sprintf("/dev/nvme%dn%d", c, i+1), &nvme.Retry{Transport: nsPath{t, w, i, node}})
			l.Paths = append(l.Paths, u.WithIdentity(func() pr.Identity { return host.Identity() }))
		}
		r.LUNs = append(r.LUNs, l)
	}
	return r
}

// counts are how many commands a node has sent to each namespace; they are forgotten.
func (w *nsWorld) counts(node string) []int {
	var list []int
	for i := range w.sent {
		list = append(list, len(w.sent[i][node]))
		delete(w.sent[i], node)
	}
	return list
}

// A start costs four commands on a namespace, a report, a registration, an acquisition
// and a report, and two more on the arbiter, however many controllers the host has. A
// take-over costs one more for each key that has to go.
func TestNamespaceCost(t *testing.T) {
	for name, quirks := range map[string]simns.Quirks{"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK()} {
		for _, controllers := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s/%d controllers", name, controllers), func(t *testing.T) {
				w := newNSWorld(3, quirks)
				start := func(node string, want ...int) {
					t.Helper()
					if err := w.run(node, controllers, true).Start(t.Context()); err != nil {
						t.Fatal(err)
					}
					first := strings.Join(w.sent[1][node], ", ")
					if got := w.counts(node); !slices.Equal(got, want) {
						t.Errorf("a start of %s costs %d commands, %d were expected: %s", node, got, want, first)
					}
				}
				start("A", 6, 4, 4)
				start("B", 7, 5, 5)
				for _, l := range w.run("C", controllers, true).LUNs {
					if err := l.Paths[0].RegisterAndIgnore(t.Context(), keyC, false); err != nil {
						t.Fatal(err)
					}
				}
				if quirks.HolderPreemptsNobody {
					// Found out, and done by way of a reservation that all hold.
					start("A", 13, 11, 11)
				} else {
					start("A", 8, 6, 6)
				}
				for i, ns := range w.list {
					ns.With(func(m *simns.Machine) {
						held := pr.Reservation{Key: keyA, Type: pr.WriteExclusiveRegistrantsOnly}
						if s := m.State(); !slices.Equal(s.Keys(), []pr.Key{keyA}) || s.Reservation == nil || *s.Reservation != held {
							t.Errorf("namespace %d: %+v", i, s)
						}
					})
				}
			})
		}
	}
}

// All namespaces are worked on at once: with more than one the arbiter goes first, and
// then it takes no longer however many there are. The clock is synctest's, so that only
// the devices take time.
func TestNamespacesInParallel(t *testing.T) {
	took := map[int]time.Duration{}
	for _, n := range []int{1, 2, 256} {
		synctest.Test(t, func(t *testing.T) {
			w := newNSWorld(n, simns.NVMet())
			w.delay = deviceTime
			begin := time.Now()
			if err := w.run("A", 2, true).Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			took[n] = time.Since(begin)
		})
	}
	t.Logf("1, 2 and 256 namespaces: %v, %v, %v", took[1], took[2], took[256])
	if took[256] != took[2] || took[256] > 2*took[1]+2*deviceTime {
		t.Errorf("256 namespaces take %v, 2 take %v, 1 takes %v", took[256], took[2], took[1])
	}
}

// Where several paths lead to a namespace, because dm-multipath joins them and not the
// kernel's NVMe, the host is one registration all the same, and nothing is missing.
func TestNamespaceByPaths(t *testing.T) {
	for name, quirks := range map[string]simns.Quirks{"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK()} {
		for _, mode := range []Mode{Exclusive, Shared} {
			t.Run(fmt.Sprintf("%s/%s", name, mode), func(t *testing.T) {
				w := newNSWorld(2, quirks)
				for _, node := range []string{"A", "B"} {
					r := w.run(node, 3, false)
					r.Mode = mode
					if err := r.Start(t.Context()); err != nil {
						t.Fatal(err)
					}
					t.Log(w.sent[1][node])
					if i := slices.IndexFunc(w.log, func(e Event) bool { return !e.Change() }); i >= 0 {
						t.Errorf("a start of %s warns: %+v", node, w.log[i])
					}
					for _, rep := range r.Check(t.Context()) {
						if len(rep.Findings) > 0 || rep.Unknown() {
							t.Errorf("after a start of %s: %+v", node, rep.Findings)
						}
					}
				}
				for _, node := range []string{"A", "B"} {
					r := w.run(node, 3, false)
					r.Mode = mode
					if err := r.Halt(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// A fence removes who does not hold where this node holds alone, on a target, too, that
// removes nobody for it. A package of one node has one holder afterwards.
func TestNamespaceFence(t *testing.T) {
	for name, quirks := range map[string]simns.Quirks{"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK()} {
		for _, mode := range []Mode{Exclusive, Shared} {
			t.Run(fmt.Sprintf("%s/%s", name, mode), func(t *testing.T) {
				w := newNSWorld(2, quirks)
				if err := w.run("A", 1, true).Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, l := range w.run("B", 1, true).LUNs {
					if err := l.Paths[0].RegisterAndIgnore(t.Context(), keyB, false); err != nil {
						t.Fatal(err)
					}
				}
				r := w.run("A", 1, true)
				r.Mode = mode
				if err := r.Fence(t.Context(), Member{Name: "B", Key: keyB}); err != nil {
					t.Fatal(err)
				}
				want := pr.Reservation{Key: keyA, Type: pr.WriteExclusiveRegistrantsOnly}
				if quirks.HolderPreemptsNobody && mode == Shared {
					want = pr.Reservation{Type: pr.WriteExclusiveAllRegistrants}
				}
				for i, ns := range w.list {
					ns.With(func(m *simns.Machine) {
						if s := m.State(); !slices.Equal(s.Keys(), []pr.Key{keyA}) || s.Reservation == nil || *s.Reservation != want {
							t.Errorf("namespace %d: %+v", i, s)
						}
					})
				}
			})
		}
	}
}
