package picture

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/olekukonko/tablewriter"
)

// update writes the goldens anew: go test ./commands/picture -update
func updating() bool {
	return flag.Lookup("update") != nil && flag.Lookup("update").Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the goldens anew")
	flag.Parse()
	os.Exit(m.Run())
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if updating() {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// columnTable is how package commands makes tables.
func columnTable(w io.Writer, header ...string) *tablewriter.Table {
	t := tablewriter.NewWriter(w)
	t.SetHeader(header)
	t.SetAutoFormatHeaders(false)
	t.SetAutoWrapText(false)
	t.SetHeaderAlignment(tablewriter.ALIGN_LEFT)
	t.SetAlignment(tablewriter.ALIGN_LEFT)
	t.SetBorder(false)
	t.SetHeaderLine(false)
	t.SetCenterSeparator("")
	t.SetColumnSeparator("")
	t.SetRowSeparator("")
	t.SetTablePadding("  ")
	t.SetNoWhiteSpace(true)
	return t
}

func some[T any](v T) *T { return &v }

// cell is what a node has on a LUN: n of m paths, m 0 for another node.
func cell(node string, n, m int) OfNode {
	c := OfNode{Node: node, Registered: &n}
	if m > 0 {
		c.Expected = &m
	}
	return c
}

// known is a LUN that was read and is held by the first node.
func known(name string, cells ...OfNode) LUN {
	cells[0].Holds = true
	return LUN{Name: name, Known: true, State: "up", Protected: some(true), Paths: some(2), Working: some(2),
		Keys: []string{"0xbcb00001", "0xbcb00002"}, Foreign: []string{}, Registrations: some(4), Reserved: some(true),
		Holder: "0xbcb00001", HolderNode: cells[0].Node, Type: "Write Exclusive - Registrants Only", Generation: some(uint32(7)),
		Nodes: cells, Findings: []Finding{}}
}

func found(kind, what, hint string, grave bool) Finding {
	f := Finding{Kind: kind, Text: what, What: what, Hint: hint, Grave: grave}
	if hint != "" {
		f.Text += "; " + hint
	}
	return f
}

// wounded has one LUN of each sort.
func wounded() *Picture {
	dead := known("/dev/mapper/mpatha", cell("jack3", 2, 2), cell("jack4", 2, 0))
	dead.State, dead.Working, dead.Findings = "degraded", some(1), []Finding{found("dead-path", "path /dev/sdb does not answer", "", false)}
	fine := known("/dev/mapper/mpathb", cell("jack3", 2, 2), cell("jack4", 2, 0))
	unread := LUN{Name: "/dev/mapper/mpathc", State: "unknown", Paths: some(2), Working: some(0), Nodes: []OfNode{{Node: "jack3", Expected: some(2)}, {Node: "jack4"}},
		Findings: []Finding{found("unreadable", "unknown: /dev/sde: READ FULL STATUS: transport error: DID_NO_CONNECT", "look at the path", true)}}
	foreign := known("/dev/mapper/3600a098038303053453f463045727654", cell("jack3", 1, 2), cell("jack4", 0, 0))
	foreign.Nodes[0].Holds, foreign.HolderNode, foreign.Holder = false, Unknown, "0xdead"
	foreign.State, foreign.Protected, foreign.Foreign = "unprotected", some(false), []string{"0xdead", "0xbeef"}
	foreign.Findings = []Finding{
		found("foreign-keys", "foreign key 0xdead, 0xbeef", "find its owner, or clear it with pr_cleanup", true),
		found("paths-unregistered", "1 of 2 paths are registered", "run pr_check --repair", false),
	}
	leaving := known("/dev/mapper/mpathe", cell("jack3", 2, 2), cell("jack4", 2, 0))
	leaving.Nodes[0].Leaving, leaving.Nodes[1].Taking = true, true
	leaving.State = "changing"
	leaving.Findings = []Finding{found("leaving", "halt under way or killed: 0x80000000bcb00001 (jack3, leaving)", "run pr_halt there again, or pr_fence", false)}
	down := known("/dev/mapper/mpathf", cell("jack3", 0, 2), cell("jack4", 0, 0))
	down.State, down.Nodes[0].Holds, down.Protected, down.Reserved = "down", false, some(false), some(false)
	down.Keys, down.Registrations, down.Holder, down.HolderNode, down.Type = []string{}, some(0), "", "", ""
	ports := known("/dev/mapper/mpathg", cell("jack3", 1, 2), cell("jack4", 0, 0))
	ports.Nodes[0].AllPorts = true
	return &Picture{
		Time: time.Date(2026, 11, 22, 9, 10, 11, 0, time.FixedZone("", 3600)), Took: 1500 * time.Millisecond,
		Cluster: "bla", Node: "jack3", Status: 2,
		Sections: []Section{
			{Name: "pkg1", Type: "multi_node", State: "unknown", StartedBy: "pr_start", Known: true, Nodes: []string{"jack3", "jack4"}, LUNs: []LUN{dead, fine, unread, foreign, leaving}},
			{Name: "pkg2", Type: "failover", State: "up", Known: true, Nodes: []string{"jack3", "jack4"}, LUNs: []LUN{down, ports}},
			{Name: "pkg3", Type: "failover", Trouble: []Problem{{"/dev/nosuch: no such device", "is the LUN attached to this host?"}}},
			{Name: "pkg4", Type: "failover", Known: true, Nodes: []string{"jack3"}},
		},
	}
}

// hostile has names that are made to harm whoever shows them.
func hostile() *Picture {
	const esc = "\x1b]0;owned\x07\x1b[2J"
	bad := "<script>alert('" + esc + "')</script>\"&\\\n# HELP x\r\xff\u202e\u00a0é"
	l := known("/dev/"+bad, cell("node<b>"+esc, 1, 1))
	l.HolderNode, l.Type, l.Foreign = bad, bad, []string{"0xdead"}
	l.Findings = []Finding{found("foreign-keys", bad, bad, true)}
	return &Picture{Cluster: bad, Node: bad, Status: 1, Errors: []Problem{{bad, bad}}, Sections: []Section{
		{Name: bad, Type: bad, Known: true, Nodes: []string{"node<b>" + esc}, LUNs: []LUN{l}},
		{Name: "lost" + bad, Trouble: []Problem{{bad, bad}}},
	}}
}

// large has n LUNs that m nodes share.
func large(luns, nodes int) *Picture {
	s := Section{Name: "big", Type: "multi_node", Known: true}
	for i := range nodes {
		s.Nodes = append(s.Nodes, fmt.Sprintf("node%02d", i))
	}
	for i := range luns {
		cells := []OfNode{cell(s.Nodes[0], 4, 4)}
		for _, n := range s.Nodes[1:] {
			cells = append(cells, cell(n, 4, 0))
		}
		s.LUNs = append(s.LUNs, known(fmt.Sprintf("/dev/mapper/3600a0980383030534%012x", i), cells...))
	}
	return &Picture{Cluster: "big", Node: "node00", Sections: []Section{s}}
}

func (p *Picture) table(t testing.TB, s Style) string {
	t.Helper()
	s.Table = columnTable
	var b bytes.Buffer
	if err := p.Table(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The table in every width, with and without colours.
func TestTable(t *testing.T) {
	for _, width := range []int{0, 40, 80, 120} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			text := wounded().table(t, Style{Width: width})
			golden(t, fmt.Sprintf("table-%d.txt", width), text)
			if strings.ContainsRune(text, '\x1b') {
				t.Error("an escape sequence without colours")
			}
			colored := wounded().table(t, Style{Width: width, Color: true})
			if plain := uncolored(colored); plain != text {
				t.Errorf("colours change the text (-plain +coloured):\n%s", cmp.Diff(text, plain))
			}
		})
	}
	golden(t, "table-color.txt", wounded().table(t, Style{Width: 80, Color: true}))
}

// uncolored takes the escape sequences of colours out.
func uncolored(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, s, _ = strings.Cut(after, "m")
	}
}

