//go:build lab

package guest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Of the tests in which the media are stopped.
const (
	stuckTimeout = 2 * time.Second // of one answer, as the commands are told
	// stuckLimit is how long a command may take that gets no answer on either path, with
	// what the processor is slower than a real one.
	stuckLimit = 40 * time.Second
	// longTimeout is that of a disk, in seconds: the old owner's kernel does nothing about a
	// write that hangs.
	longTimeout = "300"
)

// stuck is a cluster with one LUN on a medium that can be stopped, two paths and a
// multipath map for each node.
type stuck struct {
	*cluster
	writes []*write   // of jack3
	taking []*Process // of jack4
}

// write is a write of one block that is under way.
type write struct {
	disk   string
	offset int64
	done   chan error
}

func newStuck(t *testing.T, kind string) *stuck {
	t.Helper()
	NeedLunguard(t, "pr_start", "pr_fence")
	name := strings.ToLower(strings.TrimPrefix(t.Name(), "Test"))
	array := NewStoppableArray(t, name, 1, 64)
	nodes := array.LoginAll(t, 2, "jack3", "jack4")
	c := &stuck{cluster: &cluster{array: array, jack3: nodes[0], jack4: nodes[1], luns: array.all()}}
	c.watcher = array.Login(t, "watcher", 1)
	for _, n := range nodes {
		configureAs(t, n, kind, n.Multipath(t, 0))
		for _, disk := range n.Disks(0) {
			if err := writeAttr("/sys/block/"+filepath.Base(disk)+"/device/timeout", longTimeout); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// hangs stops the media and makes jack3 write a block through each of its paths. jack4 has
// one path from then on: with a PREEMPT AND ABORT that hangs, what comes through a second
// one locks LIO up (README.md).
func (c *stuck) hangs(t *testing.T) {
	t.Helper()
	c.jack4.FailPath(t, 1)
	c.array.Stop(t)
	for path, disk := range c.jack3.Disks(0) {
		c.writes = append(c.writes, startWrite(t, disk, WriterOffset+int64(path)*blockSize, 'A'))
	}
	// From there to the target it is one connection, on which nothing is lost.
	for deadline := time.Now().Add(diskTimeout); c.inFlight(t) < len(c.writes); {
		if time.Now().After(deadline) {
			t.Fatal("the writes do not reach the target")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// inFlight counts the writes that jack3's disks have given to their host adapter.
func (c *stuck) inFlight(t *testing.T) int {
	t.Helper()
	sum := 0
	for _, disk := range c.jack3.Disks(0) {
		text, err := readAttr("/sys/block/" + filepath.Base(disk) + "/inflight")
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.Fields(text)[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// over reports how many of jack3's writes are over.
func (c *stuck) over() int {
	n := 0
	for _, w := range c.writes {
		n += len(w.done)
	}
	return n
}

// goesOn lets the media go on, waits for the end of jack3's writes and says how they ended,
// and until jack4's kernel has given back what it still held for processes that have ended.
func (c *stuck) goesOn(t *testing.T) {
	t.Helper()
	c.array.Resume(t)
	for _, w := range c.writes {
		select {
		case err := <-w.done:
			fmt.Fprintf(t.Output(), "write of jack3 to %s: %v\n", w.disk, err)
			w.done <- err
		case <-time.After(diskTimeout):
			t.Errorf("write to %s: %v", w.disk, ErrWriterStuck)
		}
	}
	for _, p := range c.taking {
		p.Wait(t)
	}
	c.taking = nil
}

// takes runs the command by which jack4 takes the LUN. It must end in time, and must not say
// ok as long as a write of jack3 is not over.
func (c *stuck) takes(t *testing.T, line string) Ended {
	t.Helper()
	e := endOf(t, c.jack4, line, stuckLimit)
	c.taking = append(c.taking, e.process)
	if e.Exit == 0 && c.over() < len(c.writes) {
		t.Errorf("%s: ok, while writes of jack3 may still be performed", line)
	}
	return e
}

// settles is the same command when the medium does answer: all is jack4's, without a mark,
// and what it writes then stays.
func (c *stuck) settles(t *testing.T, line string) {
	t.Helper()
	wantExit(t, c.takes(t, line).Result, 0)
	if p := c.look(t)[0]; p.Holder != key2 || p.Type != TypeWERO || len(p.Keys) == 0 || p.Keys[0] != key2 || p.Keys[len(p.Keys)-1] != key2 {
		t.Errorf("the LUN is not jack4's alone: %+v", p)
	}
	var writes []*write
	for _, w := range c.writes {
		writes = append(writes, startWrite(t, c.jack4.Disk(0, 0), w.offset, 'B'))
	}
	for _, w := range writes {
		if err := <-w.done; err != nil {
			t.Errorf("write of jack4: %v", err)
		}
		if got := readBlock(t, c.jack4.Disk(0, 0), w.offset); !bytes.Equal(got, bytes.Repeat([]byte{'B'}, blockSize)) {
			t.Errorf("offset %d: begins with %q, want what jack4 wrote", w.offset, got[:4])
		}
	}
}

// wantMark checks that jack4's mark is on the LUN, and that jack3 is not registered.
func (c *stuck) wantMark(t *testing.T) {
	t.Helper()
	marked := false
	for _, r := range WitnessFull(t, c.watcher.Disk(0, 0)) {
		marked = marked || r.Key == key2|1<<62
		if r.Initiator != c.jack4.IQN() {
			t.Errorf("registered: %+v", r)
		}
	}
	if !marked {
		t.Error("no mark says that the end of jack3's commands is not known")
	}
}

// TestStuckTakeOver takes a package over while writes of its owner hang in the array, which
// answers the PREEMPT AND ABORT only when they are over.
func TestStuckTakeOver(t *testing.T) {
	c := newStuck(t, "failover")
	mustType(t, c.jack3, "pr_start pkg1")
	c.hangs(t)
	line := fmt.Sprintf("pr_start --timeout %v pkg1", stuckTimeout)
	wantExit(t, c.takes(t, line).Result, 2)
	c.wantMark(t)
	c.goesOn(t)
	c.settles(t, line)
}

// TestStuckFence is that with a package of several nodes whose reservation the node that has
// failed holds.
func TestStuckFence(t *testing.T) {
	c := newStuck(t, "multi_node")
	mustType(t, c.jack3, "pr_start pkg1")
	mustType(t, c.jack4, "pr_start pkg1")
	c.hangs(t)
	line := fmt.Sprintf("pr_fence --timeout %v jack3 pkg1", stuckTimeout)
	wantExit(t, c.takes(t, line).Result, 2)
	c.wantMark(t)
	c.goesOn(t)
	c.settles(t, line)
}

// TestStuckMember shows what LIO does where the node that is removed does not hold the
// reservation: PREEMPT AND ABORT is answered although its write is under way, and the write
// is performed after that. LIO aborts what was accepted under a reservation with the
// victim's key, whoever sent it.
func TestStuckMember(t *testing.T) {
	c := newStuck(t, "multi_node")
	register(t, c.jack4, c.jack4.Disk(0, 0), hex2)
	reserve(t, c.jack4, c.jack4.Disk(0, 0), hex2)
	for _, disk := range c.jack3.Disks(0) {
		register(t, c.jack3, disk, hex1)
	}
	c.hangs(t)
	c.jack4.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--preempt-abort", "--param-rk="+hex2,
		"--param-sark="+hex1, weroType, c.jack4.Disk(0, 0))
	if n := c.over(); n != 0 {
		t.Errorf("LIO has ended %d writes: it is better than lab/README.md says", n)
	}
	c.goesOn(t)
	for _, w := range c.writes {
		if got := readBlock(t, c.watcher.Disk(0, 0), w.offset); got[0] != 'A' {
			t.Errorf("a write that PREEMPT AND ABORT has not ended is not on the LUN: it begins with %q", got[:4])
		}
	}
	// LOGICAL UNIT RESET does end it, or wait for it.
	calm(t, c.jack4, c.jack4.Disk(0, 0))
	for _, disk := range c.jack3.Disks(0) {
		calm(t, c.jack3, disk)
		register(t, c.jack3, disk, hex1)
	}
	c.writes = nil
	c.hangs(t)
	p := c.jack4.Start(t, nil, "sg_reset", "--device", c.jack4.Disk(0, 0))
	select {
	case <-p.done:
		t.Error("LOGICAL UNIT RESET was answered while writes are under way")
	case <-time.After(stuckTimeout):
	}
	c.goesOn(t)
	<-p.done
}

// Ended is how a process ended.
type Ended struct {
	Result
	Took    time.Duration
	process *Process
}

// endOf runs a command until it has ended, or fails the test. A thread that waits in the
// kernel keeps the process from being waited for; the process has said all by then.
func endOf(t *testing.T, n *Node, line string, limit time.Duration) Ended {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	p := n.Start(t, nil, "/bin/sh", "-c", "exec "+line+" >"+out+" 2>&1")
	for {
		status, ended := p.status()
		took := time.Since(p.Started)
		if ended || took > limit {
			text, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			e := Ended{Result{Stdout: string(text), Exit: status}, took, p}
			fmt.Fprintf(t.Output(), "%s# %s\n%s[exit status %d after %.1f s]\n", n.Name, line, text, status, took.Seconds())
			if !ended {
				t.Fatalf("%s has not ended after %v", line, limit)
			}
			return e
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// status reports whether the process has ended, threads that hang apart, and its exit status.
func (p *Process) status() (int, bool) {
	const state, exitCode = 2, 51 // proc(5)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		// It has been waited for.
		err := <-p.done
		p.done <- err
		r, err := p.result(err)
		return r.Exit, err == nil
	}
	fields := strings.Fields(string(text))
	if len(fields) <= exitCode || fields[state] != "Z" {
		return 0, false
	}
	code, err := strconv.Atoi(fields[exitCode])
	if err != nil {
		return -1, true
	}
	return code >> 8, true
}

// startWrite writes a block of one letter past the page cache.
func startWrite(t *testing.T, disk string, offset int64, letter byte) *write {
	t.Helper()
	f, block := openDirect(t, disk)
	copy(block, bytes.Repeat([]byte{letter}, blockSize))
	w := &write{disk: disk, offset: offset, done: make(chan error, 1)}
	go func() {
		_, err := f.WriteAt(block, offset)
		f.Close()
		w.done <- err
	}()
	return w
}

// readBlock reads a block past the page cache.
func readBlock(t *testing.T, disk string, offset int64) []byte {
	t.Helper()
	f, block := openDirect(t, disk)
	defer f.Close()
	if _, err := f.ReadAt(block, offset); err != nil {
		t.Fatal(err)
	}
	return block
}

// openDirect opens a disk, with an aligned block. The block is not given back: a write may
// need it for as long as it hangs.
func openDirect(t *testing.T, disk string) (*os.File, []byte) {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	block, err := unix.Mmap(-1, 0, blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		f.Close()
		t.Fatal(err)
	}
	return f, block
}
