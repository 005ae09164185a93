package lvmmeta

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lunguard/vg/lvmmeta/lvmtest"
)

// The config format as lvm2 writes and reads it.
func TestParse(t *testing.T) {
	top, err := Parse("# comment {\na=1 b = -2.5#c\n\"c d\" = \"x\\\"y\\\\z#\"\n e='\\'\nf=[] g=[ 1 , \"two\",\n3 ]\n0s{i=@tag}\nt { u { v = \"\" } }\n\x00 } garbage")
	if err != nil {
		t.Fatal(err)
	}
	one := func(i Item) Value { return Value{Items: []Item{i}} }
	want := map[string]Value{
		"a": one(Item{"1", true}), "b": one(Item{"-2.5", true}), "c d": one(Item{`x"y\z#`, false}), "e": one(Item{`\`, false}),
		"f": {Array: true}, "g": {true, []Item{{"1", true}, {"two", false}, {"3", true}}},
	}
	got := map[string]Value{}
	for _, s := range top.Settings {
		got[s.Name] = s.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := top.Section("0s").str("i"); got != "@tag" {
		t.Errorf("section: %q", got)
	}
	if v, ok := top.Section("t").Section("u").value("v"); !ok || len(v.Items) != 1 {
		t.Errorf("section in a section: %+v", v)
	}
	if top.Section("x").Section("y") != nil || len(top.Sections) != 2 {
		t.Errorf("sections that are not there: %+v", top.Sections)
	}
}

func TestParseFails(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		err  error
	}{
		"no value":           {"a =", ErrMalformed},
		"no name":            {"= 1", ErrMalformed},
		"name alone":         {"a", ErrMalformed},
		"two names":          {"a b = 1", ErrMalformed},
		"open section":       {"a { b = 1", ErrMalformed},
		"end in a section":   {"a {\x00}", ErrMalformed},
		"closed twice":       {"a {}}", ErrMalformed},
		"open string":        {`a = "b`, ErrMalformed},
		"open by a \\":       {`a = "b\"`, ErrMalformed},
		"open array":         {"a = [1", ErrMalformed},
		"array ends with ,":  {"a = [1,]", ErrMalformed},
		"array without ,":    {"a = [1 2]", ErrMalformed},
		"array in an array":  {"a = [[1]]", ErrMalformed},
		"section as a value": {"a = {}", ErrMalformed},
		"section in array":   {"a = [{}]", ErrMalformed},
		"setting twice":      {"a=1 a=2", ErrMalformed},
		"section twice":      {"a{} a{}", ErrMalformed},
		"both":               {"a{} a=1", ErrMalformed},
		"deep":               {strings.Repeat("a{", maxDepth+1) + strings.Repeat("}", maxDepth+1), ErrMalformed},
		"very deep":          {strings.Repeat("a{", 1<<20), ErrMalformed},
		"many values":        {"a=[" + strings.Repeat("1,", maxNodes) + "1]", ErrTooLarge},
		"large":              {strings.Repeat(" ", MaxText+1), ErrTooLarge},
		"many sections": {func() string {
			var b strings.Builder
			for i := range maxSections + 1 {
				fmt.Fprintf(&b, "a%d{}", i)
			}
			return b.String()
		}(), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(c.text)
			var fe *FormatError
			if s != nil || !errors.Is(err, c.err) || !errors.As(err, &fe) || fe.Part != PartText {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
	if _, err := Parse(strings.Repeat("a{", maxDepth) + strings.Repeat("}", maxDepth)); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

// group is the usual one of the tests.
func group() lvmtest.Group {
	return lvmtest.Group{Name: "vg1", UUID: lvmtest.UUID("vg"), Seqno: 7, Members: []lvmtest.Member{
		{UUID: lvmtest.UUID("pv0"), Hint: "/dev/sda", Used: true},
		{UUID: lvmtest.UUID("pv1"), Hint: "/dev/mapper/a b", Missing: true},
	}}
}

func TestParseGroup(t *testing.T) {
	got, err := NewReader().ParseGroup(group().Text())
	if err != nil {
		t.Fatal(err)
	}
	want := &Group{Name: "vg1", UUID: UUID([]byte(lvmtest.UUID("vg"))), Seqno: 7, Logical: []string{"lv0"}, Volumes: []Member{
		{UUID: UUID([]byte(lvmtest.UUID("pv0"))), Hint: "/dev/sda", Size: 64 << 20, Used: true},
		{UUID: UUID([]byte(lvmtest.UUID("pv1"))), Hint: `"/dev/mapper/a b"`, Size: 64 << 20, Missing: true},
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Group{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The same change may be written at different times; all else tells texts apart.
func TestGroupSame(t *testing.T) {
	r, text := NewReader(), group().Text()
	a, err := r.ParseGroup(text)
	if err != nil {
		t.Fatal(err)
	}
	for change, want := range map[[2]string]bool{
		{}: true, {"creation_time = ", "creation_time = 9"}: true, {"creation_host", "creation_place"}: true,
		{"pe_start = ", "pe_start = 9"}: false, {"vg1 {", "vg2 {"}: false, {"seqno = ", "seqno = 1"}: false,
	} {
		b, err := r.ParseGroup(strings.Replace(text, change[0], change[1], 1))
		if err != nil {
			t.Fatalf("%q: %v", change, err)
		}
		if got := a.Same(b); got != want {
			t.Errorf("%q: %v", change, got)
		}
	}
}

// What is wrong in a text is told, and nothing is made of it.
func TestParseGroupFails(t *testing.T) {
	text := group().Text()
	for name, change := range map[string][2]string{
		"contents":      {"Text Format Volume Group", "Other"},
		"version":       {"version = 1", "version = 2"},
		"two groups":    {"# Generated", "vg2 { }\n# Generated"},
		"name":          {"vg1 {", "\"v\x1bg\" {"},
		"name -":        {"vg1 {", "-vg1 {"},
		"name ..":       {"vg1 {", ".. {"},
		"name too long": {"vg1 {", strings.Repeat("v", 128) + " {"},
		"no id":         {"id = \"vg", "idx = \"vg"},
		"seqno":         {"seqno = 7", "seqno = -7"},
		"seqno in []":   {"seqno = 7", "seqno = [7]"},
		"no seqno":      {"seqno = 7", ""},
		"no volumes":    {"physical_volumes", "physical"},
		"PV's id":       {"id = \"pv1", "id = \"pv"},
		"same PV":       {"id = \"pv1", "id = \"pv0"},
		"dev_size":      {"dev_size = 131072", "dev_size = 99999999999999999999"},
		"no text":       {text, ""},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if changed == text {
			t.Fatalf("%s: %q is not in the text", name, change[0])
		}
		g, err := NewReader().ParseGroup(changed)
		var fe *FormatError
		if g != nil || !errors.Is(err, ErrMalformed) || !errors.As(err, &fe) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	if g, err := NewReader().ParseGroup(strings.ReplaceAll(text, "dev_size = 131072", "")); err != nil || g.Volumes[0].Size != 0 {
		t.Errorf("without dev_size: %+v, %v", g, err)
	}
	old := strings.Replace(text, `status = ["ALLOCATABLE"]`, `status = ["ALLOCATABLE", "MISSING"]`, 1)
	if g, err := NewReader().ParseGroup(old); err != nil || !g.Volumes[0].Missing {
		t.Errorf("the flag in old metadata: %+v, %v", g, err)
	}
}

func BenchmarkParseGroup(b *testing.B) {
	g := group()
	g.Members = nil
	for i := range 1000 {
		g.Members = append(g.Members, lvmtest.Member{UUID: lvmtest.UUID(fmt.Sprintf("pv%dp", i)), Hint: "/dev/sda", Used: true})
	}
	text := g.Text()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewReader().ParseGroup(text); err != nil {
			b.Fatal(err)
		}
	}
}
