package sgpersist

import "fmt"

// designators writes what names a device.
type designators struct{ *page }

// designator writes a designation descriptor, as in the Device Identification
// VPD page, which is all of dd: at least 4 bytes.
func (p designators) designator(dd octets) {
	size := int(dd[3])
	if size > len(dd)-4 {
		p.printf("  designator too long: says it is %d bytes, but given %d bytes\n", size, len(dd)-4)
		return
	}
	id := designator{
		octets:   dd.cut(4, size),
		protocol: dd[0] >> 4, codeSet: dd[0] & 0xf,
		protocolValid: dd[1]&0x80 != 0, association: dd[1] >> 4 & 0x3, kind: dd[1] & 0xf,
	}
	associations := [4]string{"Addressed logical unit", "Target port",
		"Target device that contains addressed lu", "Reserved [0x3]"}
	p.printf("    %s:\n", associations[id.association])
	p.printf("      designator type: %s,  code set: %s\n", designatorType(id.kind), codeSetText(id.codeSet))
	if id.protocolValid && (id.association == 1 || id.association == 2) {
		p.printf("       transport: %s\n", protocolText(id.protocol))
	}
	p.designatorValue(id)
}

// designator is one, without its header.
type designator struct {
	octets
	protocol, codeSet, association, kind byte
	protocolValid                        bool
}

func designatorType(kind byte) string {
	names := [...]string{"Vendor specific [0x0]", "T10 vendor identification", "EUI-64 based",
		"NAA", "Relative target port", "Target port group", "Logical unit group",
		"MD5 logical unit identifier", "SCSI name string",
		"Protocol specific port identifier", "UUID identifier"}
	if int(kind) < len(names) {
		return names[kind]
	}
	return fmt.Sprintf("Reserved [0x%x]", kind)
}

func codeSetText(set byte) string {
	switch set {
	case 1:
		return "Binary"
	case 2:
		return "ASCII"
	case 3:
		return "UTF-8"
	}
	return fmt.Sprintf("Reserved [0x%x]", set)
}

// protocolText names a PROTOCOL IDENTIFIER.
func protocolText(id byte) string {
	names := [16]string{"Fibre Channel Protocol for SCSI (FCP-5)",
		"SCSI Parallel Interface (SPI-5)",
		"Serial Storage Architecture SCSI-3 Protocol (SSA-S3P)",
		"Serial Bus Protocol for IEEE 1394 (SBP-3)", "SCSI RDMA Protocol (SRP)",
		"Internet SCSI (iSCSI)", "Serial Attached SCSI Protocol (SPL-4)",
		"Automation/Drive Interface Transport (ADT-2)", "AT Attachment Interface (ACS-2)",
		"USB Attached SCSI (UAS-2)", "SCSI over PCI Express (SOP)", "PCIe",
		"Oxc", "Oxd", "Oxe", "No specific protocol"}
	return names[id&0xf]
}

// The leads of the lines behind those that name the type. A dump has the
// shorter one, or in places none: slips of the library, part of its interface.
const (
	valueLead = "        "
	dumpLead  = "  "
)

func (p designators) designatorValue(id designator) {
	switch id.kind {
	case 0x0:
		// The library takes the code set for 1 too low: binary may be text.
		isText := (id.codeSet == 1 || id.codeSet == 2) &&
			(len(id.octets) == 0 || id.at(0) >= ' ' && id.at(0) <= '~')
		if isText {
			p.printf("%svendor specific: %s\n", valueLead, id.text())
			return
		}
		p.printf("%svendor specific:\n%s", valueLead, hexLines(id.octets, dumpLead, hexBytesASCII))
	case 0x1:
		p.vendorDesignator(id)
	case 0x2:
		if n := len(id.octets); n != 8 && n != 12 && n != 16 {
			p.oddDesignator(id, dumpLead, fmt.Sprintf("expect 8, 12 and 16 byte EUI, got %d", n))
			return
		}
		p.printf("%s0x%x\n", valueLead, []byte(id.octets))
	case 0x3:
		p.naaDesignator(id)
	case 0x4:
		p.groupDesignator(id, "Relative target port", 1, "")
	case 0x5:
		p.groupDesignator(id, "Target port group", 1, dumpLead)
	case 0x6:
		p.groupDesignator(id, "Logical unit group", 0, dumpLead)
	case 0x7:
		if id.codeSet != 1 || id.association != 0 {
			p.oddDesignator(id, "", "expected binary code_set, logical unit association")
			return
		}
		p.printf("%sMD5 logical unit identifier:\n%s", valueLead, hexLines(id.octets, dumpLead, hexBytes))
	case 0x8:
		if id.codeSet != 2 && id.codeSet != 3 {
			p.printf("%s<< expected UTF-8 code_set >>\n%s", valueLead, hexLines(id.octets, dumpLead, hexBytesASCII))
			return
		}
		p.printf("%sSCSI name string:\n%s%s\n", valueLead, valueLead, id.text())
	case 0x9:
		p.portDesignator(id)
	case 0xa:
		p.uuidDesignator(id)
	default:
		p.printf("%sreserved designator=0x%x\n%s", valueLead, id.kind, hexLines(id.octets, dumpLead, hexBytes))
	}
}

