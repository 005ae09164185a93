package sgpersist

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestHexLines compares with what sg3_utils 1.48 prints: "> call length lead"
// and the lines, or "# call length lead hash" where they are many.
func TestHexLines(t *testing.T) {
	calls := map[string]hexMode{
		"out0": hexOffsetASCII, "err0": hexOffsetASCII, "out1": hexOffset,
		"out-1": hexBytes, "err-1": hexBytes,
		"str0": hexBytesASCII, "str1": hexBytes, "str-1": hexBytes,
	}
	golden, err := os.ReadFile("testdata/hex.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	var want strings.Builder
	var ask, hash string
	check := func() {
		if ask == "" {
			return
		}
		var call, lead string
		var n int
		if _, err := fmt.Sscanf(ask, "%s %d %q", &call, &n, &lead); err != nil {
			t.Fatalf("%q: %v", ask, err)
		}
		mode, ok := calls[call]
		if !ok {
			t.Fatalf("%q: no such call", ask)
		}
		got := hexLines(testBytes(n), lead, mode)
		if hash != "" {
			if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(got))); !strings.HasPrefix(sum, hash) {
				t.Errorf("%s: hash %s, want %s", ask, sum, hash)
			}
		} else if got != want.String() {
			t.Errorf("%s:\n%swant\n%s", ask, got, want.String())
		}
		cases++
	}
	for line := range strings.Lines(string(golden)) {
		switch {
		case strings.HasPrefix(line, "> "):
			check()
			ask, hash = line[2:], ""
			want.Reset()
		case strings.HasPrefix(line, "# "):
			check()
			at := strings.LastIndexByte(line, ' ')
			ask, hash = line[2:at], strings.TrimSpace(line[at:])
		default:
			want.WriteString(line)
		}
	}
	check()
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
}

// testBytes is what the goldens were made of.
func testBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i/256)
	}
	return b
}
