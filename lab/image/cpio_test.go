package image

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// entry is what TestCpio reads back from an archive.
type entry struct {
	mode         uint64
	major, minor uint64
	data         string
}

func TestCpio(t *testing.T) {
	root := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(root, "usr/share/doc"), 0o755),
		os.WriteFile(filepath.Join(root, "usr/share/doc/text"), []byte("pruned"), 0o644),
		os.WriteFile(filepath.Join(root, "usr/odd"), []byte("12345"), 0o755),
		os.Symlink("usr", filepath.Join(root, "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var buf bytes.Buffer
	c := newCpioWriter(&buf)
	c.tree(root, []string{"usr/share"})
	c.charDev("dev/console", 0o600, 5, 1)
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if buf.Len()%4 != 0 {
		t.Errorf("%d bytes: a second archive could not follow", buf.Len())
	}
	got := readCpio(t, buf.Bytes())
	want := map[string]entry{
		"usr":         {mode: 0o040755},
		"usr/odd":     {mode: 0o100755, data: "12345"},
		"link":        {mode: 0o120777, data: "usr"},
		"dev/console": {mode: 0o020600, major: 5, minor: 1},
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for name, e := range want {
		if got[name] != e {
			t.Errorf("%s: got %+v, want %+v", name, got[name], e)
		}
	}
}

// readCpio reads a newc archive up to its trailer.
func readCpio(t *testing.T, b []byte) map[string]entry {
	t.Helper()
	entries := map[string]entry{}
	align := func(n int) int { return (n + 3) &^ 3 }
	for off := 0; ; {
		field := func(i int) uint64 {
			at := off + 6 + 8*i
			n, err := strconv.ParseUint(string(b[at:at+8]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if string(b[off:off+6]) != "070701" {
			t.Fatalf("no magic at %d", off)
		}
		size, nameSize := int(field(6)), int(field(11))
		name := string(b[off+110 : off+110+nameSize-1])
		if name == cpioTrailer {
			return entries
		}
		data := align(off + 110 + nameSize)
		entries[name] = entry{field(1), field(9), field(10), string(b[data : data+size])}
		off = align(data + size)
	}
}
