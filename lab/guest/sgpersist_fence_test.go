//go:build lab

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fenceStory is what a cluster's two nodes do with fence_scsi, and what an administrator
// asks. Each line is the exit status, the node, and the words; @ is the node's disk.
const fenceStory = `
1 1 -o monitor -d @
2 1 -o status -k a1 -d @
0 1 -o on -k a1 -d @
0 2 -o on -k a2 -d @
0 1 -o status -k a1 -d @
0 1 -o status -k a2 -d @
0 2 -o monitor -d @
1 1 -o off -k a1 -d @
0 1 -o off -k a2 -d @
2 1 -o status -k a2 -d @
1 2 -o off -k a1 -d @
0 2 -o on -k a2 -a -d @
0 2 -o off -k a1 -d @ --readonly
1 1 -o on -k a1 -d /dev/nonexistent
2 1 -o status -k a1 -v -d @
`

// TestSgPersistFenceScsi lets fence_scsi live through the same story with the original and
// with ours. What it prints, its exit statuses, what it remembers and what becomes of the
// LUNs must be the same.
func TestSgPersistFenceScsi(t *testing.T) {
	NeedLunguard(t, "sg_persist")
	w := newTwins(t, "fence", productSide(), 1, nil)
	w.reset(t)
	t.Cleanup(func() { must(t, copyMemory(t.TempDir(), fenceStore)) })
	for line := range strings.Lines(strings.TrimSpace(fenceStory)) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		var seen [2]string
		for i, s := range w.sides {
			seen[i] = w.fence(t, s, words[1], words[2:])
		}
		if !strings.HasPrefix(seen[0], "exit "+words[0]+"\n") {
			t.Errorf("fence_scsi %s, with the original: %s", line, seen[0])
		}
		if found := differ("with the original and with ours", seen[0], seen[1]); found != "" {
			t.Errorf("fence_scsi %s: %s", line, found)
		}
		if a, b := w.state(t, 0), w.state(t, 1); a != b {
			t.Errorf("fence_scsi %s: %s", line, differ("the LUN's state", a, b))
		}
		fmt.Fprintf(t.Output(), "fence_scsi %s: %s", line, seen[1])
	}
	w.wantTwins(t)
}

// fence calls fence_scsi once, with the node's own memory, and returns all that came of it.
func (w *twins) fence(t *testing.T, s *side, actor string, words []string) string {
	t.Helper()
	n := w.actors[actor].node
	disk := n.Disk(s.lun, 0)
	memory := filepath.Join(w.dir, s.name+actor)
	must(t, os.MkdirAll(memory, 0o755))
	must(t, copyMemory(memory, fenceStore))
	argv := []string{"fence_scsi", "--sg_persist-path", filepath.Join(s.path, "sg_persist")}
	for _, word := range words {
		argv = append(argv, strings.ReplaceAll(word, "@", disk))
	}
	r, err := runProgram(slices.Concat(baseEnv(systemPath), s.env), systemPath, "", argv)
	must(t, err)
	must(t, copyMemory(fenceStore, memory))
	var out strings.Builder
	fmt.Fprintf(&out, "exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	for _, name := range fenceMemory() {
		if data, err := os.ReadFile(filepath.Join(memory, name)); err == nil {
			fmt.Fprintf(&out, "%s: %s", name, data)
		}
	}
	text := strings.NewReplacer(disk, "@", argv[2], "sg_persist").Replace(out.String())
	return regexp.MustCompile(`(?m)^[0-9-]{10} [0-9:,]{12} `).ReplaceAllLiteralString(text, "")
}

// fenceStore is where fence_scsi keeps what a node remembers. The nodes share the folder,
// as they share the kernel.
const fenceStore = "/var/run"

// fenceMemory names the files there: the node's key and the devices it is registered with.
func fenceMemory() []string { return []string{"cluster.key", "cluster.dev"} }

// copyMemory makes the files in one folder those of another.
func copyMemory(from, to string) error {
	for _, name := range fenceMemory() {
		data, err := os.ReadFile(filepath.Join(from, name))
		switch {
		case err == nil:
			err = os.WriteFile(filepath.Join(to, name), data, 0o644)
		case errors.Is(err, fs.ErrNotExist):
			err = removeExisting(filepath.Join(to, name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
