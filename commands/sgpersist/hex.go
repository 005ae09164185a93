package sgpersist

import (
	"fmt"
	"strings"
)

// hexMode is a form of hex dump, 16 bytes a line with a gap in the middle.
type hexMode uint8

// The forms, with the library calls that make them. hex2stderr makes what
// hex2stdout does, and no call but hex2str has a leadin.
const (
	hexBytes       hexMode = iota // hex2str(..., 1 or -1, ...), hex2stdout(b, n, -1): bytes only
	hexBytesASCII                 // hex2str(..., 0, ...): bytes and ASCII, padded to full width
	hexOffset                     // hex2stdout(b, n, 1): offset and bytes
	hexOffsetASCII                // hex2stdout(b, n, 0): offset, bytes and ASCII, not padded
)

// hexLines dumps data with lead before each line; no data, no lines.
func hexLines(data []byte, lead string, mode hexMode) string {
	const perLine = 16
	var b strings.Builder
	for at := 0; at < len(data); at += perLine {
		row := data[at:min(at+perLine, len(data))]
		b.WriteString(lead)
		switch mode {
		case hexBytes:
			b.WriteString(hexRow(row))
		case hexBytesASCII:
			fmt.Fprintf(&b, "%-52s%-16s", hexRow(row), asciiRow(row))
		case hexOffset:
			fmt.Fprintf(&b, " %-7.2x%s", at, hexRow(row))
		case hexOffsetASCII:
			fmt.Fprintf(&b, " %-7.2x%-52s%s", at, hexRow(row), asciiRow(row))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// hexRow gives the bytes of one line.
func hexRow(row []byte) string {
	if len(row) > 8 {
		return fmt.Sprintf("% x  % x", row[:8], row[8:])
	}
	return fmt.Sprintf("% x", row)
}

// asciiRow shows what is printable in any locale and a dot for the rest.
func asciiRow(row []byte) string {
	text := make([]byte, len(row))
	for i, c := range row {
		if c < ' ' || c > '~' {
			c = '.'
		}
		text[i] = c
	}
	return string(text)
}
