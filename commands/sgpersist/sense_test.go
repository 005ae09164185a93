package sgpersist

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// textCase is a call of the library and what sg3_utils 1.48 gives.
type textCase struct {
	call string
	arg  []byte
	want string
}

// readCases reads "> call hexbytes", the lines that come of it, and "~" where
// the last of them has no newline.
func readCases(tb testing.TB, file string) []textCase {
	tb.Helper()
	golden, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var cases []textCase
	for line := range strings.Lines(string(golden)) {
		if head, ok := strings.CutPrefix(line, "> "); ok {
			call, arg, _ := strings.Cut(strings.TrimSpace(head), " ")
			b, err := hex.DecodeString(arg)
			if err != nil {
				tb.Fatalf("%s: %v", head, err)
			}
			cases = append(cases, textCase{call: call, arg: b})
			continue
		}
		c := &cases[len(cases)-1]
		if line == "~\n" {
			c.want = strings.TrimSuffix(c.want, "\n")
		} else {
			c.want += line
		}
	}
	if len(cases) < 100 {
		tb.Errorf("%s: only %d cases", file, len(cases))
	}
	return cases
}

func TestSenseText(t *testing.T) {
	for _, c := range readCases(t, "testdata/sense.txt") {
		if got := senseText(c.arg, c.call == "sense-raw"); got != c.want {
			t.Errorf("%s %x:\n%s\nwant\n%s", c.call, c.arg, got, c.want)
		}
	}
}

