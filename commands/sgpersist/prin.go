package sgpersist

import (
	"context"
	"encoding/binary"
	"fmt"

	"lunguard/scsi"
)

// Sizes of PERSISTENT RESERVE IN data. SPC-4 6.15.
const (
	headerSize      = 8
	keySize         = 8
	reservationSize = 16
	descriptorSize  = 24
	capabilitySize  = 8
	// longestAnswer is the most that the CDB can ask for, in words.
	longestAnswer = 65532
	// longestDescriptor is a full status descriptor with the longest iSCSI
	// name there is. LIO leaves out one that does not fit and does not count
	// it, so an answer is believed whole only with so much room left.
	longestDescriptor = descriptorSize + 4 + 244
)

// answer is what came back for a PERSISTENT RESERVE IN other than REPORT
// CAPABILITIES.
type answer struct {
	// data is what arrived, whole what the device has.
	data  []byte
	whole int64
}

func (a *answer) generation() uint32 { return binary.BigEndian.Uint32(a.data) }

// length is ADDITIONAL LENGTH.
func (a *answer) length() int64 { return a.whole - headerSize }

// body is what arrived behind the header.
func (a *answer) body() []byte { return a.data[headerSize:min(int64(len(a.data)), a.whole)] }

// readName is the service action as the original calls it.
func readName(a scsi.InAction) string {
	switch a {
	case scsi.InReadKeys:
		return "Read keys"
	case scsi.InReadReservation:
		return "Read reservation"
	case scsi.InReportCapabilities:
		return "Report capabilities"
	}
	return "Read full status"
}

// read carries out one service action of PERSISTENT RESERVE IN.
func (d *device) read(ctx context.Context, n *nexus, action scsi.InAction) status {
	alloc := maxAlloc
	if d.opts.allocSet {
		alloc = d.opts.alloc
	}
	for {
		data, s := d.ask(ctx, n, action, alloc)
		if s != success {
			return s
		}
		if action == scsi.InReportCapabilities {
			return d.showCapabilities(data)
		}
		if len(data) < headerSize {
			return d.cutShort(action, len(data), headerSize)
		}
		a := &answer{data, headerSize + int64(binary.BigEndian.Uint32(data[4:]))}
		room := a.whole
		if action == scsi.InReadFullStatus {
			room += longestDescriptor
		}
		switch {
		case !d.opts.allocSet && room > int64(alloc) && alloc < longestAnswer:
			alloc = int(min((room+3)&^3, longestAnswer))
			continue
		case a.whole > int64(len(data)) && (a.whole <= int64(alloc) || !d.opts.allocSet):
			return d.cutShort(action, len(data), a.whole)
		case !d.opts.allocSet && room > longestAnswer:
			d.errorf("PR in (%s): %d bytes may not be all there is\n", readName(action), a.whole)
			return malformed
		}
		return d.show(action, a)
	}
}

// ask sends the command once.
func (d *device) ask(ctx context.Context, n *nexus, action scsi.InAction, alloc int) ([]byte, status) {
	cdb := make([]byte, 10)
	cdb[0], cdb[1] = byte(scsi.OpPRIn), byte(action)
	binary.BigEndian.PutUint16(cdb[7:], uint16(alloc))
	data := scsi.Blank(alloc)
	arrived, s := n.do(ctx, &command{lead: "Persistent reservation in", cdb: cdb, dir: scsi.DataIn, data: data})
	switch s {
	case success:
		if scsi.IsBlank(data[:arrived], headerSize) {
			return nil, d.cutShort(action, 0, headerSize)
		}
		return data[:arrived], success
	case invalidOpcode:
		d.errorf("PR in (%s): command not supported\n", readName(action))
	case illegalRequest:
		d.errorf("PR in (%s): bad field in cdb or parameter list (perhaps unsupported service action)\n", readName(action))
	default:
		d.errorf("PR in (%s): %s\n", readName(action), d.category(s))
	}
	return nil, s
}

// category says in words what a status means.
func (r *run) category(s status) string {
	if text, ok := exitText(int(s), r.opts.verbose > 0); ok {
		return text
	}
	text := fmt.Sprintf("Sense category: %d", s)
	if r.opts.verbose == 0 {
		text += ", try '-v' option for more information"
	}
	return text
}

// cutShort says that less arrived than there must be. That is never an empty
// list.
func (d *device) cutShort(action scsi.InAction, arrived int, whole int64) status {
	d.errorf("PR in (%s): answer cut short, %d bytes of %d arrived\n", readName(action), arrived, whole)
	return malformed
}

