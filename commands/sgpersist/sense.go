package sgpersist

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"lunguard/scsi"
)

// octets are bytes from a device, which may be fewer than they promise.
type octets []byte

// at gives a byte, 0 if there is none.
func (o octets) at(i int) byte {
	if i < len(o) {
		return o[i]
	}
	return 0
}

// cut gives the n bytes from i on, as far as they exist.
func (o octets) cut(i, n int) octets {
	i = min(i, len(o))
	return o[i:min(i+max(n, 0), len(o))]
}

// number reads n bytes from i on, as far as they exist, big endian.
func (o octets) number(i, n int) uint64 {
	var v uint64
	for _, c := range o.cut(i, n) {
		v = v<<8 | uint64(c)
	}
	return v
}

// text reads a name up to its NUL. What could steer a terminal becomes '?'.
func (o octets) text() string {
	name, _, _ := strings.Cut(string(o), "\x00")
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}

// page collects text.
type page struct{ strings.Builder }

func (p *page) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// cutText shortens text as a C buffer of size bytes does.
func cutText(text string, size int) string { return text[:min(len(text), size-1)] }

// senseText words sense data, and dumps it, too, if raw is set. Unlike the
// library it dumps no more than what came, whatever length the data claims.
func senseText(sense []byte, raw bool) string {
	const librarySize = 4096
	if len(sense) == 0 {
		return " >>> sense buffer empty\n"
	}
	var p page
	code := sense[0] & 0x7f
	switch {
	case code == 0x70 || code == 0x71:
		p.fixedSense(sense)
	case code == 0x72 || code == 0x73:
		p.descriptorSense(sense)
	case len(sense) < 4:
		p.printf("sense buffer too short (4 byte minimum)\n")
	case code == 0x7f:
		p.printf("Vendor specific sense buffer, in hex:\n%s", hexLines(sense, "", hexBytes))
		raw = false
	default:
		p.scsi1Sense(sense)
	}
	if raw {
		p.rawSense(sense)
	}
	return cutText(p.String(), librarySize)
}

// rawSense dumps sense data up to its own length.
func (p *page) rawSense(sense octets) {
	p.printf(" Raw sense data (in hex), sb_len=%d", len(sense))
	n := len(sense)
	if n > 7 && sense[0] >= 0x70 && sense[0] < 0x74 {
		n = int(sense[7]) + 8
		p.printf(", calculated_len=%d", n)
	}
	p.printf("\n%s", hexLines(sense.cut(0, n), "        ", hexBytes))
}

// scsi1Sense writes sense data of no format that SCSI-2 or later knows.
func (p *page) scsi1Sense(sense octets) {
	p.printf("Probably uninitialized data.\n" +
		"  Try to view as SCSI-1 non-extended sense:\n")
	p.printf("  AdValid=%d  Error class=%d  Error code=%d\n",
		sense[0]>>7, sense[0]>>4&0x7, sense[0]&0xf)
	if sense[0]&0x80 != 0 {
		p.printf("  lba=0x%x\n", sense.number(1, 3)&0x1fffff)
	}
	p.printf("\n")
}

// senseHead writes the first lines of both formats.
func (p *page) senseHead(format string, sense octets, key byte, overflow bool) {
	when := "current"
	if sense[0]&1 != 0 {
		when = "<<<deferred>>>"
	}
	p.printf("%s format, %s; Sense key: %s\n", format, when, senseKeyText(key))
	if overflow {
		p.printf("<<<Sense data overflow (SDAT_OVFL)>>>\n")
	}
}

func (p *page) descriptorSense(sense octets) {
	p.senseHead("Descriptor", sense, sense.at(1)&0xf, sense.at(4)&0x80 != 0)
	p.printf("%s\n", ascText(sense.at(2), sense.at(3)))
	p.senseDescriptors(sense)
}

func (p *page) fixedSense(whole octets) {
	sense := whole
	if len(sense) > 7 {
		sense = sense.cut(0, int(sense[7])+8)
	}
	flags := sense.at(2)
	p.senseHead("Fixed", sense, flags&0xf, flags&0x10 != 0)
	if len(sense) < 3 {
		p.printf(" fixed descriptor length too short, len=%d\n", len(sense))
		return
	}
	if len(sense) > 12 {
		p.printf("%s\n", ascText(sense[12], sense.at(13)))
		if sense[12] == 0x00 && sense.at(13) == 0x1d {
			p.fixedATA(sense)
			return
		}
	}
	p.fixedInformation(sense)
	// The library looks one byte behind 14 bytes of sense data for the unit.
	if unit := whole.at(14); len(sense) >= 14 && unit != 0 {
		p.printf("  Field replaceable unit code: %d\n", unit)
	}
	if len(sense) >= 18 && sense[15]&0x80 != 0 {
		p.fixedKeySpecific(sense)
	}
}

