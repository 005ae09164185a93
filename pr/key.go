package pr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Key is a reservation key. On the wire it is 8 bytes, big-endian; 0 is not a
// key but the absence of one.
type Key uint64

// ErrBadKey says that a text is no reservation key: not hexadecimal, longer
// than 64 bits, or zero.
var ErrBadKey = errors.New("not a reservation key")

// ParseKey reads a key in hexadecimal, with or without 0x, in either case of
// letters. The error is ErrBadKey with the text.
func ParseKey(text string) (Key, error) {
	digits := text
	if len(digits) > 1 && (strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X")) {
		digits = digits[2:]
	}
	v, err := strconv.ParseUint(digits, 16, 64)
	if err != nil || v == 0 {
		return 0, fmt.Errorf("%q: %w (1 to 16 hexadecimal digits, not zero)", text, ErrBadKey)
	}
	return Key(v), nil
}

// String prints the key as every manual does: 0x and lower-case digits
// without leading zeros.
func (k Key) String() string { return "0x" + strconv.FormatUint(uint64(k), 16) }
