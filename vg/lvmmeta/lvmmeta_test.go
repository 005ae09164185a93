package lvmmeta

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/vg/lvmmeta/lvmtest"
)

// sum makes the checksum of a label's sector or an area's header right again.
func sum(b []byte, at, from int) []byte {
	binary.LittleEndian.PutUint32(b[at:], lvmtest.CRC(b[from:512]))
	return b
}

// head is the first sectors of a volume, its label changed by f.
func head(sector int, f func(label []byte)) []byte {
	b := lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 4096, Sector: sector}.Image()
	l := b[512*sector:][:512]
	if f != nil {
		f(l)
		sum(l, labelCRC, labelContent)
	}
	return b
}

func TestUUID(t *testing.T) {
	const plain, dashed = "k3Vq5taaaa000011112222333Xb0Cd1!", "k3Vq5t-aaaa-0000-1111-2222-333X-b0Cd1!"
	for _, text := range []string{plain, dashed} {
		u, err := ParseUUID(text)
		if err != nil || string(u[:]) != plain || u.String() != dashed {
			t.Errorf("%s: %v, %v", text, u, err)
		}
	}
	for _, text := range []string{"", plain[1:], plain + "a", dashed + "-", "-" + plain, strings.Replace(plain, "a", "-", 1), strings.Replace(dashed, "a", "/", 1),
		"k3Vq5-taaaa-0000-1111-2222-333X-b0Cd1!", strings.Repeat("-", 38), strings.Repeat("é", 16)} {
		if u, err := ParseUUID(text); !errors.Is(err, ErrMalformed) || u != (UUID{}) {
			t.Errorf("%q: %v, %v", text, u, err)
		}
	}
}

func TestDecodeLabel(t *testing.T) {
	second := func(f func(b []byte)) []byte {
		b := head(1, nil)
		copy(b[512*3:], head(3, nil)[512*3:][:512])
		f(b)
		return b
	}
	cases := map[string]struct {
		head   []byte
		sector int
		err    error
	}{
		"sector 1":            {head(1, nil), 1, nil},
		"sector 0":            {append(head(1, nil)[:0:0], headAt0()...), 0, nil},
		"sector 3":            {head(3, nil), 3, nil},
		"beyond":              {append(make([]byte, 2048), head(1, nil)[512:]...), 0, ErrNoLabel},
		"no label":            {make([]byte, 4096), 0, ErrNoLabel},
		"nothing":             {nil, 0, ErrNoLabel},
		"cut short":           {head(1, nil)[:1023], 0, ErrNoLabel},
		"checksum":            {func() []byte { b := head(1, nil); b[1000]++; return b }(), 0, ErrChecksum},
		"the first counts":    {second(func([]byte) {}), 1, nil},
		"the first is bad":    {second(func(b []byte) { b[600]++ }), 3, nil},
		"copied":              {append(make([]byte, 512), head(1, nil)[:2048]...), 0, ErrMalformed},
		"LVM1":                {head(1, func(l []byte) { copy(l[24:], "LVM1 001") }), 0, ErrMalformed},
		"content before":      {head(1, func(l []byte) { l[20] = 31 }), 0, ErrMalformed},
		"content behind":      {head(1, func(l []byte) { l[21] = 255 }), 0, ErrMalformed},
		"content at the end":  {head(1, func(l []byte) { l[20], l[21] = 0xf0, 1 }), 0, ErrMalformed},
		"UUID":                {head(1, func(l []byte) { l[40] = 0 }), 0, ErrMalformed},
		"data without end":    {head(1, func(l []byte) { fill(l[72:]) }), 0, ErrMalformed},
		"areas without end":   {head(1, func(l []byte) { fill(l[104:]) }), 0, ErrMalformed},
		"no extension at all": {head(1, func(l []byte) { fill(l[104:]); clear(l[488:]) }), 1, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l, err := DecodeLabel(c.head)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || (l == nil) != (err != nil) {
				t.Fatalf("%+v, %v", l, err)
			}
			if l != nil && (l.Sector != c.sector || string(l.UUID[:2]) != "pv" || l.DeviceSize != 4096) {
				t.Errorf("%+v", l)
			}
		})
	}
}