// fixedInformation writes the INFORMATION field and the flags of tapes.
func (p *page) fixedInformation(sense octets) {
	valid, flags := sense[0]&0x80 != 0, sense[2]
	var info uint64
	if len(sense) > 6 {
		info = sense.number(3, 4)
		if !valid && info != 0 {
			p.printf("  Valid=0, Info fld=0x%x [%d] ", info, info)
		} else if valid {
			p.printf("  Info fld=0x%x [%d] ", info, info)
		}
	}
	if flags&0x80 != 0 {
		p.printf(" FMK")
	}
	if flags&0x40 != 0 {
		p.printf(" EOM")
	}
	if flags&0x20 != 0 {
		p.printf(" ILI")
	}
	if flags&0xe0 != 0 || valid || info != 0 {
		p.printf("\n")
	}
}

// fixedKeySpecific writes the SENSE KEY SPECIFIC field, which is there.
func (p *page) fixedKeySpecific(sense octets) {
	first, value := sense[15], sense.number(16, 2)
	switch key := scsi.SenseKey(sense[2] & 0xf); key {
	case scsi.IllegalRequest:
		p.printf("  Sense Key Specific: %s\n", fieldPointer(first, value))
	case scsi.NoSense, scsi.NotReady:
		p.printf("  Progress indication: %s\n", percent(value))
	case scsi.HardwareError, scsi.MediumError, scsi.RecoveredError:
		p.printf("  Actual retry count: 0x%04x\n", value)
	case scsi.CopyAborted:
		p.printf("  Segment pointer: %s\n", segmentPointer(first, value))
	case scsi.UnitAttention:
		p.printf("  Unit attention condition queue: overflow flag is %d\n", first&1)
	default:
		p.printf("  Sense_key: 0x%x unexpected\n", uint8(key))
	}
}

// fixedATA writes what SAT puts in the place of the usual fields. A '+' tells
// that there is more than what the field holds.
func (p *page) fixedATA(sense octets) {
	if scsi.SenseKey(sense[2]&0xf) != scsi.RecoveredError {
		p.printf("  >> expected Sense key: Recovered Error ??\n")
	}
	more := func(bit byte) byte {
		if sense[8]&bit != 0 {
			return '+'
		}
		return ' '
	}
	p.printf("  error=0x%x, status=0x%x, device=0x%x, count(7:0)=0x%x%c\n",
		sense[3], sense[4], sense[5], sense[6], more(0x40))
	p.printf("  extend=%d, log_index=0x%x, lba_high,mid,low(7:0)=0x%x,0x%x,0x%x%c\n",
		sense[8]>>7, sense[8]&0xf, sense[11], sense[10], sense[9], more(0x20))
}

// fieldPointer words the sense key specific data of ILLEGAL REQUEST.
func fieldPointer(first byte, value uint64) string {
	where := "Data parameters"
	if first&0x40 != 0 {
		where = "Command"
	}
	return fmt.Sprintf("Error in %s: byte %d%s", where, value, bitPointer(first))
}

// segmentPointer words the sense key specific data of COPY ABORTED.
func segmentPointer(first byte, value uint64) string {
	start := "parameter list"
	if first&0x20 != 0 {
		start = "segment descriptor"
	}
	return fmt.Sprintf("Relative to start of %s, byte %d%s", start, value, bitPointer(first))
}

func bitPointer(first byte) string {
	if first&0x08 == 0 {
		return ""
	}
	return fmt.Sprintf(" bit %d", first&0x07)
}

// percent words a PROGRESS INDICATION, with the rounding of the library.
func percent(progress uint64) string {
	return fmt.Sprintf("%d.%02d%%", progress*100/65536, progress*100%65536/656)
}

// senseKeyText names a sense key.
func senseKeyText(key byte) string {
	names := [16]string{"No Sense", "Recovered Error", "Not Ready", "Medium Error",
		"Hardware Error", "Illegal Request", "Unit Attention", "Data Protect",
		"Blank Check", "Vendor specific(9)", "Copy Aborted", "Aborted Command",
		"Equal", "Volume Overflow", "Miscompare", "Completed"}
	return names[key&0xf]
}

// ascNames holds the additional sense codes, but for those of ascText.
//
//go:embed asc.txt
var ascNames string

