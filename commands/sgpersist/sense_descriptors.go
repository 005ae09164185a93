package sgpersist

import (
	"fmt"

	"lunguard/scsi"
)

// senseDescriptor is a descriptor of descriptor format sense data.
type senseDescriptor struct {
	octets      // from its first byte to the end of the sense data
	n      int  // ADDITIONAL LENGTH, cut to what came; -1 if that itself is missing
	key    byte // sense key of the whole
}

// senseDescriptors writes all descriptors of sense.
func (p *page) senseDescriptors(sense octets) {
	if len(sense) < 8 {
		return
	}
	total := min(int(sense[7]), len(sense)-8)
	for at := 0; at < total; {
		d := senseDescriptor{octets: sense[8+at:], n: -1, key: sense[1] & 0xf}
		if at < total-1 {
			d.n = min(int(d.octets[1]), total-at-2)
		}
		p.printf("  Descriptor type: ")
		if !p.senseDescriptor(d) {
			p.descriptorBytes(d)
		}
		if d.n < 0 {
			p.printf("    short descriptor\n")
		}
		at += d.n + 2
	}
}

// descriptorBytes dumps what could not be decoded.
func (p *page) descriptorBytes(d senseDescriptor) {
	const perLine = 24
	for i, c := range d.cut(2, d.n) {
		switch {
		case i == 0:
			p.printf("    ")
		case i%perLine == 0:
			p.printf("\n    ")
		}
		p.printf("%02x ", c)
	}
	if d.n > 0 {
		p.printf("\n")
	}
}

// tooShort reports that d is shorter than its type needs, having said so.
func (p *page) tooShort(d senseDescriptor, need int) bool {
	if d.n < need {
		p.printf("   >> descriptor too short\n")
	}
	return d.n < need
}

// senseDescriptor writes one descriptor; false if its bytes should follow.
func (p *page) senseDescriptor(d senseDescriptor) bool {
	switch kind := d.at(0); kind {
	case 0x00, 0x01, 0x03, 0x04, 0x05, 0x0f:
		return p.plainDescriptor(kind, d)
	case 0x02:
		p.printf("Sense key specific: ")
		return p.keySpecific(d)
	case 0x06:
		p.printf("OSD object identification\n")
	case 0x07:
		p.printf("OSD response integrity check value\n")
	case 0x08:
		p.printf("OSD attribute identification\n")
	case 0x09:
		return p.ataStatus(d)
	case 0x0a:
		return p.anotherProgress(d)
	case 0x0b:
		return p.referral(d)
	case 0x0c:
		return p.forwardedSense(d)
	case 0x0d:
		return p.blockDevice(d)
	case 0x0e:
		p.deviceDesignation(d)
		return true
	case 0xde:
		return p.nvmeStatus(d)
	default:
		if kind >= 0x80 {
			p.printf("Vendor specific [0x%x]\n", kind)
		} else {
			p.printf("Unknown [0x%x]\n", kind)
		}
	}
	return false
}

// plainDescriptor writes one of those that hold a single value.
func (p *page) plainDescriptor(kind byte, d senseDescriptor) bool {
	var name string
	need := 2
	switch kind {
	case 0x00:
		name, need = "Information: ", 10
	case 0x01:
		name, need = "Command specific: ", 10
	case 0x03:
		name = "Field replaceable unit code: "
	case 0x04:
		name = "Stream commands: "
	case 0x05:
		name = "Block commands: "
	case 0x0f:
		name, need = "Microcode activation ", 6
	}
	p.printf("%s", name)
	if p.tooShort(d, need) {
		return false
	}
	switch kind {
	case 0x00:
		if d.at(2)&0x80 == 0 {
			p.printf("Valid=0 (-> vendor specific) ")
		}
		p.printf("0x%x\n", d.cut(4, 8))
	case 0x01:
		p.printf("0x%x\n", d.cut(4, 8))
	case 0x03:
		p.printf("0x%x\n", d.at(3))
	case 0x04:
		p.streamFlags(d.at(3))
	case 0x05:
		p.printf("Incorrect Length Indicator (ILI) %s\n", setOrClear(d.at(3)&0x20))
	case 0x0f:
		if seconds := d.number(6, 2); seconds != 0 {
			p.printf("time: %d seconds\n", seconds)
		} else {
			p.printf("time: unknown\n")
		}
	}
	return true
}

func (p *page) streamFlags(flags byte) {
	if flags&0x80 != 0 {
		p.printf("FILEMARK")
	}
	if flags&0x40 != 0 {
		p.printf("End Of Medium (EOM)")
	}
	if flags&0x20 != 0 {
		p.printf("Incorrect Length Indicator (ILI)")
	}
	p.printf("\n")
}

func setOrClear(flag byte) string {
	if flag != 0 {
		return "set"
	}
	return "clear"
}

