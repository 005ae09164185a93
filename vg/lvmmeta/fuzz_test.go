package lvmmeta

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"

	"lunguard/vg/lvmmeta/lvmtest"
)

// known fails unless the error is of a class of this package.
func known(t *testing.T, err error) {
	t.Helper()
	var fe *FormatError
	if !errors.As(err, &fe) || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
		t.Fatalf("error of another class: %v", err)
	}
	safeText(t, err.Error())
}

// safeText fails unless the text can go to a terminal.
func safeText(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if !unicode.IsPrint(r) {
			t.Fatalf("%q in %q", r, text)
		}
	}
	if len(text) > 2000 {
		t.Fatalf("%d bytes of text", len(text))
	}
}

// FuzzLabel changes a label and makes its checksum right again: the first byte
// chooses whether.
func FuzzLabel(f *testing.F) {
	f.Add(byte(1), head(1, nil)[512:1024])
	f.Add(byte(0), head(1, nil)[512:1024])
	f.Add(byte(1), headAt0()[:512])
	f.Fuzz(func(t *testing.T, sector byte, b []byte) {
		device := make([]byte, LabelSize)
		n := int(sector % labelSectors)
		copy(device[512*n:][:512], b)
		if sector < 128 {
			l := device[512*n:][:512]
			copy(l, "LABELONE")
			sum(l, labelCRC, labelContent)
		}
		checkLabel(t, device)
		checkLabel(t, b)
	})
}

func checkLabel(t *testing.T, b []byte) {
	t.Helper()
	l, err := DecodeLabel(b)
	if err != nil {
		if l != nil {
			t.Fatalf("%+v with %v", l, err)
		}
		if !errors.Is(err, ErrNoLabel) {
			known(t, err)
		}
		return
	}
	safeText(t, l.UUID.String())
	for _, list := range [][]Extent{l.Data, l.Areas} {
		for _, e := range list {
			if e.Offset == 0 {
				t.Fatalf("%+v", l)
			}
		}
	}
	if u, err := ParseUUID(l.UUID.String()); err != nil || u != l.UUID {
		t.Fatalf("%v became %v, %v", l.UUID, u, err)
	}
}

// FuzzHeader is of what lies in a label whose checksum is right.
func FuzzHeader(f *testing.F) {
	f.Add(head(1, nil)[512+32 : 1024])
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeHeader(b[:min(len(b), sectorSize)], 512)
		if err != nil {
			known(t, err)
		}
		if (l == nil) != (err != nil) || l != nil && (len(l.Data) > 32 || len(l.Areas) > 32) {
			t.Fatalf("%+v, %v", l, err)
		}
	})
}

// FuzzArea is of headers whose checksum is right, and others.
func FuzzArea(f *testing.F) {
	b := lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 16384, Areas: []lvmtest.Area{{Start: 4096, Size: 8192, Text: strings.Repeat("x", 999), Offset: 7680}}}.Image()
	f.Add(b[4096:][:512], uint64(4096), true)
	f.Add(b[4096:][:512], uint64(4096), false)
	f.Add(b[:512], uint64(1<<63), true)
	f.Fuzz(func(t *testing.T, b []byte, start uint64, right bool) {
		if right && len(b) >= 512 {
			b = sum(bytes.Clone(b[:512]), 0, 4)
		}
		a, err := DecodeArea(b, start)
		if err != nil {
			if a != nil {
				t.Fatalf("%+v with %v", a, err)
			}
			known(t, err)
			return
		}
		var all uint64
		for _, e := range a.Pieces() {
			if e.Offset < a.Start+AreaHeaderSize || e.Size == 0 || e.Size > MaxText || e.Offset+e.Size > a.Start+a.Size {
				t.Fatalf("%+v in %+v", e, a)
			}
			all += e.Size
		}
		if a.Text != nil && !a.Text.Ignored && all != a.Text.Size {
			t.Fatalf("%d bytes of %+v", all, a.Text)
		}
	})
}

// FuzzText is of the text that a group is read from.
func FuzzText(f *testing.F) {
	f.Add(group().Text())
	f.Add("a { b = [1, \"x\\\"\", 'y' ] } # c\n c = -1.5")
	f.Add("a {\x00}")
	f.Fuzz(func(t *testing.T, text string) {
		top, err := Parse(text)
		if err != nil {
			known(t, err)
		}
		if (top == nil) != (err != nil) {
			t.Fatalf("%+v, %v", top, err)
		}
		g, groupErr := NewReader().ParseGroup(text)
		if groupErr != nil {
			known(t, groupErr)
			if g != nil {
				t.Fatalf("%+v with %v", g, groupErr)
			}
			return
		}
		// What is not kept may be there twice.
		if err != nil && !strings.Contains(err.Error(), "is there twice") && !errors.Is(err, ErrTooLarge) {
			t.Fatalf("%+v out of a text that breaks the format: %v", g, err)
		}
		safeText(t, g.Name+g.UUID.String())
		for _, m := range g.Volumes {
			safeText(t, m.Hint)
		}
	})
}

// FuzzRead is of whole devices: what is read is bounded by what a device may
// cost, whatever it says.
func FuzzRead(f *testing.F) {
	for _, at := range []int{512, 4096, 15872} {
		d := lvmtest.Disk{UUID: lvmtest.UUID("pv"), Size: 32768, Areas: []lvmtest.Area{{Start: 4096, Size: 16384, Text: group().Text(), Offset: at}}}
		f.Add(d.Image(), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, right bool) {
		if right && len(b) >= 1024 {
			b = bytes.Clone(b)
			sum(b[512:], labelCRC, labelContent)
			if len(b) >= 4096+512 {
				sum(b[4096:], 0, 4)
			}
		}
		r := &counted{r: bytes.NewReader(b)}
		v, err := NewReader().Read(r, int64(len(b)))
		if (v == nil) != (err != nil) {
			t.Fatalf("%+v, %v", v, err)
		}
		// Each of two areas may be read twice, in three reads.
		if len(r.reads) > 1+2*6 {
			t.Fatalf("%d reads", len(r.reads))
		}
		if err != nil {
			if !errors.Is(err, ErrNoLabel) {
				known(t, err)
			}
			return
		}
		for _, err := range v.Damage {
			known(t, err)
		}
	})
}
