package simlun

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	workers = 4
	// nexuses are those of the workers and that of the last look.
	nexuses = workers + 1
)

// history is what all processes at one unit told of.
type history struct {
	ops []porcupine.Operation
	// pending are the commands during which a process was killed. Each may
	// have been done or not, but not after Return, when the process was gone.
	pending []porcupine.Operation
}

// life runs one process to its end. With victim > 0 it is killed soon after it
// began that many commands. It begins when ready returns.
func life(a assignment, victim int, ready func()) (history, error) {
	var h history
	text, err := json.Marshal(a)
	if err != nil {
		return h, err
	}
	exe, err := os.Executable()
	if err != nil {
		return h, err
	}
	cmd := exec.Command(exe)
	// The race detector lets a process linger for a second at its end.
	cmd.Env = append(os.Environ(), linearEnv+"="+string(text), "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, outErr := cmd.StdoutPipe()
	in, inErr := cmd.StdinPipe()
	if err := errors.Join(outErr, inErr); err != nil {
		return h, err
	}
	if err := cmd.Start(); err != nil {
		return h, err
	}
	guard := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	delay := time.Duration(rand.New(rand.NewPCG(a.Seed, a.Life)).IntN(1500)) * time.Microsecond
	var begun *order
	var call int64
	count := 0
	lines := json.NewDecoder(out)
	for {
		var r record
		if err = lines.Decode(&r); err != nil {
			break
		}
		switch {
		case r.Order != nil:
			begun, call = r.Order, r.Call
			if count++; count == victim {
				time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
			}
		case begun == nil:
			ready()
			_, err = in.Write([]byte{1})
		default:
			h.ops = append(h.ops, porcupine.Operation{ClientId: a.Nexus, Input: *begun, Call: r.Call, Output: r.Answer, Return: r.Return})
			begun = nil
		}
		if err != nil {
			break
		}
	}
	waitErr := cmd.Wait()
	gone := clock()
	if begun != nil {
		h.pending = append(h.pending, porcupine.Operation{ClientId: a.Nexus, Input: *begun, Call: call, Output: unheard, Return: gone})
	}
	switch {
	case !errors.Is(err, io.EOF):
		return h, fmt.Errorf("nexus %d: %w", a.Nexus, err)
	case waitErr != nil && victim == 0:
		return h, fmt.Errorf("nexus %d: %w %s", a.Nexus, waitErr, stderr.String())
	}
	return h, nil
}

// kills is how many processes are killed in a round, all of one nexus.
const kills = 3

// compete lets the workers at one unit and gathers what they tell. One of them
// is killed, and another process goes on with its nexus, until it is killed.
func compete(t *testing.T, seed uint64, count int, flaw string) history {
	t.Helper()
	paths := []string{create(t, Config{})}
	if flaw == "copies" {
		paths = append(paths, filepath.Join(dir(t), "copy"))
		for _, suffix := range []string{"", dataSuffix, lockSuffix} {
			copyFile(t, paths[0]+suffix, paths[1]+suffix)
		}
	}
	rng := rand.New(rand.NewPCG(seed, math.MaxUint64))
	victim := rng.IntN(workers)
	var barrier, ended sync.WaitGroup
	barrier.Add(workers)
	var mu sync.Mutex
	var all history
	add := func(h history, err error) {
		mu.Lock()
		defer mu.Unlock()
		all.ops, all.pending = append(all.ops, h.ops...), append(all.pending, h.pending...)
		if err != nil && flaw == "" {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	for i := range workers {
		a := assignment{Path: paths[i%len(paths)], Nexus: i, Seed: seed, Count: count, Flaw: flaw}
		ended.Go(func() {
			here := sync.OnceFunc(barrier.Done)
			defer here()
			ready := func() { here(); barrier.Wait() }
			if i != victim {
				add(life(a, 0, ready))
				return
			}
			for ; a.Life < kills; a.Life++ {
				a.Count = endless
				add(life(a, 1+rng.IntN(count/kills), ready))
				ready = func() {}
			}
			a.Count = count / kills
			add(life(a, 0, ready))
		})
	}
	ended.Wait()
	if flaw == "" {
		all.ops = append(all.ops, lastLook(t, paths[0])...)
	}
	return all
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lastLook reads all that can be read when nobody is there any more.
func lastLook(t *testing.T, path string) []porcupine.Operation {
	t.Helper()
	d, err := Open(path, nexusOf(workers))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	var ops []porcupine.Operation
	for _, c := range []order{{What: "tur"}, {What: "status"}, {What: "keys"}, {What: "reservation"}, {What: "capabilities"}, {What: "read"}, {What: "read", Block: 1}} {
		c.From = workers
		op := porcupine.Operation{ClientId: workers, Input: c, Call: clock()}
		if op.Output, err = send(d, c); err != nil {
			t.Fatal(err)
		}
		op.Return = clock()
		ops = append(ops, op)
	}
	return ops
}

// judgement is what is found out about a history.
type judgement struct {
	result porcupine.CheckResult
	// Of each pending command: it can have been done, or not have been done.
	done, not []bool
}

// judge checks a history for every choice of the pending commands that were
// done.
func (h history) judge() judgement {
	n := len(h.pending)
	j := judgement{porcupine.Illegal, make([]bool, n), make([]bool, n)}
	for mask := range 1 << n {
		ops := slices.Clone(h.ops)
		for i, op := range h.pending {
			if mask>>i&1 == 1 {
				ops = append(ops, op)
			}
		}
		switch got := porcupine.CheckOperationsTimeout(sequential, ops, 20*time.Second); {
		case got == porcupine.Ok:
			j.result = got
			for i := range n {
				j.done[i] = j.done[i] || mask>>i&1 == 1
				j.not[i] = j.not[i] || mask>>i&1 == 0
			}
		case got == porcupine.Unknown && j.result == porcupine.Illegal:
			j.result = got
		}
	}
	return j
}

// explain shows where the longest order that could be found ends. It lets
// pending commands be done at any time.
func (h history) explain() string {
	ops := slices.Clone(h.ops)
	for _, op := range h.pending {
		op.Return = math.MaxInt64
		ops = append(ops, op)
	}
	_, info := porcupine.CheckOperationsVerbose(sequential, ops, 20*time.Second)
	var longest []int
	for _, p := range info.PartialLinearizations()[0] {
		if len(p) > len(longest) {
			longest = p
		}
	}
	var b strings.Builder
	line := func(op porcupine.Operation) {
		fmt.Fprintf(&b, "  %d..%d %v -> %v\n", op.Call, op.Return, op.Input, op.Output)
	}
	state := sequential.Init()
	for i, id := range longest {
		if i == max(0, len(longest)-15) {
			fmt.Fprintf(&b, "in order, the last of %d of %d:\n", len(longest), len(ops))
		}
		if i >= len(longest)-15 {
			line(ops[id])
		}
		_, state = sequential.Step(state, ops[id].Input, ops[id].Output)
	}
	fmt.Fprintf(&b, "then %v\nand none of these could be next:\n", state)
	first := int64(math.MaxInt64)
	for i, op := range ops {
		if !slices.Contains(longest, i) {
			first = min(first, op.Return)
		}
	}
	for i, op := range ops {
		if !slices.Contains(longest, i) && op.Call <= first {
			line(op)
		}
	}
	b.WriteString("cut short by a kill, and not done after that:\n")
	for _, op := range h.pending {
		line(op)
	}
	return b.String()
}

// overlaps counts the commands during which one of another process ran.
func (h history) overlaps() int {
	n := 0
	for _, a := range h.ops {
		if slices.ContainsFunc(h.ops, func(b porcupine.Operation) bool {
			return a.ClientId != b.ClientId && a.Call <= b.Return && b.Call <= a.Return
		}) {
			n++
		}
	}
	return n
}

// TestLinearizable lets processes compete for a unit, one of which is killed,
// and checks that all that they were told can be had from a unit that does one
// command after the other.
func TestLinearizable(t *testing.T) {
	const rounds, count = 6, 60
	answers := map[string]int{}
	commands, overlapping, killed, done, not := 0, 0, 0, 0, 0
	var checking time.Duration
	for seed := range uint64(rounds) {
		h := compete(t, seed, count, "")
		began := time.Now()
		j := h.judge()
		checking += time.Since(began)
		if j.result != porcupine.Ok {
			t.Fatalf("seed %d: %s\n%s", seed, j.result, h.explain())
		}
		for _, op := range h.ops {
			class, _, _ := strings.Cut(op.Output.(string), " ")
			answers[class[:min(2, len(class))]]++
		}
		commands += len(h.ops)
		overlapping += h.overlaps()
		killed += len(h.pending)
		for i := range h.pending {
			done += int(boolByte(!j.not[i]))
			not += int(boolByte(!j.done[i]))
		}
	}
	t.Logf("%d rounds of %d processes: %d commands, %d of them beside others, answers %v; checked in %v", rounds, workers, commands, overlapping, answers, checking.Round(time.Millisecond))
	t.Logf("%d commands were cut short by a kill: %d were done, %d were not, of the others nobody can tell", killed, done, not)
	if killed == 0 {
		t.Error("nothing was killed in the middle")
	}
	for _, class := range []string{"GO", "RC", "5/", "6/"} {
		if answers[class] == 0 {
			t.Errorf("no answer was %s", class)
		}
	}
	if overlapping < commands/10 {
		t.Error("the processes did not compete")
	}
}

// TestLinearizableFlaws makes devices wrong: each must be found out.
func TestLinearizableFlaws(t *testing.T) {
	for _, flaw := range flaws {
		t.Run(flaw, func(t *testing.T) {
			const tries = 8
			for seed := range uint64(tries) {
				h := compete(t, seed, 30, flaw)
				if j := h.judge(); j.result == porcupine.Illegal {
					t.Logf("found with seed %d among %d commands", seed, len(h.ops))
					return
				}
			}
			t.Errorf("%d rounds and nothing found", tries)
		})
	}
}
