package protocol

import (
	"os"
	"strings"
	"testing"

	"lunguard/scsi/simlun"
)

// The tables of docs/protocols.md have the rows of the protocols, by their names
// and in their order.
func TestRowsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/protocols.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, 1, 1, simlun.Quirks{})
	r := w.run("A")
	x, arbiter := r.target(r.LUNs[0]), r.target(r.LUNs[0])
	f := &fencing{run: r, victim: w.members[1], targets: []*target{arbiter, x}, arbiter: arbiter}
	for name, rows := range map[string][]row{
		"Take":     takeRows(arbiter),
		"Give up":  giveUpRows(false),
		"Join":     joinRows(),
		"Release":  releaseRows(),
		"Depart":   (&departure{target: x}).rows(),
		"Strike":   f.strikeRows(x),
		"Settle":   f.settleRows(),
		"Evict":    (&eviction{fencing: *f, key: foreign}).rows(),
		"Readmit":  readmitRows(),
		"Repair":   repairRows(arbiter),
		"Restore":  restoreRows(nil),
		"Clean up": Clearing{}.rows(),
	} {
		_, section, found := strings.Cut(string(page), "\n### "+name+"\n")
		section, _, _ = strings.Cut(section, "\n##")
		if !found {
			t.Errorf("no section %q", name)
			continue
		}
		var documented []string
		for line := range strings.Lines(section) {
			if cells := strings.Split(line, "|"); len(cells) > 3 {
				documented = append(documented, strings.TrimSpace(cells[1]))
			}
		}
		documented = documented[min(2, len(documented)):] // the head of the table
		var names []string
		for _, row := range rows {
			names = append(names, row.name)
		}
		if got, want := strings.Join(documented, "\n"), strings.Join(names, "\n"); got != want {
			t.Errorf("section %q has:\n%s\n\nthe rows are:\n%s", name, got, want)
		}
	}
}
