package honesty

import (
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"lunguard/commands"
)

// options are those of make matrix.
type options struct {
	// all runs every cell, update writes the page then; only runs those whose name
	// matches, and shows what came of each.
	all, update bool
	only        string
}

// flags reads the options of this run.
func flags() options {
	get := func(name string) string { return flag.Lookup(name).Value.String() }
	return options{get("all") == "true", get("update") == "true", get("only")}
}

// TestMain makes the test binary be every command, by the name it is called by, for
// those that are killed.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); !strings.HasSuffix(name, ".test") {
		os.Exit(commands.Main(os.Stdin, os.Stdout, os.Stderr, os.Args))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	// What waits for signals belongs to the process and not to the first cell.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR2)
	flag.Bool("all", false, "run every cell")
	flag.Bool("update", false, "with -all, write docs/honesty.md anew")
	flag.String("only", "", "run the cells whose names match this `regexp`, and show them")
	os.Exit(m.Run())
}

// rule is how the unit tests choose their cells.
const rule = "of each command and each fault the cell whose name has the least FNV-1a"

// chosen are the cells that the unit tests run: one of each command and each fault,
// by the names of its cells alone, so that a choice stays when others are added.
func chosen(all []cell) []cell {
	hash := func(x cell) uint32 {
		h := fnv.New32a()
		h.Write([]byte(x.name()))
		return h.Sum32()
	}
	var list []cell
	for _, x := range all {
		last := len(list) - 1
		switch {
		case last < 0 || list[last].command != x.command || list[last].fault != x.fault:
			list = append(list, x)
		case hash(x) < hash(list[last]):
			list[last] = x
		}
	}
	return list
}

// workers is how many cells are run at once.
const workers = 2

// results are what came of cells.
type results struct {
	mu       sync.Mutex
	statuses map[int]int
	verdicts map[verdict]int
	// table is command, fault, verdict.
	table map[string]map[string]map[verdict]int
	// false are the cells that lied, with how.
	lies map[string]*outcome
}

func newResults() *results {
	return &results{statuses: map[int]int{}, verdicts: map[verdict]int{}, table: map[string]map[string]map[verdict]int{}, lies: map[string]*outcome{}}
}

// take counts an outcome.
func (r *results) take(o *outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := o.verdict()
	r.statuses[o.status]++
	r.verdicts[v]++
	c, f := o.cell.command.name, o.cell.fault.name
	if r.table[c] == nil {
		r.table[c] = map[string]map[verdict]int{}
	}
	if r.table[c][f] == nil {
		r.table[c][f] = map[verdict]int{}
	}
	r.table[c][f][v]++
	if v == lied || v == late {
		r.lies[o.cell.name()] = o
	}
}

// String tells the counts.
func (r *results) String() string {
	var b strings.Builder
	total := 0
	for _, n := range r.verdicts {
		total += n
	}
	fmt.Fprintf(&b, "%d cells; by exit status:", total)
	for _, s := range slices.Sorted(maps.Keys(r.statuses)) {
		fmt.Fprintf(&b, " %d: %d", s, r.statuses[s])
	}
	b.WriteString("; by verdict:")
	for _, v := range slices.Sorted(maps.Keys(r.verdicts)) {
		fmt.Fprintf(&b, " %s: %d", v, r.verdicts[v])
	}
	return b.String()
}

// TestMatrix runs the cells: the chosen ones, or all.
func TestMatrix(t *testing.T) {
	opt := flags()
	all := cells(list(), faults())
	queue := all
	switch only := regexp.MustCompile(opt.only); {
	case opt.only != "":
		queue = slices.DeleteFunc(slices.Clone(all), func(x cell) bool { return !only.MatchString(x.name()) })
	case !opt.all:
		queue = chosen(all)
	}
	r := runCells(t, queue, opt)
	t.Logf("%d of %d cells; without -all they are, %s", len(queue), len(all), rule)
	t.Log(r)
	unknown, cured := r.against(knownFalse(), opt)
	for _, o := range unknown {
		t.Errorf("%s: exit status %d after %s: %s", o.cell.name(), o.status, o.took, strings.Join(append(o.lies, string(o.verdict())), "; "))
	}
	for _, k := range cured {
		t.Errorf("%s / %s is right now: take it out of the list of known ones", k.command, k.fault)
	}
	if opt.all && opt.update {
		if err := os.WriteFile(pageFile, []byte(page(r, all)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMatrixRaces runs a share of them: make test does it under the race detector, which
// makes each command four times as long.
func TestMatrixRaces(t *testing.T) {
	const share = 16
	var queue []cell
	for i, x := range chosen(cells(list(), faults())) {
		if i%share == 0 {
			queue = append(queue, x)
		}
	}
	r := runCells(t, queue, flags())
	unknown, _ := r.against(knownFalse(), flags())
	for _, o := range unknown {
		t.Errorf("%s: exit status %d after %s: %s", o.cell.name(), o.status, o.took, strings.Join(append(o.lies, string(o.verdict())), "; "))
	}
}

// runCells runs cells, some at once.
func runCells(t *testing.T, queue []cell, opt options) *results {
	r := newResults()
	t.Run("cells", func(t *testing.T) {
		for w := range workers {
			t.Run(fmt.Sprint(w), func(t *testing.T) {
				t.Parallel()
				dir := scratch(t)
				made := &templates{root: dir, made: map[string]site{}}
				for i := w; i < len(queue); i += workers {
					o := queue[i].run(t, made, filepath.Join(dir, "cell"))
					if opt.only != "" {
						t.Logf("%s: exit status %d after %s: %s %s\n%s%s", o.cell.name(), o.status, o.took, o.verdict(), o.lies, o.out, o.err)
					}
					r.take(o)
				}
			})
		}
	})
	return r
}
