package protocol

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol/unit"
	"lunguard/scsi/simlun"
)

// What a fence makes where the victim held is what was in force, whatever the config
// prefers by now: the others have been told who holds.
func TestFenceKeepsType(t *testing.T) {
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.mode = Shared
	w.start("A")
	w.start("B")
	w.kept = unit.SharedType
	if err := w.run("B").Fence(context.Background(), Member{Name: "A", Key: keyA}); err != nil {
		t.Fatal(err)
	}
	if s := w.heldBy(0); s.Reservation == nil || s.Reservation.Type != unit.ReservationType || s.Reservation.Key != keyB || s.Has(keyA) {
		t.Errorf("%+v, reserved %+v", s, s.Reservation)
	}
}

// All registrants hold for one node only if they are one node's.
func TestExclusiveOfAll(t *testing.T) {
	for _, nodes := range [][]string{{"A"}, {"A", "B"}} {
		w := newWorld(t, 1, 1, simlun.Quirks{})
		for i, node := range nodes {
			w.put(0, node, 0, []pr.Key{keyA, keyB}[i], []pr.Type{unit.SharedType, 0}[i])
		}
		wrong := slices.ContainsFunc(w.run("A").Check(context.Background())[0].Findings, func(f Finding) bool { return f.Kind == WrongType })
		if wrong != (len(nodes) > 1) {
			t.Errorf("%v: wrong type %v", nodes, wrong)
		}
	}
}

// What is expected of a command on what all registrants hold is what is read after it.
func TestExpectAllHold(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 1, 1, simlun.Quirks{})
	w.mode, w.kept = Shared, unit.SharedType
	w.put(0, "A", 0, keyA, 0)
	w.put(0, "B", 0, keyB, 0)
	r := w.run("A")
	u := r.target(r.LUNs[0])
	p := u.Paths[0]
	if err := u.read(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		send   func() error
		expect func() bool
	}{
		{"reserve", func() error { return p.Reserve(ctx, keyA, unit.SharedType) }, func() bool { return u.ExpectReserved(p, keyA, unit.SharedType) }},
		{"register", func() error { return p.Register(ctx, keyA, Taking(keyA), false) }, func() bool { return u.ExpectRegistered(p, keyA, Taking(keyA)) }},
		{"unregister", func() error { return p.Register(ctx, Taking(keyA), 0, false) }, func() bool { return u.ExpectRegistered(p, Taking(keyA), 0) }},
	} {
		if err := c.send(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		known := c.expect()
		expected := u.State
		if err := u.read(ctx); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(u.State, expected, cmp.Comparer(func(a, b pr.Initiator) bool { return pr.Same(a, b) })); diff != "" || !known {
			t.Errorf("%s: known %v (-read +expected)\n%s", c.name, known, diff)
		}
	}
}

// A copy of what all registrants hold is held by all, whatever the config prefers by now.
func TestCopyOfAllHold(t *testing.T) {
	w := newWorld(t, 2, 1, simlun.Quirks{})
	w.mode = Shared
	w.put(0, "A", 0, keyA, unit.SharedType)
	w.put(0, "B", 0, keyB, 0)
	if _, err := w.run("A").Copy(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s := w.heldBy(1); s.Reservation == nil || s.Reservation.Type != unit.SharedType || !s.Has(keyA) || !s.Has(keyB) {
		t.Errorf("%+v, reserved %+v", s, s.Reservation)
	}
}