// show prints an answer, of which the first part may be all that was wanted.
func (d *device) show(action scsi.InAction, a *answer) status {
	text, err := "", error(nil)
	switch {
	case d.opts.hex > 0:
		text = hexAnswer(a, d.opts)
	case action == scsi.InReadKeys:
		text, err = keyText(a)
	case action == scsi.InReadReservation:
		text, err = reservationText(a)
	default:
		text, err = fullStatusText(a, d.opts.verbose > 0)
	}
	if err != nil {
		d.errorf("PR in (%s): %v\n", readName(action), err)
		return malformed
	}
	d.printf("%s", text)
	if d.entry != nil {
		d.entry.answer(action, a, d.opts.hex > 0)
	}
	if a.whole > int64(len(a.data)) {
		d.errorf("%s: answer cut short: %d bytes of %d fit in the allocation length\n", prog, len(a.data), a.whole)
	}
	return success
}

func hexAnswer(a *answer, o *Options) string {
	switch {
	case o.hex == 2:
		return hexLines(a.data[:headerSize+len(a.body())], "", hexOffset)
	case o.hex > 2:
		return hexLines(a.data[:headerSize+len(a.body())], "", hexBytes)
	}
	text := fmt.Sprintf("  PR generation=0x%x, ", a.generation())
	if a.length() == 0 {
		text += "Additional length=0\n"
	}
	if a.whole > int64(len(a.data)) {
		text += fmt.Sprintf("Additional length too large=%d, truncate\n", a.length())
	} else {
		text += fmt.Sprintf("Additional length=%d\n", a.length())
	}
	return text + hexLines(a.body(), "", hexOffset)
}

// wrongLength says that ADDITIONAL LENGTH is none that the answer can have.
func wrongLength(n int64) error { return fmt.Errorf("ADDITIONAL LENGTH %d breaks the standard", n) }

func keyText(a *answer) (string, error) {
	text := fmt.Sprintf("  PR generation=0x%x, ", a.generation())
	switch n := a.length() / keySize; {
	case n == 0 && a.length() > 0:
		return "", wrongLength(a.length())
	case n == 0:
		return text + "there are NO registered reservation keys\n", nil
	case n == 1:
		text += "1 registered reservation key follows:\n"
	default:
		text += fmt.Sprintf("%d registered reservation keys follow:\n", n)
	}
	for _, key := range a.keys() {
		text += fmt.Sprintf("    %s\n", key)
	}
	return text, nil
}

// keys lists the keys that arrived whole.
func (a *answer) keys() []scsi.Key {
	list := make([]scsi.Key, 0, len(a.body())/keySize)
	for b := a.body(); len(b) >= keySize; b = b[keySize:] {
		list = append(list, scsi.Key(binary.BigEndian.Uint64(b)))
	}
	return list
}

func reservationText(a *answer) (string, error) {
	text := fmt.Sprintf("  PR generation=0x%x, ", a.generation())
	if a.length() == 0 {
		return text + "there is NO reservation held\n", nil
	}
	if a.length() < reservationSize {
		return "", wrongLength(a.length())
	}
	text += "Reservation follows:\n"
	// The last two bytes are reserved. Of less nothing is believed: LIO leaves
	// the key out where the rest does not fit.
	if b := a.body(); len(b) >= reservationSize-2 {
		text += fmt.Sprintf("    Key=0x%x\n    %s", binary.BigEndian.Uint64(b), scopeText(b[13]))
	}
	return text, nil
}

// scopeText is the line of scope and type without its indent.
func scopeText(b byte) string {
	if scope := b >> 4; scope != 0 {
		return fmt.Sprintf("scope: %d  type: %s\n", scope, typeText(b&0x0f))
	}
	return fmt.Sprintf("scope: LU_SCOPE,  type: %s\n", typeText(b&0x0f))
}

// typeText names a type of reservation.
func typeText(t byte) string {
	switch scsi.Type(t) {
	case scsi.WriteExclusive:
		return "Write Exclusive"
	case scsi.ExclusiveAccess:
		return "Exclusive Access"
	case scsi.WriteExclusiveRegistrantsOnly:
		return "Write Exclusive, registrants only"
	case scsi.ExclusiveAccessRegistrantsOnly:
		return "Exclusive Access, registrants only"
	case scsi.WriteExclusiveAllRegistrants:
		return "Write Exclusive, all registrants"
	case scsi.ExclusiveAccessAllRegistrants:
		return "Exclusive Access, all registrants"
	}
	if t < 10 {
		return fmt.Sprintf("obsolete [%d]", t)
	}
	return fmt.Sprintf("obsolete [0x%x]", t)
}
