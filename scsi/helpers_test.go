package scsi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain fails the run if a test leaves a file descriptor behind.
func TestMain(m *testing.M) {
	before := openFiles()
	code := m.Run()
	if after := openFiles(); code == 0 && len(after) > len(before) {
		fmt.Fprintf(os.Stderr, "file descriptors before: %v\nafter: %v\n", before, after)
		code = 1
	}
	os.Exit(code)
}

// openFiles lists what descriptors point to, without the runtime's own ones.
func openFiles() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		name, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(name, "anon_inode:") || strings.HasPrefix(name, "pipe:") {
			continue
		}
		list = append(list, name)
	}
	return list
}

// hx decodes hexadecimal with blanks, '|' and line ends anywhere. A group
// "00*12" stands for twelve zero bytes.
func hx(t testing.TB, text string) []byte {
	t.Helper()
	var b []byte
	for _, group := range strings.Fields(strings.ReplaceAll(text, "|", " ")) {
		repeat := 1
		if head, n, ok := strings.Cut(group, "*"); ok {
			group = head
			if _, err := fmt.Sscan(n, &repeat); err != nil || repeat > 1<<17 {
				t.Fatalf("%q: %v", group, err)
			}
		}
		part, err := hex.DecodeString(group)
		if err != nil {
			t.Fatalf("%q: %v", group, err)
		}
		for range repeat {
			b = append(b, part...)
		}
	}
	return b
}

// sameIDs lets cmp compare TransportIDs by their bytes.
var sameIDs = cmp.Comparer(func(a, b TransportID) bool { return a == b })

// diff reports a difference as (-want +got).
func diff(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, sameIDs); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// isClass fails the test unless err is of each class, and carries an *OpError.
func isClass(t testing.TB, err error, classes ...error) {
	t.Helper()
	var op *OpError
	if !errors.As(err, &op) {
		t.Fatalf("%T %v is no *OpError", err, err)
	}
	for _, class := range classes {
		if !errors.Is(err, class) {
			t.Errorf("%v: is not %q", err, class)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
}

// answer is one scripted answer of a fake.
type answer struct {
	reply Reply
	// data goes into the buffer of a DataIn request; Resid is set to the rest
	// unless noResid.
	data    []byte
	noResid bool
	err     error
}

// sent is a request as a fake saw it.
type sent struct {
	CDB  []byte
	Dir  Direction
	Data []byte // for DataOut
	Len  int    // of the buffer, for DataIn
}

// fake is a Transport that plays a script; its last answer repeats.
type fake struct {
	t      testing.TB
	script []answer
	// answers, if set, makes the answer from the request instead.
	answers func(n int, req *Request) answer
	sent    []sent
}

func (f *fake) Do(_ context.Context, req *Request) (Reply, error) {
	s := sent{CDB: append([]byte(nil), req.CDB...), Dir: req.Dir}
	switch req.Dir {
	case DataOut:
		s.Data = append([]byte(nil), req.Data...)
	case DataIn:
		s.Len = len(req.Data)
	}
	n := len(f.sent)
	f.sent = append(f.sent, s)
	var a answer
	switch {
	case f.answers != nil:
		a = f.answers(n, req)
	case len(f.script) == 0:
		f.t.Fatalf("a command that the script does not know: % x", req.CDB)
	default:
		a = f.script[min(n, len(f.script)-1)]
	}
	if req.Dir == DataIn {
		got := copy(req.Data, a.data)
		if !a.noResid {
			a.reply.Resid += len(req.Data) - got
		}
	}
	return a.reply, a.err
}

// good is a fake that answers GOOD with the data.
func good(t testing.TB, data []byte) *fake {
	return &fake{t: t, script: []answer{{data: data}}}
}

func check(key SenseKey, asc ASC) Reply {
	return Reply{Status: CheckCondition, Driver: driverSense, Sense: Sense{Key: key, ASC: asc}.Fixed()}
}

func asOp(t testing.TB, err error, op **OpError) {
	t.Helper()
	if !errors.As(err, op) {
		t.Fatalf("%T %v is no *OpError", err, err)
	}
}

// noSleep is a clock that never lets anybody wait.
func noSleep(context.Context, time.Duration) error { return nil }