// oddDesignator dumps what is not as it should be.
func (p designators) oddDesignator(id designator, lead, why string) {
	p.printf("%s<< %s >>\n%s", valueLead, why, hexLines(id.octets, lead, hexBytes))
}

func (p designators) vendorDesignator(id designator) {
	p.printf("%svendor id: %s\n", valueLead, id.cut(0, 8).text())
	if len(id.octets) <= 8 {
		return
	}
	rest := id.octets[8:]
	if id.codeSet == 2 || id.codeSet == 3 {
		p.printf("%svendor specific: %s\n", valueLead, rest.text())
	} else {
		p.printf("%svendor specific: 0x%x\n", valueLead, []byte(rest))
	}
}

func (p designators) naaDesignator(id designator) {
	if id.codeSet != 1 {
		p.oddDesignator(id, dumpLead, fmt.Sprintf("unexpected code set %d for NAA", id.codeSet))
		return
	}
	want := 0
	naa := id.at(0) >> 4
	switch naa {
	case 2, 3, 5:
		want = 8
	case 6:
		want = 16
	default:
		p.oddDesignator(id, dumpLead, fmt.Sprintf("unexpected NAA [0x%x]", naa))
		return
	}
	if n := len(id.octets); n != want {
		p.oddDesignator(id, dumpLead, fmt.Sprintf("unexpected NAA %d identifier length: 0x%x", naa, n))
		return
	}
	p.printf("%s0x%x\n", valueLead, []byte(id.octets))
}

// groupDesignator writes a 16-bit number of a port or group.
func (p designators) groupDesignator(id designator, name string, association byte, lead string) {
	whose := "target port"
	if association == 0 {
		whose = "logical unit"
	}
	if id.codeSet != 1 || id.association != association || len(id.octets) != 4 {
		p.oddDesignator(id, lead, "expected binary code_set, "+whose+" association, length 4")
		return
	}
	p.printf("%s%s: 0x%x\n", valueLead, name, id.number(2, 2))
}

func (p designators) portDesignator(id designator) {
	if !id.protocolValid {
		p.printf(" %s>>>> Protocol specific port identifier expects protocol\n"+
			"            identifier to be valid and it is not\n", valueLead)
	}
	switch id.protocol {
	case 0x9:
		p.printf("%sUSB device address: 0x%x\n", valueLead, id.at(0)&0x7f)
		p.printf("%sUSB interface number: 0x%x\n", valueLead, id.at(2))
	case 0xa:
		p.printf("%sPCIe routing ID, bus number: 0x%x\n", valueLead, id.at(0))
		p.printf("%s    function number: 0x%x\n", valueLead, id.at(1))
		p.printf("%s    [or device number: 0x%x, function number: 0x%x]\n",
			valueLead, id.at(1)>>3, id.at(1)&0x7)
	default:
		p.printf("%s>>>> unexpected protocol identifier: %s\n"+
			"             with Protocol specific port identifier\n", valueLead, protocolText(id.protocol))
	}
}

func (p designators) uuidDesignator(id designator) {
	why := ""
	if id.codeSet != 1 {
		why = "expected binary code_set"
	} else if len(id.octets) != 18 || id.at(0)>>4 != 1 {
		why = "expected locally assigned UUID, 16 bytes long"
	}
	if why != "" {
		p.printf("%s<< %s >>\n%s", valueLead, why, hexLines(id.octets, dumpLead, hexBytesASCII))
		return
	}
	u := []byte(id.octets[2:])
	p.printf("%sLocally assigned UUID: %x-%x-%x-%x-%x\n", valueLead, u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