// headAt0 is a volume with its label in sector 0.
func headAt0() []byte {
	b := head(1, func(l []byte) { l[8] = 0 })
	return append(b[512:1024:1024], make([]byte, 2048)...)
}

// fill leaves no end in a list.
func fill(b []byte) {
	for i := range b {
		b[i] = 1
	}
}

// All fields of the header, and an extension that is newer than what we know.
func TestDecodeHeader(t *testing.T) {
	d := lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 1 << 20, Areas: []lvmtest.Area{{Start: 4096, Size: 8192}, {Start: 1<<20 - 8192, Size: 8192}}}
	b := d.Image()
	l, err := DecodeLabel(b)
	if err != nil {
		t.Fatal(err)
	}
	want := &Label{Sector: 1, UUID: l.UUID, DeviceSize: 1 << 20, Data: []Extent{{1 << 20, 0}}, Areas: []Extent{{4096, 8192}, {1<<20 - 8192, 8192}}, ExtensionVersion: 2, Flags: FlagUsed}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b[512+72+16*2+16*3] = 9
	sum(b[512:], labelCRC, labelContent)
	want.ExtensionVersion = 9
	if l, err = DecodeLabel(b); err != nil || !cmp.Equal(want, l) {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestPartitioned(t *testing.T) {
	table := func(f func(b []byte)) []byte {
		b := make([]byte, 512)
		b[510], b[511], b[446], b[446+12] = 0x55, 0xaa, 0x80, 1
		f(b)
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"table":          {table(func([]byte) {}), true},
		"4th partition":  {table(func(b []byte) { b[446+12] = 0; b[446+48+15] = 1 }), true},
		"no partition":   {table(func(b []byte) { b[446+12] = 0 }), false},
		"no magic":       {table(func(b []byte) { b[510] = 0 }), false},
		"boot indicator": {table(func(b []byte) { b[446+16] = 7 }), false},
		"short":          {make([]byte, 511), false},
	} {
		if got := Partitioned(c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDecodeArea(t *testing.T) {
	area := func(f func(b []byte)) []byte {
		b := lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 16384, Areas: []lvmtest.Area{{Start: 4096, Size: 8192, Text: strings.Repeat("x", 999), Offset: 7680}}}.Image()[4096:][:512]
		f(b)
		return sum(b, 0, 4)
	}
	put := func(at int, v uint64) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint64(b[at:], v) }
	}
	cases := map[string]struct {
		b      []byte
		pieces []Extent
		err    error
	}{
		"two pieces":      {area(func([]byte) {}), []Extent{{4096 + 7680, 512}, {4096 + 512, 488}}, nil},
		"one piece":       {area(put(48, 512)), []Extent{{4096 + 7680, 512}}, nil},
		"all of the ring": {area(put(48, 8192-512)), []Extent{{4096 + 7680, 512}, {4096 + 512, 8192 - 1024}}, nil},
		"no text":         {area(put(40, 0)), nil, nil},
		"ignored":         {area(func(b []byte) { b[60] = 1; put(40, 1<<60)(b) }), nil, nil},
		"checksum":        {func() []byte { b := area(func([]byte) {}); b[511]++; return b }(), nil, ErrChecksum},
		"zeros":           {make([]byte, 512), nil, ErrChecksum},
		"magic":           {area(func(b []byte) { b[4]++ }), nil, ErrMalformed},
		"version":         {area(func(b []byte) { b[20]++ }), nil, ErrMalformed},
		"elsewhere":       {area(put(24, 8192)), nil, ErrMalformed},
		"no ring":         {area(put(32, 512)), nil, ErrMalformed},
		"huge":            {area(put(32, 1<<63)), nil, ErrMalformed},
		"in the header":   {area(put(40, 511)), nil, ErrMalformed},
		"behind the ring": {area(put(40, 8192)), nil, ErrMalformed},
		"text too large":  {area(put(48, 8192-511)), nil, ErrMalformed},
		"text of 2^64":    {area(put(48, 1<<64-1)), nil, ErrMalformed},
		"text of 0":       {area(put(48, 0)), nil, ErrMalformed},
		"not read":        {area(func(b []byte) { put(32, 1<<40)(b); put(48, MaxText+1)(b) }), nil, ErrTooLarge},
		"short":           {make([]byte, 511), nil, ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, err := DecodeArea(c.b, 4096)
			var fe *FormatError
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || err != nil && (a != nil || !errors.As(err, &fe) || fe.Part != PartArea) {
				t.Fatalf("%+v, %v", a, err)
			}
			if err == nil {
				if diff := cmp.Diff(c.pieces, a.Pieces()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// counted counts what is read.
type counted struct {
	r     io.ReaderAt
	reads []Extent
	// before is done before the nth read.
	before func(n int)
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads = append(c.reads, Extent{uint64(off), uint64(len(p))})
	if c.before != nil {
		c.before(len(c.reads))
	}
	return c.r.ReadAt(p, off)
}

// The reads that a device costs, and what is made of its areas.
func TestRead(t *testing.T) {
	const mib = 1 << 20
	text := lvmtest.Group{Name: "vg1", UUID: lvmtest.UUID("vg"), Seqno: 2, Members: []lvmtest.Member{{UUID: lvmtest.UUID("pv"), Hint: "/dev/sda"}}}.Text()
	long := strings.Replace(text, "seqno = 2", "seqno = 3", 1) + strings.Repeat("# nothing\n", 5000)
	usual := func(text string, at int) lvmtest.Area {
		return lvmtest.Area{Start: 4096, Size: mib - 4096, Text: text, Offset: at}
	}
	last := lvmtest.Area{Start: 7 * mib, Size: mib, Text: text, Offset: 512}
	ignored := usual(text, 512)
	ignored.Ignored = true
	n := uint64(len(text) + 1)
	for name, c := range map[string]struct {
		areas  []lvmtest.Area
		texts  []string
		reads  []Extent
		damage error
		f      func(b []byte)
		empty  bool
	}{
		"no area":         {reads: nil},
		"orphan":          {areas: []lvmtest.Area{usual("", 0)}, empty: true},
		"new group":       {areas: []lvmtest.Area{usual(text, 512)}, texts: []string{text}, reads: nil},
		"older group":     {areas: []lvmtest.Area{usual(text, 20480)}, texts: []string{text}, reads: []Extent{{24576, n}}},
		"over the end":    {areas: []lvmtest.Area{usual(long, mib-4096-512)}, texts: []string{long}, reads: []Extent{{mib - 512, 512}, {4608, uint64(len(long)) + 1 - 512}}},
		"two areas":       {areas: []lvmtest.Area{usual(text, 512), last}, texts: []string{text}, reads: []Extent{{7 * mib, 512}, {7*mib + 512, n}}},
		"two texts":       {areas: []lvmtest.Area{usual(long, 512), last}, texts: []string{long, text}, reads: []Extent{{4608, uint64(len(long)) + 1}, {7 * mib, 512}, {7*mib + 512, n}}},
		"ignored":         {areas: []lvmtest.Area{ignored, last}, texts: []string{text}, reads: []Extent{{7 * mib, 512}, {7*mib + 512, n}}},
		"ignored alone":   {areas: []lvmtest.Area{ignored}},
		"damaged header":  {areas: []lvmtest.Area{usual(text, 512), last}, f: func(b []byte) { b[4096+70]++ }, texts: []string{text}, damage: ErrChecksum, reads: []Extent{{4096, 512}, {7 * mib, 512}, {7*mib + 512, n}}},
		"damaged text":    {areas: []lvmtest.Area{usual(text, 512)}, f: func(b []byte) { b[4608]++ }, damage: ErrChecksum, reads: []Extent{{4096, 512}, {4608, n}}},
		"two, one empty":  {areas: []lvmtest.Area{usual("", 0), last}, texts: []string{text}, empty: true, reads: []Extent{{7 * mib, 512}, {7*mib + 512, n}}},
		"too many":        {areas: []lvmtest.Area{usual(text, 512), last, last}, texts: []string{text}, damage: ErrMalformed, reads: []Extent{{7 * mib, 512}, {7*mib + 512, n}}},
		"area beyond":     {areas: []lvmtest.Area{last}, f: func(b []byte) { b[512+72+32+6] = 1; sum(b[512:], labelCRC, labelContent) }, damage: ErrMalformed},
		"area at the end": {areas: []lvmtest.Area{last}, f: func(b []byte) { b[512+72+32+2] = 0x80; sum(b[512:], labelCRC, labelContent) }, damage: ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			b := lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 8 * mib, Areas: c.areas}.Image()
			if c.f != nil {
				c.f(b)
			}
			r := &counted{r: bytes.NewReader(b)}
			reader := NewReader()
			v, err := reader.Read(r, int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			var want []*Group
			for _, text := range c.texts {
				g, err := reader.ParseGroup(text)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, g)
			}
			if !slices.EqualFunc(want, v.Groups, (*Group).Same) || v.Empty != c.empty {
				t.Errorf("groups %+v, empty: %v; want %+v, %v", v.Groups, v.Empty, want, c.empty)
			}
			if diff := cmp.Diff(append([]Extent{{0, HeadSize}}, c.reads...), r.reads); diff != "" {
				t.Errorf("reads (-want +got):\n%s", diff)
			}
			if (c.damage != nil) != (len(v.Damage) > 0) || c.damage != nil && !errors.Is(v.Damage[0], c.damage) {
				t.Errorf("damage %v", v.Damage)
			}
		})
	}
}

// A group that is changed between the reads of header and text is read again.
func TestReadAgain(t *testing.T) {
	disk := func(text string, at int) []byte {
		return lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 1 << 20, Areas: []lvmtest.Area{{Start: 4096, Size: 1<<20 - 4096, Text: text, Offset: at}}}.Image()
	}
	seqno := func(n int) string {
		g := group()
		g.Seqno = n
		return g.Text()
	}
	b := disk(seqno(1), 8192)
	r := &counted{r: bytes.NewReader(b)}
	r.before = func(n int) {
		if n == 2 {
			copy(b, disk(seqno(2), 9728))
		}
	}
	v, err := NewReader().Read(r, int64(len(b)))
	if err != nil || len(v.Groups) != 1 || v.Groups[0].Seqno != 2 || v.Damage != nil || len(r.reads) != 4 {
		t.Errorf("%+v, %v, %v", v, err, r.reads)
	}
}

// Devices of odd sizes and ones that fail.
func TestReadFails(t *testing.T) {
	image := lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 3072}.Image()
	if v, err := NewReader().Read(bytes.NewReader(image), 3072); err != nil || v.Label.UUID.String()[:2] != "pv" {
		t.Errorf("a small device: %+v, %v", v, err)
	}
	for size, want := range map[int64]error{0: ErrNoLabel, -1: ErrNoLabel, 1000: ErrNoLabel} {
		if v, err := NewReader().Read(bytes.NewReader(image), size); v != nil || !errors.Is(err, want) {
			t.Errorf("%d bytes: %+v, %v", size, v, err)
		}
	}
	broken := errors.New("broken")
	if v, err := NewReader().Read(failing{broken}, 1<<20); v != nil || !errors.Is(err, broken) {
		t.Errorf("%+v, %v", v, err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }
