package simns_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lunguard/nvme"
	"lunguard/nvme/nvmetest"
	"lunguard/nvme/simns"
	"lunguard/pr"
)

// A namespace in a file is the one in memory, whoever opens it.
func TestFile(t *testing.T) {
	nvmetest.Run(t, nil, func(t *testing.T) *nvmetest.Bench {
		path := filepath.Join(t.TempDir(), "ns")
		if err := simns.Create(path, simns.Config{}); err != nil {
			t.Fatal(err)
		}
		controllers := map[string]nvme.Transport{}
		for i, name := range []string{"A", "A2", "B", "C"} {
			d, err := simns.Open(path, simns.Controller{ID: uint16(i + 1), Host: hostOf(int(name[0] - 'A'))})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			controllers[name] = d
		}
		return &nvmetest.Bench{Controllers: controllers}
	})
}

// The head goes on by another controller, and has none when all are lost. A namespace
// without PTPL forgets at power loss.
func TestHead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ns")
	if err := simns.Create(path, simns.Config{}); err != nil {
		t.Fatal(err)
	}
	d, err := simns.Open(path, simns.Controller{ID: 1, Host: hostOf(0)}, simns.Controller{ID: 2, Host: hostOf(0)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	u := nvme.NewUnit("/dev/nvme0n1", d)
	for id := range uint16(3) {
		err := u.RegisterAndIgnore(t.Context(), pr.Key(id+1), false)
		if lost := id == 2; lost != errors.Is(err, syscall.EAGAIN) || lost != errors.Is(err, nvme.ErrNoPath) || err != nil && !lost {
			t.Errorf("with %d lost: %v", id, err)
		}
		if err := simns.FailController(path, id+1, true); err != nil {
			t.Fatal(err)
		}
	}
	for id := range uint16(3) {
		if err := simns.FailController(path, id+1, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, persists := range []bool{true, false} {
		if err := u.RegisterAndIgnore(t.Context(), 5, persists); err != nil {
			t.Fatal(err)
		}
		if err := simns.PowerCycle(path); err != nil {
			t.Fatal(err)
		}
		// Nobody takes persistence away again.
		if s, err := u.State(t.Context()); err != nil || !s.Has(5) {
			t.Errorf("%+v, %v", s, err)
		}
	}
	desc, err := simns.Describe(path)
	if err != nil || len(desc.Report.Entries) != 2 || !desc.Report.Persisting {
		t.Errorf("%+v, %v", desc.Report, err)
	}
	if err := simns.SetQuirks(path, simns.NVMet()); err != nil {
		t.Fatal(err)
	}
	if desc, err = simns.Describe(path); err != nil || len(desc.Report.Entries) != 1 || desc.Config.Quirks != simns.NVMet() {
		t.Errorf("%+v, %v", desc, err)
	}
}

// What is no namespace is not opened, and what is damaged says so.
func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ns")
	if err := simns.Create(path, simns.Config{}); err != nil {
		t.Fatal(err)
	}
	if err := simns.Create(path, simns.Config{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	for content, want := range map[string]error{
		"something else": simns.ErrNotSimulated,
		strings.Replace(string(text), `"generation": 0`, `"generation": 1`, 1): simns.ErrCorrupt,
		string(text[:len(text)-9]): simns.ErrCorrupt,
		string(text):               nil,
	} {
		if err := os.WriteFile(other, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := simns.Describe(other); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%v, %v expected", err, want)
		}
	}
	if _, err := simns.Describe("/dev/null"); !errors.Is(err, simns.ErrNotSimulated) {
		t.Errorf("%v", err)
	}
}

// Quirks have a text form, and the targets a name.
func TestQuirks(t *testing.T) {
	for text, want := range map[string]simns.Quirks{
		"": {}, "nvmet": simns.NVMet(), "spdk,TakesKeyZero": func() simns.Quirks { q := simns.SPDK(); q.TakesKeyZero = true; return q }(),
	} {
		q, err := simns.ParseQuirks(text)
		if err != nil || q != want {
			t.Errorf("%q: %+v, %v", text, q, err)
		}
		if again, err := simns.ParseQuirks(q.String()); err != nil || again != q {
			t.Errorf("%q: %+v, %v", q.String(), again, err)
		}
	}
	if _, err := simns.ParseQuirks("Nothing"); !errors.Is(err, simns.ErrBadQuirk) {
		t.Errorf("%v", err)
	}
}