// keySpecific writes sense key specific data, which is in bytes 4 to 6.
func (p *page) keySpecific(d senseDescriptor) bool {
	const need, indent = 6, "        "
	first, value := d.at(4), d.number(5, 2)
	switch scsi.SenseKey(d.key) {
	case scsi.IllegalRequest:
		if d.n < need {
			p.printf("Field pointer: ")
			break
		}
		p.printf("Field pointer:\n%s%s\n", indent, fieldPointer(first, value))
	case scsi.HardwareError, scsi.MediumError, scsi.RecoveredError:
		p.printf("Actual retry count: ")
		if d.n >= need {
			p.printf("%d\n", value)
		}
	case scsi.NoSense, scsi.NotReady:
		p.printf("Progress indication: ")
		if d.n >= need {
			p.printf("%s\n", percent(value))
		}
	case scsi.CopyAborted:
		p.printf("Segment pointer:\n")
		if d.n >= need {
			p.printf("%s%s\n", indent, segmentPointer(first, value))
		}
	case scsi.UnitAttention:
		// One bit is all of it: the library does not mind a short one.
		p.printf("Unit attention condition queue:\n%soverflow flag is %d\n", indent, first&1)
		return true
	default:
		p.printf("Sense_key: 0x%x unexpected\n", d.key)
		return false
	}
	return !p.tooShort(d, need)
}

func (p *page) ataStatus(d senseDescriptor) bool {
	p.printf("ATA Status Return: ")
	if p.tooShort(d, 12) {
		return false
	}
	extend, count := d.at(2)&1, d.number(5, 1)
	lba := octets{d.at(11), d.at(9), d.at(7)}
	if extend != 0 {
		count = d.number(4, 2)
		lba = octets{d.at(10), d.at(8), d.at(6), d.at(11), d.at(9), d.at(7)}
	}
	p.printf("extend=%d error=0x%x \n        count=0x%x lba=0x%x device=0x%x status=0x%x\n",
		extend, d.at(3), count, lba, d.at(12), d.at(13))
	return true
}

func (p *page) anotherProgress(d senseDescriptor) bool {
	p.printf("Another progress indication: ")
	if p.tooShort(d, 6) {
		return false
	}
	// "02" is a slip of the library and part of its interface.
	progress := d.number(6, 2)
	p.printf("%d.02%d%%\n", progress*100/65536, progress*100%65536/656)
	p.printf("        [sense_key=0x%x asc,ascq=0x%x,0x%x]\n", d.at(2), d.at(3), d.at(4))
	return true
}

// referral writes user data segments and the target port groups to reach them.
func (p *page) referral(d senseDescriptor) bool {
	p.printf("User data segment referral: ")
	if p.tooShort(d, 2) {
		return false
	}
	p.printf("\n   Not all referrals: %d\n", d.at(2)&1)
	rest := d.cut(4, d.n-2)
	for i := 1; len(rest) > 4; i++ {
		groups := int(rest[3])
		size := 20 + 4*groups
		p.printf("    Descriptor %d\n", i)
		if size > len(rest) {
			p.printf("      truncated descriptor, stop\n")
			break
		}
		p.printf("      first uds LBA: 0x%x\n", rest.number(4, 8))
		p.printf("      last uds LBA:  0x%x\n", rest.number(12, 8))
		for at := 20; at < size; at += 4 {
			p.printf("        tpg: %d  state: %s\n", rest.number(at+2, 2), accessState(rest[at]&0xf))
		}
		rest = rest[size:]
	}
	return true
}

// accessState names an ASYMMETRIC ACCESS STATE.
func accessState(state byte) string {
	switch state {
	case 0x0:
		return "active/optimized"
	case 0x1:
		return "active/non optimized"
	case 0x2:
		return "standby"
	case 0x3:
		return "unavailable"
	case 0xe:
		return "offline"
	case 0xf:
		return "transitioning between states"
	}
	return fmt.Sprintf("unknown: 0x%x", state)
}

// forwardedSense writes the sense data of another device. It may hold the like
// of itself; each is shorter than the one around it.
func (p *page) forwardedSense(d senseDescriptor) bool {
	const librarySize = 480
	p.printf("Forwarded sense data\n")
	if p.tooShort(d, 2) {
		return false
	}
	p.printf("    FSDT: %s\n    Sense data source: ", setOrClear(d.at(2)&0x80))
	switch source := d.at(2) & 0xf; {
	case source == 0:
		p.printf("Extended copy command source device\n")
	case source < 8:
		p.printf("Extended copy command destination device %d\n", source-1)
	default:
		p.printf("unknown [%d]\n", source)
	}
	p.printf("    Forwarded status: %s\n", statusText(d.at(3)))
	if d.n > 2 {
		inner := cutText(senseText(d.cut(4, d.n-2), false), librarySize)
		p.printf(" vvvvvvvvvvvvvvvv\n%s\n ^^^^^^^^^^^^^^^^\n", inner)
	}
	return true
}

