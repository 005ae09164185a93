package simlun

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lunguard/scsi"
)

// workerEnv makes this test binary a process that hammers a unit.
const workerEnv = "SIMLUN_TEST_WORKER"

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(workerEnv)); len(words) == 3 {
		os.Exit(worker(words[0], words[1], words[2]))
	}
	if text := os.Getenv(linearEnv); text != "" {
		os.Exit(linearWorker(text))
	}
	os.Exit(m.Run())
}

// dir is a temporary directory, in memory if possible: every change of a unit
// is synced.
func dir(t testing.TB) string {
	d, err := os.MkdirTemp("/dev/shm", "simlun")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(d); err != nil {
			t.Error(err)
		}
	})
	return d
}

func create(t testing.TB, cfg Config) string {
	t.Helper()
	path := filepath.Join(dir(t), "lun")
	if err := Create(path, cfg); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path, name string) *Device {
	t.Helper()
	d, err := Open(path, at(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func TestReadingWritesNothing(t *testing.T) {
	path := create(t, Config{})
	d := open(t, path, "d")
	inode := func() uint64 {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	before := inode()
	for _, req := range []*scsi.Request{turRequest(), inRequest(scsi.InReadFullStatus, 256), readRequest(0), writeRequest(0, 1)} {
		do(t, d, req, "GOOD")
	}
	if inode() != before {
		t.Error("the state was written")
	}
	// Another session of a nexus that is there already changes nothing.
	open(t, path, "d")
	if inode() != before {
		t.Error("opening wrote the state")
	}
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	if inode() == before {
		t.Error("the state was changed in place")
	}
}

func TestNotSimulated(t *testing.T) {
	d := dir(t)
	write := func(name, content string) string {
		path := filepath.Join(d, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(d, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{d, fifo, "/dev/null", "/dev/zero", write("empty", ""), write("text", "hello\n"), write("like", magic+"-not 1 2 3\n")} {
		if _, err := Open(path, at("d")); !errors.Is(err, ErrNotSimulated) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open(filepath.Join(d, "none"), at("d")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(create(t, Config{}), NexusID{}); !errors.Is(err, ErrBadNexus) {
		t.Error(err)
	}
	path := create(t, Config{})
	if err := Create(path, Config{}); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if err := Create(path+"2", Config{BlockSize: 1}); !errors.Is(err, ErrBadConfig) {
		t.Error(err)
	}
}

func TestCorrupt(t *testing.T) {
	path := create(t, Config{})
	d := open(t, path, "d")
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body := good[bytes.IndexByte(good, '\n')+1:]
	with := func(old, replacement string) []byte {
		b := bytes.Replace(body, []byte(old), []byte(replacement), 1)
		if bytes.Equal(b, body) {
			t.Fatalf("%q is not in the state", old)
		}
		return append(header(b), b...)
	}
	for name, content := range map[string][]byte{
		"cut":        good[:len(good)-5],
		"head only":  good[:len(magic)+1],
		"longer":     append(bytes.Clone(good), '\n'),
		"bit":        bytes.Replace(good, []byte(`"key": 1`), []byte(`"key": 3`), 1),
		"version":    bytes.Replace(good, []byte(magic+" 1"), []byte(magic+" 2"), 1),
		"key 0":      with(`"key": 1`, `"key": 0`),
		"no JSON":    with("{", "["),
		"unknown":    with(`"generation"`, `"degeneration"`),
		"no holder":  with(`"generation"`, `"reserved": 5, "generation"`),
		"two values": with(`"generation"`, `"holder": true, "generation"`),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Describe(path)
		if !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotSimulated) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Do(t.Context(), turRequest()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, d, turRequest(), "GOOD")
	if err := os.Remove(path + dataSuffix); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, at("d")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("no data area: %v", err)
	}
}

// TestSymlink opens a unit by a link: the link must stay one.
func TestSymlink(t *testing.T) {
	path := create(t, Config{})
	link := filepath.Join(dir(t), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	do(t, open(t, link, "a"), outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	d, err := Describe(path)
	if err != nil || len(d.Registrations) != 1 {
		t.Errorf("%+v %v", d, err)
	}
}

func TestAdministration(t *testing.T) {
	path := create(t, Config{})
	a, c := open(t, path, "a"), open(t, path, "c")
	do(t, a, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	do(t, a, writeRequest(3, 9), "GOOD")
	read := readRequest(3)
	do(t, c, read, "GOOD")
	if read.Data[0] != 9 {
		t.Error("the other nexus does not see what was written")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(FailPath(path, at("a"), true))
	do(t, a, turRequest(), "DID_NO_CONNECT")
	must(FailPath(path, at("a"), false))
	must(ResetLU(path))
	do(t, a, turRequest(), "6/29/03")
	must(Logout(path, at("a")))
	do(t, a, turRequest(), "6/29/07")
	must(SetQuirks(path, Quirks{NoPR: true}))
	do(t, a, inRequest(scsi.InReadKeys, 256), "5/20/00")
	must(SetQuirks(path, Quirks{}))
	must(PowerCycle(path))
	do(t, a, turRequest(), "6/29/00")
	plan, err := ParsePlan("tur@2:busy")
	must(err)
	must(SetFaults(path, plan))
	do(t, a, turRequest(), "GOOD")
	do(t, open(t, path, "a"), turRequest(), "BUSY") // counted across sessions
	d, err := Describe(path)
	must(err)
	if len(d.Registrations) != 0 || len(d.Faults) != 1 || d.Faults[0] != (RuleStatus{"tur@2:status=08", 2}) {
		t.Errorf("%+v", d)
	}
}

// TestDie lets a rule end the process: its turn must not come again.
func TestDie(t *testing.T) {
	path := create(t, Config{})
	plan, err := ParsePlan("prout@1:die prout@3:after:die")
	if err != nil {
		t.Fatal(err)
	}
	if err := SetFaults(path, plan); err != nil {
		t.Fatal(err)
	}
	d := open(t, path, "d")
	var codes []int
	d.Exit = func(code int) {
		codes = append(codes, code)
		// What was done must be on disk before the process ends.
		s, err := Describe(path)
		if err != nil || len(s.Registrations) != 2*len(codes)-2 && len(codes) == 1 {
			t.Errorf("%+v %v", s, err)
		}
		if len(codes) == 2 && s.Registrations[0].Key != 2 {
			t.Errorf("%+v", s)
		}
	}
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "DID_ERROR")
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegister, ActionKey: 1}), "GOOD")
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 1, ActionKey: 2}), "DID_ERROR")
	do(t, d, outRequest(scsi.PROut{Action: scsi.OutRegister, Key: 2, ActionKey: 3}), "GOOD")
	if fmt.Sprint(codes) != "[137 137]" {
		t.Errorf("exit codes %v", codes)
	}
}

// worker registers, preempts and writes until it is killed or count commands
// have counted, and says so line by line.
func worker(path, name, count string) int {
	n, err := strconv.Atoi(count)
	if err != nil {
		return 2
	}
	id, err := ParseNexus(name)
	if err != nil {
		return 2
	}
	d, err := Open(path, id)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	key := scsi.Key(id.Port().Bytes()[11]) + 1
	for done := 0; done < n; {
		for _, p := range []scsi.PROut{
			{Action: scsi.OutRegisterAndIgnoreExistingKey, ActionKey: key, APTPL: true},
			{Action: scsi.OutReserve, Key: key, Type: wero},
			{Action: scsi.OutPreemptAndAbort, Key: key, ActionKey: scsi.Key(rand.IntN(4) + 1), Type: wero},
			{Action: scsi.OutClear, Key: key},
		} {
			r, err := d.Do(context.Background(), outRequest(p))
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 2
			}
			if r.Status == scsi.Good && p.Action != scsi.OutReserve {
				done++
				fmt.Println(p.Action)
			}
		}
	}
	return 0
}

// TestProcesses lets several processes at one unit and kills some of them at
// any moment. The file stays readable, and PRGENERATION counts every command
// that said GOOD, once.
func TestProcesses(t *testing.T) {
	path := create(t, Config{})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const processes = 4
	counts := make(chan int, processes)
	for i := range processes {
		victim := i%2 == 1
		count := 60
		if victim {
			count = 1 << 30 // until it is killed
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s sas,%x/1 %d", workerEnv, path, i, count))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if victim {
			time.AfterFunc(time.Duration(20+rand.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		go func() {
			n := 0
			for lines := bufio.NewScanner(out); lines.Scan(); {
				n++
			}
			if err := cmd.Wait(); err != nil && !victim {
				t.Errorf("process %d: %v %s", i, err, stderr.String())
			}
			counts <- n
		}()
	}
	told := 0
	deadline := time.After(10 * time.Minute)
	for running := processes; running > 0; {
		select {
		case n := <-counts:
			told += n
			running--
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatal("the processes do not end")
		}
		if _, err := Describe(path); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Describe(path)
	if err != nil {
		t.Fatal(err)
	}
	// A process may die between GOOD and telling so.
	if got := int(d.Generation); got < told || got > told+processes/2 {
		t.Errorf("PRGENERATION %d, the processes told of %d", got, told)
	}
}
