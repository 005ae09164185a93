package probe

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/probe"
)

// What is kept is read again for the same device only, by its owner only, until it is
// forgotten.
func TestMemory(t *testing.T) {
	sim := t.TempDir()
	at := func(wwid string) *probe.Memory {
		t.Helper()
		m, err := memoryOf(t.Context(), sim, wwid)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if at("") != nil {
		t.Error("a device without a name has a memory")
	}
	want := probe.Held{LBA: 7, Block: []byte("a\nb\x00")}
	if err := at("naa.1").Save(want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, at("naa.1").Left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if at("naa.2").Left != nil {
		t.Error("another device has it, too")
	}
	folder := filepath.Join(sim, "lib", "pr_probe")
	if st, err := os.Stat(folder); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	for range 2 {
		if err := at("naa.1").Forget(); err != nil || at("naa.1").Left != nil {
			t.Errorf("forgotten: %v", err)
		}
	}
	for name, text := range map[string]string{"empty": "", "no block": "7 \"naa.1\"\n", "no line": "7 \"naa.1\"", "another device": "7 \"naa.2\"\nx", "no number": "x \"naa.1\"\nx", "too large": "4294967296 \"naa.1\"\nx"} {
		if err := at("naa.1").Save(want); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(folder, "*"))
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var told *memoryError
		if _, err := memoryOf(t.Context(), sim, "naa.1"); !errors.As(err, &told) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(files[0]); err != nil {
			t.Fatal(err)
		}
	}
}