// blockDevice writes the descriptor that unites the types 0, 1, 2, 3 and 5.
func (p *page) blockDevice(d senseDescriptor) bool {
	p.printf("Direct-access block device\n")
	if p.tooShort(d, 28) {
		return false
	}
	if d.at(2)&0x20 != 0 {
		p.printf("    ILI (incorrect length indication) set\n")
	}
	known := true
	if d.at(4)&0x80 != 0 {
		p.printf("    Sense key specific: ")
		known = p.keySpecific(d)
	}
	p.printf("    Field replaceable unit code: 0x%x\n", d.at(7))
	if d.at(2)&0x80 != 0 {
		p.printf("    Information: 0x%x\n", d.cut(8, 8))
	}
	p.printf("    Command specific: 0x%x\n", d.cut(16, 8))
	return known
}

func (p *page) nvmeStatus(d senseDescriptor) bool {
	p.printf("NVMe Status: ")
	if p.tooShort(d, 6) {
		return false
	}
	code := d.number(6, 2)
	p.printf("DNR=%d, M=%d, SCT_SC=0x%x\n", d.at(5)>>7, d.at(5)>>6&1, code)
	if code > 0 {
		p.printf("    %s\n", nvmeText(code))
	}
	return true
}

// nvmeText names an NVMe status.
func nvmeText(code uint64) string {
	if name, ok := lookup(nvmeNames, fmt.Sprintf("%x", code&0x3ff)); ok {
		return name
	}
	return fmt.Sprintf("Reserved [0x%x]", code)
}

func (p *page) deviceDesignation(d senseDescriptor) {
	p.printf("Device designation\n    Usage reason: ")
	switch reason := d.at(3); reason {
	case 0:
		p.printf("Unknown\n")
	case 1:
		p.printf("resend this and further commands to:\n")
	case 2:
		p.printf("resend this command to:\n")
	case 3:
		p.printf("new subsidiary lu added to this administrative lu:\n")
	case 4:
		p.printf("administrative lu associated with a preferred binding:\n")
	default:
		p.printf("reserved[%d]\n", reason)
	}
	// Of a descriptor that is cut the library goes on reading behind the end.
	n := max(d.n, 0) - 2
	if n < 4 {
		p.printf("  designator desc too short: got length of %d want 4 or more\n", n)
		return
	}
	designators{p}.designator(d.cut(4, n))
}

// nvmeNames holds the status codes of NVMe, type and code as one number.
const nvmeNames = `0 Successful completion
1 Invalid command opcode
2 Invalid field in command
3 Command id conflict
4 Data transfer error
5 Command aborted due to power loss notification
6 Internal error
7 Command abort requested
8 Command aborted due to SQ deletion
9 Command aborted due to failed fused command
a Command aborted due to missing fused command
b Invalid namespace or format
c Command sequence error
d Invalid SGL segment descriptor
e Invalid number of SGL descriptors
f Data SGL length invalid
10 Metadata SGL length invalid
11 SGL descriptor type invalid
12 Invalid use of controller memory buffer
13 PRP offset invalid
14 Atomic write unit exceeded
15 Operation denied
16 SGL offset invalid
17 Reserved [0x17]
18 Host identifier inconsistent format
19 Keep alive timeout expired
1a Keep alive timeout invalid
1b Command aborted due to Preempt and Abort
1c Sanitize failed
1d Sanitize in progress
1e SGL data block granularity invalid
1f Command not supported for queue in CMB
20 Namespace is write protected
21 Command interrupted
22 Transient transport error
23 Prohibited by lockdown
24 Admin command: media not ready
80 LBA out of range
81 Capacity exceeded
82 Namespace not ready
83 Reservation conflict
84 Format in progress
85 Invalid value size
86 Invalid key size
87 KV key does not exist
88 Unrecovered error
89 Key exists
b8 Zone boundary error
b9 Zone is full
ba Zone is read only
bb Zone is offline
bc Zone invalid write
bd Too many active zones
be Too many open zones
bf Invalid zone state transition
100 Completion queue invalid
101 Invalid queue identifier
102 Invalid queue size
103 Abort command limit exceeded
104 Reserved [0x104]
105 Asynchronous event request limit exceeded
106 Invalid firmware slot
107 Invalid firmware image
108 Invalid interrupt vector
109 Invalid log page
10a Invalid format
10b Firmware activation requires conventional reset
10c Invalid queue deletion
10d Feature identifier not saveable
10e Feature not changeable
10f Feature not namespace specific
110 Firmware activation requires NVM subsystem reset
111 Firmware activation requires reset
112 Firmware activation requires maximum time violation
113 Firmware activation prohibited
114 Overlapping range
115 Namespace insufficient capacity
116 Namespace identifier unavailable
117 Reserved [0x107]
118 Namespace already attached
119 Namespace is private
11a Namespace not attached
11b Thin provisioning not supported
11c Controller list invalid
11d Device self-test in progress
11e Boot partition write prohibited
11f Invalid controller identifier
120 Invalid secondary controller state
121 Invalid number of controller resources
122 Invalid resource identifier
123 Sanitize prohibited while PM enabled
124 ANA group identifier invalid
125 ANA attach failed
180 Conflicting attributes
181 Invalid protection information
182 Attempted write to read only range
280 Write fault
281 Unrecovered read error
282 End-to-end guard check error
283 End-to-end application tag check error
284 End-to-end reference tag check error
285 Compare failure
286 Access denied
287 Deallocated or unwritten logical block
`
