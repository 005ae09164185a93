package sgpersist

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"lunguard/cluster/ownfile"
	"lunguard/scsi"
)

// Limits of the original: how many TransportIDs it has room for, and how long
// one may be.
const (
	maxTransportIDs = 31
	transportIDSlot = 256
	minTransportID  = 24
	// maxISCSIField is the longest iSCSI name with its padding, SAM-5 annex A.
	maxISCSIField = 241
	maxFileLines  = 512
	// maxFile is ours: that many lines, and long comments.
	maxFile = 1 << 20
)

// setTransportIDs reads the value of --transport-id: one TransportID, - for
// those on standard input, or file=NAME.
func (o *Options) setTransportIDs(text string) error {
	o.outParameters++
	ids, err := o.readTransportIDs(text)
	if err != nil {
		return fmt.Errorf("%w\nbad argument to '--transport-id'", err)
	}
	o.transportIDs = ids
	return nil
}

func (o *Options) readTransportIDs(text string) ([]scsi.TransportID, error) {
	switch {
	case strings.HasPrefix(text, "-"):
		return transportIDFile(o.In)
	case strings.HasPrefix(text, "file="), strings.HasPrefix(text, "FILE="):
		list, err := ownfile.Read(o.Ctx, text[5:], maxFile)
		if err != nil {
			return nil, fmt.Errorf("decode_file_tids: unable to open %s", text[5:])
		}
		return transportIDFile(bytes.NewReader(list))
	}
	id, err := symbolic(text)
	if err != nil {
		var hexErr error
		if id, hexErr = hexArgument(text); hexErr != nil {
			return nil, fmt.Errorf("%w\n%w", err, hexErr)
		}
	}
	return []scsi.TransportID{id}, nil
}

// transportIDFile reads one TransportID a line; blank lines and what follows
// a # do not count.
func transportIDFile(r io.Reader) ([]scsi.TransportID, error) {
	var ids []scsi.TransportID
	lines := bufio.NewScanner(r)
	for number := 1; number <= maxFileLines && lines.Scan(); number++ {
		line := lines.Text()
		text := strings.TrimLeft(line, " \t")
		if text == "" || text[0] == '#' {
			continue
		}
		text, _, _ = strings.Cut(text, "#")
		id, err := symbolic(strings.TrimRight(text, " \t"))
		if err != nil {
			at := place{line: number, column: len(line) - len(strings.TrimLeft(line, " \t"))}
			var hexErr error
			if id, hexErr = hexLine(text, at); hexErr != nil {
				return nil, fmt.Errorf("%w\n%w", err, hexErr)
			}
		}
		if len(ids) == maxTransportIDs {
			return nil, errors.New("decode_file_tids: array length exceeded")
		}
		ids = append(ids, id)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("decode_file_tids: %w", err)
	}
	return ids, nil
}

// symbolic reads a TransportID by the names of its transport. The error is
// what is printed.
func symbolic(text string) (scsi.TransportID, error) {
	lead, rest, comma := strings.Cut(text, ",")
	if comma && (lead == strings.ToUpper(lead) || lead == strings.ToLower(lead)) {
		id, known, err := byTransport(strings.ToLower(lead), rest)
		if err != nil {
			err = fmt.Errorf("badly formed symbolic %s TransportID: %s", strings.ToUpper(lead), rest)
		}
		if known {
			return id, err
		}
	}
	for _, prefix := range []string{"iqn.", "eui.", "naa."} {
		if strings.HasPrefix(text, prefix) {
			return iscsi(text)
		}
	}
	return scsi.TransportID{}, fmt.Errorf("unable to parse symbolic TransportID: %s", text)
}

// byTransport reads what follows the name of a transport, if it is known.
func byTransport(lead, rest string) (id scsi.TransportID, known bool, err error) {
	var b []byte
	switch lead {
	case "sas", "fcp", "sbp":
		if b, err = hexDigits(rest, 16); err != nil {
			return id, true, err
		}
		n := binary.BigEndian.Uint64(b)
		switch lead {
		case "sas":
			return scsi.SASTransportID(n), true, nil
		case "fcp":
			return scsi.FCTransportID(n), true, nil
		}
		return scsi.SBP2TransportID(n), true, nil
	case "srp":
		if b, err = hexDigits(rest, 32); err != nil {
			return id, true, err
		}
		return scsi.SRPTransportID([16]byte(b)), true, nil
	case "spi":
		address, port, _ := strings.Cut(rest, ",")
		a, err1 := strconv.ParseUint(address, 10, 16)
		p, err2 := strconv.ParseUint(port, 10, 16)
		return scsi.SPITransportID(uint16(a), uint16(p)), true, errors.Join(err1, err2)
	case "sop":
		n, err := hexNumber(rest, 16)
		return scsi.SOPTransportID(uint16(n)), true, err
	}
	return id, false, nil
}

