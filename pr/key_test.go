package pr

import (
	"errors"
	"testing"
)

func TestParseKey(t *testing.T) {
	for text, want := range map[string]Key{
		"1": 1, "0x1": 1, "0X1": 1, "bcb00001": 0xbcb00001, "0xBCB00001": 0xbcb00001,
		"ffffffffffffffff": 1<<64 - 1, "0x000000000000000000ff": 0xff,
	} {
		if got, err := ParseKey(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "0x0", "0x", "x1", "g", "-1", "+1", " 1", "1 ", "1_0", "0x0x1", "10000000000000000", "0b1g", "1\x00"} {
		if got, err := ParseKey(text); !errors.Is(err, ErrBadKey) || got != 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, k := range []Key{1, 0xabc, 1<<64 - 1} {
		if got, err := ParseKey(k.String()); err != nil || got != k {
			t.Errorf("%v: %v, %v", k, got, err)
		}
	}
	if got := Key(0xabc).String(); got != "0xabc" {
		t.Errorf("%q", got)
	}
}
