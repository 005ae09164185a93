package sgpersist

import (
	"encoding/binary"
	"fmt"

	"lunguard/scsi"
)

// showCapabilities prints the answer to REPORT CAPABILITIES. SPC-4 6.15.4.
func (d *device) showCapabilities(data []byte) status {
	if len(data) < capabilitySize {
		return d.cutShort(scsi.InReportCapabilities, len(data), capabilitySize)
	}
	if n := binary.BigEndian.Uint16(data); n != capabilitySize {
		d.errorf("Unexpected response for PRIN Report Capabilities\n")
		if d.opts.hex > 0 {
			d.printf("%s", hexLines(data[:min(int(data[1]), len(data))], "", hexOffset))
		}
		return malformed
	}
	if d.opts.hex > 0 {
		d.printf("%s", hexLines(data[:capabilitySize], "", hexOffset))
	} else {
		d.printf("%s", capabilityText(data))
	}
	if d.entry != nil {
		d.entry.capabilities(data[:capabilitySize], d.opts.hex > 0)
	}
	return success
}

func capabilityText(b []byte) string {
	bit := func(at int, mask byte) int {
		if b[at]&mask != 0 {
			return 1
		}
		return 0
	}
	text := "Report capabilities response:\n" +
		fmt.Sprintf("  Replace Lost Reservation Capable(RLR_C): %d\n", bit(2, 0x80)) +
		fmt.Sprintf("  Compatible Reservation Handling(CRH): %d\n", bit(2, 0x10)) +
		fmt.Sprintf("  Specify Initiator Ports Capable(SIP_C): %d\n", bit(2, 0x08)) +
		fmt.Sprintf("  All Target Ports Capable(ATP_C): %d\n", bit(2, 0x04)) +
		fmt.Sprintf("  Persist Through Power Loss Capable(PTPL_C): %d\n", bit(2, 0x01)) +
		fmt.Sprintf("  Type Mask Valid(TMV): %d\n", bit(3, 0x80)) +
		fmt.Sprintf("  Allow Commands: %d\n", b[3]>>4&7) +
		fmt.Sprintf("  Persist Through Power Loss Active(PTPL_A): %d\n", bit(3, 0x01))
	if bit(3, 0x80) == 0 {
		return text
	}
	text += "    Support indicated in Type mask:\n"
	mask := scsi.TypeMask(binary.BigEndian.Uint16(b[4:]))
	for _, t := range []scsi.Type{
		scsi.WriteExclusiveAllRegistrants, scsi.ExclusiveAccessRegistrantsOnly, scsi.WriteExclusiveRegistrantsOnly,
		scsi.ExclusiveAccess, scsi.WriteExclusive, scsi.ExclusiveAccessAllRegistrants,
	} {
		has := 0
		if mask.Has(t) {
			has = 1
		}
		text += fmt.Sprintf("      %s: %d\n", typeText(byte(t)), has)
	}
	return text
}