// hexDigits reads so many hexadecimal digits, no more and no fewer.
func hexDigits(text string, n int) ([]byte, error) {
	if len(text) != n {
		return nil, strconv.ErrSyntax
	}
	return hex.DecodeString(text)
}

// iscsi makes a TransportID of an iSCSI name, which is a port if an ISID
// stands behind it.
func iscsi(text string) (scsi.TransportID, error) {
	if at := strings.IndexAny(text, " \t"); at >= 0 {
		text = text[:at]
	}
	field := max(minTransportID-4, (len(text)+1+3)&^3)
	if field > maxISCSIField {
		return scsi.TransportID{}, fmt.Errorf("iSCSI name too long, alen=%d", field)
	}
	b := make([]byte, 4+field)
	b[0] = byte(scsi.ProtocolISCSI)
	if strings.Contains(text, ",i,0x") {
		b[0] |= 0x40
	}
	b[3] = byte(field)
	copy(b[4:], text)
	return scsi.RawTransportID(b), nil
}

// place is where a TransportID stands in a file.
type place struct{ line, column int }

// hexLine reads the bytes of a TransportID from a line of a file.
func hexLine(text string, at place) (scsi.TransportID, error) {
	const allowed = "0123456789aAbBcCdDeEfF ,\t"
	if good := len(text) - len(strings.TrimLeft(text, allowed)); good < len(text) {
		return scsi.TransportID{}, fmt.Errorf("decode_file_tids: syntax error at line %d, pos %d", at.line, at.column+good+1)
	}
	b, bad, err := splitHex(text, true)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return scsi.TransportID{}, fmt.Errorf("decode_file_tids: hex number larger than 0xff in line %d, pos %d", at.line, at.column+bad+1)
	case err != nil:
		return scsi.TransportID{}, fmt.Errorf("decode_file_tids: error in line %d, at pos %d", at.line, at.column+bad+1)
	}
	return padded(b)
}

// hexArgument reads the bytes of a TransportID from the command line.
func hexArgument(text string) (scsi.TransportID, error) {
	const allowed = "0123456789aAbBcCdDeEfF, "
	if good := len(text) - len(strings.TrimLeft(text, allowed)); good < len(text) {
		return scsi.TransportID{}, fmt.Errorf("build_transportid: error at pos %d", good+1)
	}
	b, bad, err := splitHex(text, false)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return scsi.TransportID{}, fmt.Errorf("build_transportid: hex number larger than 0xff at pos %d", bad+1)
	case err != nil:
		return scsi.TransportID{}, fmt.Errorf("build_transportid: error at pos %d", bad+1)
	}
	return padded(b)
}

// splitHex reads hexadecimal bytes. On the command line one comma divides two
// of them, or blanks do; in a file any number of commas and blanks, which may
// end the text, too. bad is where the first that is none begins.
func splitHex(text string, file bool) (b []byte, bad int, err error) {
	const blanks = " \t"
	for at := 0; ; {
		start := at + len(text[at:]) - len(strings.TrimLeft(text[at:], blanks))
		end := start + strings.IndexAny(text[start:]+",", ","+blanks)
		n, err := strconv.ParseUint(text[start:end], 16, 8)
		if err != nil {
			return nil, at, err
		}
		b = append(b, byte(n))
		rest := strings.TrimLeft(text[end:], blanks)
		if file {
			rest = strings.TrimLeft(rest, ","+blanks)
		}
		if rest == "" {
			return b, 0, nil
		}
		at = len(text) - len(strings.TrimPrefix(rest, ","))
	}
}

// padded makes a TransportID of bytes, as long as its protocol wants it.
func padded(b []byte) (scsi.TransportID, error) {
	n := minTransportID
	if len(b) > 3 && scsi.Protocol(b[0]&0x0f) == scsi.ProtocolISCSI {
		n = max(n, 4+int(binary.BigEndian.Uint16(b[2:])))
	}
	if n > transportIDSlot || len(b) > transportIDSlot {
		return scsi.TransportID{}, errors.New("build_transportid: array length exceeded")
	}
	whole := make([]byte, n)
	copy(whole, b)
	return scsi.RawTransportID(whole), nil
}
