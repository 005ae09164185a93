package hung

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	var wire bytes.Buffer
	wire.WriteString("\r\n[   12.3] a kernel's noise\n")
	line := NewLine(&wire)
	sent := Request{ID: 7, Op: OpRun, Args: []string{"printf", "a\nb\r\x00"}, Rings: []Ring{{LUN: 1, Index: 2}}}
	if err := line.Send(sent); err != nil {
		t.Fatal(err)
	}
	var got Request
	if err := line.Receive(&got); err != nil || !reflect.DeepEqual(got, sent) {
		t.Errorf("received %+v, %v; sent %+v", got, err, sent)
	}
	wire.WriteString(prefix + "{\"ID\": 8, half a li\n")
	if err := line.Receive(&got); err == nil || !strings.Contains(err.Error(), "half a li") {
		t.Errorf("a damaged line: %v", err)
	}
	if err := line.Receive(&got); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the line: %v", err)
	}
}

func TestBlock(t *testing.T) {
	data := make([]byte, BlockSize)
	if got := Decode(data); got != (Block{}) {
		t.Errorf("zeros: %+v", got)
	}
	for _, want := range []Block{{Counter, 3, 1 << 40}, {Pattern, 20, 15}} {
		want.Encode(data)
		if got := Decode(data); got != want {
			t.Errorf("decoded %+v, encoded %+v", got, want)
		}
	}
	for _, at := range []int{0, 8, 31, 512, BlockSize - 1} {
		torn := bytes.Clone(data)
		torn[at] ^= 1
		if got := Decode(torn); got.Kind != Torn {
			t.Errorf("byte %d changed: %+v", at, got)
		}
	}
	for i := range data {
		data[i] = 0xaa
	}
	if got := Decode(data); got.Kind != Torn {
		t.Errorf("foreign data: %+v", got)
	}
}

func TestRingsDoNotOverlap(t *testing.T) {
	if a, b := (Ring{0, 1}).Offset(RingBlocks-1), (Ring{0, 2}).Offset(0); b-a != BlockSize {
		t.Errorf("ring 1 ends with the block at %d, ring 2 begins at %d", a, b)
	}
}

// written is a ring of a counter after it has written up to a number.
func written(round uint32, last uint64) []Block {
	blocks := PatternBlocks(round - 1)
	for n := uint64(1); n <= last; n++ {
		blocks[n%RingBlocks] = Block{Counter, round, n}
	}
	return blocks
}

func TestCheckLog(t *testing.T) {
	for _, last := range []uint64{1, 2, RingBlocks - 1, RingBlocks, RingBlocks + 1, 1000} {
		for _, acked := range []uint64{last, last - 1} {
			if got, err := CheckLog(written(4, last), 4, acked); got != last || err != nil {
				t.Errorf("%d written, %d acknowledged: %d, %v", last, acked, got, err)
			}
		}
		for _, acked := range []uint64{last + 1, last - 2} {
			if _, err := CheckLog(written(4, last), 4, acked); err == nil {
				t.Errorf("%d written, %d acknowledged: no error", last, acked)
			}
		}
	}
	for name, damage := range map[string]Block{
		"torn":        {Kind: Torn},
		"old number":  {Counter, 4, 100 - 2*RingBlocks + 3},
		"lost":        {Pattern, 3, 7},
		"other round": {Counter, 2, 93},
	} {
		blocks := written(4, 100)
		blocks[7] = damage
		if _, err := CheckLog(blocks, 4, 100); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	if err := CheckPattern(PatternBlocks(9), 9); err != nil {
		t.Error(err)
	}
	late := PatternBlocks(9)
	late[3] = Block{Counter, 9, 19}
	for name, blocks := range map[string][]Block{"late write": late, "old round": PatternBlocks(8), "nothing": nil} {
		if err := CheckPattern(blocks, 9); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
