package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lunguard/lab/hung"
)

func TestWantHung(t *testing.T) {
	for _, tt := range []struct {
		o    options
		want bool
	}{
		{options{}, true},
		{options{only: onlyHung}, true},
		{options{only: onlyGuest}, false},
		{options{noBinary: true}, false},
		{options{run: "Hung"}, true},
		{options{run: "Failover"}, false},
	} {
		if got, err := wantHung(tt.o); got != tt.want || err != nil {
			t.Errorf("%+v: %v, %v", tt.o, got, err)
		}
	}
	if _, err := wantHung(options{run: "("}); err == nil {
		t.Error("a bad regular expression: no error")
	}
}

// TestHungRoles checks who hangs in which round: the nodes in turn.
func TestHungRoles(t *testing.T) {
	l := &hungLab{turns: hungTurns(), jack3: &hungGuest{name: hung.Jack3}, jack4: &hungGuest{name: hung.Jack4}}
	var owners []string
	for number := uint32(1); number <= 4; number++ {
		r := l.newRound(number)
		if r.owner == r.new || nodeKey(r.owner) == nodeKey(r.new) || nodeKey(r.new) == 0 || r.shared {
			t.Fatalf("round %d: %s hangs, %s takes over", number, r.owner.name, r.new.name)
		}
		owners = append(owners, r.owner.name)
	}
	if got := strings.Join(owners, " "); got != "jack3 jack4 jack3 jack4" {
		t.Errorf("%s", got)
	}
}

// TestNVMeTurns: the nodes take turns on each kind of package.
func TestNVMeTurns(t *testing.T) {
	l := newHungLab(nvmeVariants(), options{}, io.Discard)
	l.jack3, l.jack4 = &hungGuest{name: hung.Jack3}, &hungGuest{name: hung.Jack4}
	var turns []string
	for number := uint32(1); number <= 6; number++ {
		r := l.newRound(number)
		turns = append(turns, r.name+" "+r.owner.name)
	}
	if got := strings.Join(turns, ", "); got != "failover jack3, failover jack4, multi-node jack3, multi-node jack4, failover jack3, failover jack4" {
		t.Error(got)
	}
}

// Each story of namespaces can be read.
func TestNVMeStories(t *testing.T) {
	files, err := filepath.Glob("nvme/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if doc, err := parseTutorial(string(text)); err != nil || len(doc.steps) == 0 {
			t.Errorf("%s: %d steps, %v", file, len(doc.steps), err)
		}
	}
}

// Beside the other parts it runs if its kernel is there; alone, in any case.
func TestWantNVMe(t *testing.T) {
	for _, tt := range []struct {
		o    options
		want bool
	}{
		{options{only: onlyNVMe}, true},
		{options{only: onlyNVMe, run: "TestNVMe/suite"}, true},
		{options{only: onlyNVMe, run: "TestFailoverLife"}, false},
		{options{only: onlyNVMe, noBinary: true}, false},
		{options{only: onlyGuest}, false},
		{options{cache: t.TempDir()}, false},
	} {
		if got, err := wantNVMe(tt.o); got != tt.want || err != nil {
			t.Errorf("%+v: %v, %v", tt.o, got, err)
		}
	}
}

// TestJudge checks that each way to lose data is told from a good end.
func TestJudge(t *testing.T) {
	counted := func(last uint64) []hung.Block {
		blocks := make([]hung.Block, hung.RingBlocks)
		for n := uint64(1); n <= last; n++ {
			blocks[n%hung.RingBlocks] = hung.Block{Kind: hung.Counter, Round: 1, Number: n}
		}
		return blocks
	}
	refused := hung.Fate{Acked: 50, Error: "write /dev/sda: invalid exchange"}
	for _, tt := range []struct {
		name  string
		fate  hung.Fate
		found uint64
		want  string // part of the error, or nothing
	}{
		{name: "all acknowledged", fate: refused, found: 50},
		{name: "one under way", fate: refused, found: 51},
		{name: "one lost", fate: refused, found: 49, want: "lost"},
		{name: "one too many", fate: refused, found: 52, want: "under way"},
		{name: "never refused", fate: hung.Fate{Acked: 50}, found: 50, want: "without an error"},
	} {
		r := &hungRound{
			hungLab: &hungLab{errors: map[string]int{}}, number: 1,
			owner: &hungGuest{name: hung.Jack3}, rings: []hung.Ring{{}},
		}
		line, err := r.judge([]hung.Fate{tt.fate}, [][]hung.Block{counted(tt.found)})
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %q, %v", tt.name, line, err)
			}
			continue
		}
		if err != nil || !strings.HasSuffix(line, `then 1x "invalid exchange"`) || r.errors["invalid exchange"] != 1 || r.writes != 50 {
			t.Errorf("%s: %q, %v, %+v", tt.name, line, err, r.hungLab)
		}
	}
	if _, err := (&hungRound{rings: []hung.Ring{{}}}).judge(nil, nil); err == nil {
		t.Error("no fates: no error")
	}
}

// fakeGuest is a guest whose machine is a function.
func fakeGuest(t *testing.T, answer func(hung.Request) (hung.Reply, bool)) *hungGuest {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	go func() {
		defer there.Close()
		line := hung.NewLine(there)
		for {
			var q hung.Request
			if err := line.Receive(&q); err != nil {
				return
			}
			r, ok := answer(q)
			if ok && line.Send(r) != nil {
				return
			}
		}
	}()
	return &hungGuest{name: "fake", conn: here, line: hung.NewLine(here)}
}

func TestCall(t *testing.T) {
	g := fakeGuest(t, func(q hung.Request) (hung.Reply, bool) {
		r := hung.Reply{ID: q.ID}
		switch q.Op {
		case hung.OpRun:
			r.Stdout, r.Stderr, r.Exit = "out\n", "words\n", 2
		case hung.OpFill:
			r.Error = "no such ring"
		case hung.OpRead:
			r.ID = 99
		}
		return r, q.Op != hung.OpClock
	})
	var log transcript
	if r, err := log.run(t.Context(), g, 2, "pr_start", "pkg1"); err != nil || r.Stdout != "out\n" {
		t.Errorf("the wanted status: %+v, %v", r, err)
	}
	if _, err := log.run(t.Context(), g, 0, "pr_start"); err == nil || !strings.Contains(err.Error(), "exit status 2, want 0: words") {
		t.Errorf("another status: %v", err)
	}
	log.event("two\nlines")
	want := "fake# pr_start pkg1\nout\nwords\n[exit status 2]\nfake# pr_start\nout\nwords\n[exit status 2]\n  -- two\n  -- lines\n"
	if got := log.text.String(); got != want {
		t.Errorf("transcript %q, want %q", got, want)
	}
	for op, want := range map[hung.Op]string{hung.OpFill: "fake: fill: no such ring", hung.OpRead: "answer 99 came"} {
		if _, err := g.call(t.Context(), hung.Request{Op: op}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", op, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := g.call(ctx, hung.Request{Op: hung.OpClock}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
}

// TestFreeze stops and continues a process, and waits until it is so.
func TestFreeze(t *testing.T) {
	g := &hungGuest{name: "cat", cmd: exec.Command("cat")}
	stdin, err := g.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := g.freeze(); err != nil {
			t.Fatal(err)
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", g.cmd.Process.Pid))
		if err != nil || !strings.Contains(string(stat), "(cat) T ") {
			t.Fatalf("not stopped: %s, %v", stat, err)
		}
		if err := g.thaw(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(stdin.Close(), g.cmd.Wait()); err != nil {
		t.Error(err)
	}
}