// No line is wider than the terminal, whatever the width, and every LUN, node
// and state is there.
func TestTableWidths(t *testing.T) {
	for name, p := range map[string]*Picture{"wounded": wounded(), "large": large(20, 16), "hostile": hostile()} {
		for width := 20; width <= 200; width++ {
			text := p.table(t, Style{Width: width, Marks: width%2 == 0})
			for line := range strings.Lines(text) {
				if got := columns(strings.TrimSuffix(line, "\n")); got > width {
					t.Fatalf("%s: width %d: %d columns: %q", name, width, got, line)
				}
			}
		}
	}
	for _, width := range []int{40, 80, 400} {
		text := large(20, 16).table(t, Style{Width: width})
		if got := strings.Count(text, " 4"); got < 20*16 {
			t.Errorf("width %d: %d cells, %d expected", width, got, 20*16)
		}
	}
}

// Names that would look alike when they are shortened are not.
func TestTableShortNames(t *testing.T) {
	p := &Picture{Sections: []Section{{Name: "p", Type: "failover", Known: true, Nodes: []string{"a"}, LUNs: []LUN{
		known("/dev/mapper/one-long-name-that-differs-HERE-and-goes-on-to-its-end", cell("a", 1, 1)),
		known("/dev/mapper/one-long-name-that-differs-THERE-and-goes-on-to-its-end", cell("a", 1, 1)),
	}}}}
	text := p.table(t, Style{Width: 60})
	if !strings.Contains(text, "HERE") || !strings.Contains(text, "THERE") {
		t.Errorf("two LUNs that cannot be told apart:\n%s", text)
	}
	p.Sections[0].LUNs[1].Name = "/dev/mapper/another-long-name-with-another-end-altogether-X"
	text = p.table(t, Style{Width: 60})
	if strings.Count(text, gap) != 2 || !strings.Contains(text, "altogether-X") {
		t.Errorf("names were to be shortened in the middle:\n%s", text)
	}
}

