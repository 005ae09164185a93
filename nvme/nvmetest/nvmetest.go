package nvmetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lunguard/nvme"
	"lunguard/pr"
)

// Bench is a namespace under test, without registrants.
type Bench struct {
	// Controllers are by their names: A and A2 are one host's, B and C two others'.
	Controllers map[string]nvme.Transport
	// BlockSize of the namespace, 512 by default.
	BlockSize int
}

// Deviations are what a target does otherwise than the standard: by case and step, as
// "release: A release 1 we", with /2 behind it if it is the second such step of the case,
// what is seen there. The steps behind one in a case go by
// what it has led to.
type Deviations map[string]string

// Run runs the suite; f makes the bench of one case. A deviation that is no longer one,
// or that no step has, is a failure.
func Run(t *testing.T, d Deviations, f func(t *testing.T) *Bench) {
	t.Helper()
	used := map[string]bool{}
	for part := range strings.SplitSeq(script, "\n== ") {
		name, steps, _ := strings.Cut(part, "\n")
		if strings.TrimSpace(name) == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			x := &bench{Bench: f(t), T: t, hosts: map[nvme.HostID]string{}, seen: map[string]int{}}
			if x.BlockSize == 0 {
				x.BlockSize = 512
			}
			x.begin()
			for line := range strings.Lines(steps) {
				if step, want, ok := strings.Cut(line, "=>"); ok {
					x.step(d, used, name, strings.TrimSpace(step), strings.TrimSpace(want))
				}
			}
		})
	}
	for key := range d {
		if !used[key] {
			t.Errorf("no step is %q", key)
		}
	}
}

// bench is the namespace of one case.
type bench struct {
	*Bench
	*testing.T
	hosts      map[nvme.HostID]string
	generation uint32
	// seen counts the steps of the case by their text.
	seen map[string]int
}

// begin learns who the hosts are.
func (x *bench) begin() {
	x.Helper()
	for name, c := range x.Controllers {
		id, err := nvme.ReadHostID(x.Context(), c)
		if err != nil || id.IsZero() {
			x.Fatalf("host identifier of %s: %v, %v", name, id, err)
		}
		x.hosts[id] = name[:1]
	}
	if len(x.hosts) != 3 {
		x.Fatalf("%d hosts", len(x.hosts))
	}
	r := x.report()
	if len(r.Entries) > 0 || r.Type != 0 {
		x.Fatalf("not without registrants: %+v", r)
	}
	x.generation = r.Generation
}

// step does one step and compares what is seen.
func (x *bench) step(d Deviations, used map[string]bool, name, step, want string) {
	x.Helper()
	key := name + ": " + step
	if x.seen[step]++; x.seen[step] > 1 {
		key += fmt.Sprintf("/%d", x.seen[step])
	}
	got := x.do(strings.Fields(step))
	if seen, ok := d[key]; ok {
		used[key] = true
		if got == want && seen != want {
			x.Errorf("%s => %s, as the standard wants it; its line is to go", step, got)
			return
		}
		want = seen
	}
	if got != want {
		x.Errorf("%s => %s, %q expected", step, got, want)
	}
}

// do does a step and tells what is seen.
func (x *bench) do(words []string) string {
	x.Helper()
	t, verb, ops := x.Controllers[words[0]], words[1], words[2:]
	switch verb {
	case "generation":
		return fmt.Sprint(x.report().Generation - x.generation)
	case "event":
		n, err := nvme.ReadNotification(x.Context(), t)
		if err != nil {
			return err.Error()
		}
		names := []string{"none", "preempted", "released", "cleared"}
		return names[min(int(n.Event), len(names)-1)]
	}
	_, err := nvme.Exec(x.Context(), t, x.request(verb, ops))
	return strings.TrimSpace(answerOf(err) + " " + x.state())
}

// request makes the command of a step.
func (x *bench) request(verb string, ops []string) *nvme.Request {
	x.Helper()
	verb, ignore := strings.CutSuffix(verb, "!")
	n := func(i int) pr.Key {
		v, err := strconv.ParseUint(ops[i], 10, 64)
		if err != nil {
			x.Fatal(err)
		}
		return pr.Key(v)
	}
	switch verb {
	case "register":
		return (&nvme.Register{Action: nvme.RegisterKey, IgnoreKey: ignore, New: n(0)}).Encode()
	case "replace":
		return (&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: ignore, Current: n(0), New: n(1)}).Encode()
	case "cptpl":
		return (&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: true, New: n(1), Persistence: nvme.Persistence(n(0))}).Encode()
	case "unregister":
		return (&nvme.Register{Action: nvme.UnregisterKey, IgnoreKey: ignore, Current: n(0)}).Encode()
	case "acquire":
		return (&nvme.Acquisition{IgnoreKey: ignore, Current: n(0), Type: typeNamed(ops[1])}).Encode()
	case "preempt", "abort":
		a := &nvme.Acquisition{Action: nvme.Preempt, Current: n(0), Victim: n(1), Type: typeNamed(ops[2])}
		if verb == "abort" {
			a.Action = nvme.PreemptAndAbort
		}
		return a.Encode()
	case "release":
		return (&nvme.Releasing{Current: n(0), Type: typeNamed(ops[1])}).Encode()
	case "clear":
		return (&nvme.Releasing{Action: nvme.Clear, Current: n(0)}).Encode()
	case "action":
		req := map[string]*nvme.Request{
			"register": (&nvme.Register{New: 1, Current: 1}).Encode(),
			"acquire":  (&nvme.Acquisition{Current: 1, Type: typeNamed("wero")}).Encode(),
			"release":  (&nvme.Releasing{Current: 1, Type: typeNamed("wero")}).Encode(),
		}[ops[0]]
		req.Words[0] |= uint32(n(1))
		return req
	case "read", "write":
		req := &nvme.Request{Opcode: nvme.OpRead, Data: make([]byte, x.BlockSize)}
		if verb == "write" {
			req.Opcode = nvme.OpWrite
		}
		return req
	}
	x.Fatalf("no such step: %s", verb)
	return nil
}

// typeNames are the types in their order.
func typeNames() []string { return []string{"", "we", "ea", "wero", "earo", "wear", "eaar"} }

// typeNamed is a type by its name, or by a number that is none.
func typeNamed(name string) nvme.RType {
	if i := slices.Index(typeNames(), name); i > 0 {
		return nvme.RType(i)
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		panic(name)
	}
	return nvme.RType(n)
}

// answerOf is the answer in a word.
func answerOf(err error) string {
	var e *nvme.OpError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, pr.ErrReservationConflict):
		return "conflict"
	case !errors.As(err, &e):
		return err.Error()
	}
	switch e.Status.Code() {
	case nvme.InvalidField:
		return "field"
	case nvme.InvalidOpcode:
		return "opcode"
	}
	return err.Error()
}

func (x *bench) report() *nvme.Report {
	x.Helper()
	r, err := nvme.ReadReport(context.WithoutCancel(x.Context()), x.Controllers["C"], nvme.ExtendedReport)
	if err != nil {
		x.Fatal(err)
	}
	return r
}

// state is who is registered and what is reserved. Under a type of all registrants each
// of them has a star, however the target marks them.
func (x *bench) state() string {
	x.Helper()
	r := x.report()
	typ := r.Type.Common()
	var list []string
	for _, e := range r.Entries {
		text := fmt.Sprintf("%s%d", x.hosts[e.Host], e.Key)
		if e.Holder || typ.AllRegistrants() {
			text += "*"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.TrimSpace(strings.Join(slices.Compact(list), " ") + " " + typeNames()[min(int(r.Type), 6)])
}