// TestSenseTextShort has data that is shorter than it says, where the library
// reads on behind it.
func TestSenseTextShort(t *testing.T) {
	tests := []struct {
		name, sense, want string
		raw               bool
	}{
		{name: "raw", sense: "700005000000000a0000", raw: true,
			want: "Fixed format, current; Sense key: Illegal Request\n" +
				" Raw sense data (in hex), sb_len=10, calculated_len=18\n" +
				"        70 00 05 00 00 00 00 0a  00 00\n"},
		{name: "designator cut", sense: "72062500000000100e0e000101030008500011",
			want: "Descriptor format, current; Sense key: Unit Attention\n" +
				"Additional sense: Logical unit not supported\n" +
				"  Descriptor type: Device designation\n" +
				"    Usage reason: resend this and further commands to:\n" +
				"  designator too long: says it is 8 bytes, but given 3 bytes\n"},
		{name: "designation without a byte", sense: "72062500000000010e",
			want: "Descriptor format, current; Sense key: Unit Attention\n" +
				"Additional sense: Logical unit not supported\n" +
				"  Descriptor type: Device designation\n" +
				"    Usage reason: Unknown\n" +
				"  designator desc too short: got length of -2 want 4 or more\n" +
				"    short descriptor\n"},
		{name: "vendor id cut", sense: "720625000000000c0e0a0001020100041b5b326a",
			want: "Descriptor format, current; Sense key: Unit Attention\n" +
				"Additional sense: Logical unit not supported\n" +
				"  Descriptor type: Device designation\n" +
				"    Usage reason: resend this and further commands to:\n" +
				"    Addressed logical unit:\n" +
				"      designator type: T10 vendor identification,  code set: ASCII\n" +
				"        vendor id: ?[2j\n"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			sense, err := hex.DecodeString(c.sense)
			if err != nil {
				t.Fatal(err)
			}
			if got := senseText(sense, c.raw); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

// TestASCText compares all codes with the library, by one hash.
func TestASCText(t *testing.T) {
	const want = "4c6b618b2f080e4aef4ba61a7a98540ddb91aa52cb78be652262d24ecc8919ba"
	h := sha256.New()
	for code := range 1 << 16 {
		asc, ascq := byte(code>>8), byte(code)
		fmt.Fprintf(h, "%02x/%02x %s\n", asc, ascq, ascText(asc, ascq))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	for _, c := range []struct {
		asc, ascq byte
		want      string
	}{
		{0x00, 0x00, "Additional sense: No additional sense information"},
		{0x2a, 0x03, "Additional sense: Reservations preempted"},
		{0x40, 0x85, "Additional sense: Diagnostic failure on component [0x85]"},
		{0x74, 0x79, "Additional sense: Security conflict in translated device"},
		{0x7f, 0x7f, "ASC=7f, ASCQ=7f (hex)"},
		{0x7f, 0x80, "ASC=7f, vendor specific qualification ASCQ=80 (hex)"},
		{0x80, 0x01, "vendor specific ASC=80, ASCQ=01 (hex)"},
	} {
		if got := ascText(c.asc, c.ascq); got != c.want {
			t.Errorf("%02x/%02x: %q, want %q", c.asc, c.ascq, got, c.want)
		}
	}
}

func TestTransportIDText(t *testing.T) {
	for _, c := range readCases(t, "testdata/ids.txt") {
		lead := ""
		if c.call == "id-lead" {
			lead = "      "
		}
		if got := transportIDText(lead, c.arg); got != c.want {
			t.Errorf("%s %x:\n%swant\n%s", c.call, c.arg, got, c.want)
		}
	}
}

// TestTransportIDTextOdd has what is on purpose not as the library does it.
func TestTransportIDTextOdd(t *testing.T) {
	const (
		short = "Transport Id short or not multiple of 4 [length=%d]:\n"
		whole = "Transport Id of initiator:\n"
	)
	iscsi := func(size byte, name string) string {
		return "\x05\x00\x00" + string(size) + name
	}
	tests := []struct{ name, id, want string }{
		{"FC, one byte", "\x00", fmt.Sprintf(short, 1) + "  FCP-2 World Wide Name:\n"},
		{"FC, cut", "\x00\x00\x00\x00\x00\x00\x00\x00\x50\x01",
			fmt.Sprintf(short, 10) + "  FCP-2 World Wide Name:\n50 01\n"},
		{"SPI, cut", "\x01\x00\x00\x07", fmt.Sprintf(short, 4) +
			"  Parallel SCSI initiator SCSI address: 0x7\n" +
			"  relative port number (of corresponding target): 0x0\n"},
		{"SAS, cut", "\x06\x00\x00\x00\x50\x01\x02", fmt.Sprintf(short, 7) + "  SAS address: 0x500102\n"},
		{"iSCSI, no name", "\x05", fmt.Sprintf(short, 1) + "  iSCSI name: \n"},
		{"iSCSI, longer than all", iscsi(0x40, "iqn.2001-04.org:abcd"), whole + "  iSCSI name: iqn.2001-04.org:abcd\n"},
		{"iSCSI, escape", iscsi(20, "iqn.\x1b[2J\r\n\x9b\xc2\x9b:\xc3\xa9\xff\x00!!"),
			whole + "  iSCSI name: iqn.?[2J????:\u00e9?\n"},
		{"iSCSI, odd format cut", "\x85\x00\x01\x00abc", fmt.Sprintf(short, 7) +
			"  iSCSI   [Unexpected TPID format: 2]\n" +
			fmt.Sprintf("%-52s%-16s\n", "85 00 01 00 61 62 63", "....abc")},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			if got := transportIDText("", []byte(c.id)); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func FuzzSenseText(f *testing.F) {
	for _, c := range readCases(f, "testdata/sense.txt") {
		f.Add(c.arg, c.call == "sense-raw")
	}
	f.Fuzz(func(t *testing.T, sense []byte, raw bool) {
		text := senseText(sense, raw)
		if len(text) < 4095 && !strings.HasSuffix(text, "\n") || len(text) > 4095 {
			t.Errorf("%d bytes, end missing: %q", len(text), text)
		}
		checkPrintable(t, text)
	})
}

func FuzzTransportIDText(f *testing.F) {
	for _, c := range readCases(f, "testdata/ids.txt") {
		f.Add(c.arg)
	}
	f.Fuzz(func(t *testing.T, id []byte) {
		text := transportIDText("  ", id)
		if len(id) > 0 && !strings.HasSuffix(text, "\n") {
			t.Errorf("no newline: %q", text)
		}
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("no lead: %q", line)
			}
		}
		checkPrintable(t, text)
	})
}

// checkPrintable rejects what could steer a terminal.
func checkPrintable(t *testing.T, text string) {
	t.Helper()
	if bytes.ContainsFunc([]byte(text), func(r rune) bool {
		return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0
	}) {
		t.Errorf("control character in %q", text)
	}
}