// ascText words an additional sense code and its qualifier.
func ascText(asc, ascq byte) string {
	const lead = "Additional sense: "
	switch {
	case asc == 0x40 && ascq >= 0x80:
		return fmt.Sprintf(lead+"Diagnostic failure on component [0x%x]", ascq)
	case asc == 0x40 && ascq > 0:
		return fmt.Sprintf(lead+"Ram failure [0x%x]", ascq)
	case asc == 0x41 && ascq > 0:
		return fmt.Sprintf(lead+"Data path failure [0x%x]", ascq)
	case asc == 0x42 && ascq > 0:
		return fmt.Sprintf(lead+"Power-on or self-test failure [0x%x]", ascq)
	case asc == 0x4d:
		return fmt.Sprintf(lead+"Tagged overlapped commands [0x%x]", ascq)
	case asc == 0x70:
		return fmt.Sprintf(lead+"Decompression exception short algorithm id of 0x%x", ascq)
	}
	if name, ok := lookup(ascNames, fmt.Sprintf("%02x/%02x", asc, ascq)); ok {
		return lead + name
	}
	switch {
	case asc >= 0x80:
		return fmt.Sprintf("vendor specific ASC=%02x, ASCQ=%02x (hex)", asc, ascq)
	case ascq >= 0x80:
		return fmt.Sprintf("ASC=%02x, vendor specific qualification ASCQ=%02x (hex)", asc, ascq)
	}
	return fmt.Sprintf("ASC=%02x, ASCQ=%02x (hex)", asc, ascq)
}

// transportIDText words one TransportID, which id is all of, with lead before
// each line. Only what is there is printed, and of numbers the leading bytes.
func transportIDText(lead string, id []byte) string {
	if len(id) == 0 {
		return ""
	}
	var p page
	if len(id) < 24 || len(id)%4 != 0 {
		p.printf("%sTransport Id short or not multiple of 4 [length=%d]:\n", lead, len(id))
	} else {
		p.printf("%sTransport Id of initiator:\n", lead)
	}
	p.transportID(lead, id)
	return p.String()
}

func (p *page) transportID(lead string, id octets) {
	proto, format := id[0]&0xf, id[0]>>6
	// Formats of these are not defined; any may come.
	noFormat := func(name string) {
		p.printf("%s  %s:\n%s  TPID format: %d\n%s",
			lead, name, lead, format, hexLines(id.cut(0, 24), lead, hexBytes))
	}
	unexpected := func() {
		if format != 0 {
			p.printf("%s  [Unexpected TPID format: %d]\n", lead, format)
		}
	}
	port := func(name string, size int) {
		p.printf("%s  %s:\n", lead, name)
		unexpected()
		p.printf("%s", hexLines(id.cut(8, size), lead, hexBytes))
	}
	switch proto {
	case 0x0:
		port("FCP-2 World Wide Name", 8)
	case 0x1:
		p.printf("%s  Parallel SCSI initiator SCSI address: 0x%x\n", lead, id.number(2, 2))
		unexpected()
		p.printf("%s  relative port number (of corresponding target): 0x%x\n", lead, id.number(6, 2))
	case 0x2:
		noFormat("SSA (transport id not defined)")
	case 0x3:
		port("IEEE 1394 EUI-64 name", 8)
	case 0x4:
		port("RDMA initiator port identifier", 16)
	case 0x5:
		p.iscsiID(lead, id)
	case 0x6:
		p.printf("%s  SAS address: 0x%x\n", lead, id.number(4, 8))
		unexpected()
	case 0x7:
		noFormat("ADT")
	case 0x8:
		noFormat("ATAPI")
	case 0x9:
		noFormat("UAS")
	case 0xa:
		if format == 0 {
			p.printf("%s  SOP Routing ID: 0x%x\n", lead, id.number(2, 2))
			return
		}
		p.printf("%s  SOP   [Unexpected TPID format: %d]\n%s",
			lead, format, hexLines(id.cut(0, 24), lead, hexBytes))
	case 0xb:
		noFormat("PCIE")
	case 0xf:
		p.printf("%s  No specified protocol\n", lead)
	default:
		p.printf("%s  unknown protocol id=0x%x  TPID format=%d\n%s",
			lead, proto, format, hexLines(id.cut(0, 24), lead, hexBytes))
	}
}

func (p *page) iscsiID(lead string, id octets) {
	size := int(id.number(2, 2))
	switch format := id[0] >> 6; format {
	case 0:
		p.printf("%s  iSCSI name: %s\n", lead, id.cut(4, size).text())
	case 1:
		p.printf("%s  iSCSI world wide unique port id: %s\n", lead, id.cut(4, size).text())
	default:
		p.printf("%s  iSCSI   [Unexpected TPID format: %d]\n%s",
			lead, format, hexLines(id.cut(0, size+4), lead, hexBytesASCII))
	}
}