// What is unknown is UNKNOWN in each place, never empty and never 0.
func TestTableUnknown(t *testing.T) {
	p := wounded()
	p.Sections = p.Sections[:1]
	p.Sections[0].LUNs = p.Sections[0].LUNs[2:4]
	for line := range strings.Lines(p.table(t, Style{})) {
		if !strings.HasPrefix(line, "/dev/mapper/mpathc") {
			continue
		}
		if words := strings.Fields(line); strings.Join(words[1:6], " ") != "0/2 UNKNOWN UNKNOWN UNKNOWN unknown:" {
			t.Errorf("%q", line)
		}
		return
	}
	t.Error("no line for the LUN that cannot be read")
}

// What changed since the picture before is marked, and nothing else.
func TestTableChanges(t *testing.T) {
	before, now := wounded(), wounded()
	now.Sections[0].LUNs[1].Nodes[1].Registered = some(1)
	now.Sections[0].LUNs[4].Findings = []Finding{}
	now.Sections[1].LUNs = append(now.Sections[1].LUNs, known("/dev/mapper/new", cell("jack3", 2, 2), cell("jack4", 0, 0)))
	golden(t, "changes.txt", now.table(t, Style{Width: 120, Marks: true, Before: before}))
	golden(t, "changes-color.txt", now.table(t, Style{Width: 120, Marks: true, Before: before, Color: true}))
	if text := now.table(t, Style{Marks: true, Before: wounded()}); strings.Count(text, "\n> ") != 3 {
		t.Errorf("three LUNs changed:\n%s", text)
	}
	if text := wounded().table(t, Style{Marks: true, Before: before}); strings.Contains(text, "\n> ") {
		t.Errorf("nothing changed:\n%s", text)
	}
	if text := wounded().table(t, Style{Marks: true}); strings.Contains(text, "\n> ") {
		t.Errorf("there was nothing before:\n%s", text)
	}
	golden(t, "trimmed.txt", now.Trim(before).table(t, Style{Width: 120, Marks: true, Before: before}))
}

// No control character reaches the terminal.
func TestTableHostile(t *testing.T) {
	for _, width := range []int{0, 40, 120} {
		for _, r := range hostile().table(t, Style{Width: width}) {
			if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e' || r == '\ufffd') {
				t.Fatalf("%q in the table", r)
			}
		}
	}
	for in, want := range map[string]string{
		"/dev/sda": "/dev/sda", "\x1b[2J": `\x1b[2J`, "a\nb": `a\x0ab`, "\xff": `\xff`,
		"\u202e": `\u{202e}`, "\u0085": `\u{85}`, "é日": "é日", `\x20`: `\x20`, "\ufffd": "\ufffd", "\x7f": `\x7f`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, %q expected", in, got, want)
		}
	}
}

// A page and a table of four times as many LUNs cost four times as much, not sixteen
// times. What they allocate stands for the work, and is the same wherever it runs.
func TestLarge(t *testing.T) {
	const luns, nodes = 100, 16
	few, many := large(luns, nodes), large(4*luns, nodes)
	for name, draw := range map[string]func(*Picture){
		"table":   func(p *Picture) { p.table(t, Style{Width: 200, Color: true, Marks: true, Before: p}) },
		"wide":    func(p *Picture) { p.table(t, Style{}) },
		"page":    func(p *Picture) { _ = p.HTML(io.Discard) },
		"metrics": func(p *Picture) { _ = p.Metrics(io.Discard) },
	} {
		costs := func(p *Picture) float64 { return testing.AllocsPerRun(1, func() { draw(p) }) }
		one, four := costs(few), costs(many)
		t.Logf("%s of %d LUNs and %d nodes: %.0f allocations, of %d: %.0f", name, luns, nodes, one, 4*luns, four)
		if four > 5*one {
			t.Errorf("%s of four times as many LUNs costs %.1f times as much", name, four/one)
		}
	}
}
