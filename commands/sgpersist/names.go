package sgpersist

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"lunguard/scsi"
)

// lookup finds the line of a table that starts with key and a blank, and gives
// the rest of it. Tables are text: nothing is built at start-up for what is
// hardly ever printed.
func lookup(table, key string) (string, bool) {
	rest, ok := strings.CutPrefix(table, key+" ")
	if !ok {
		_, rest, ok = strings.Cut(table, "\n"+key+" ")
	}
	if !ok {
		return "", false
	}
	line, _, _ := strings.Cut(rest, "\n")
	return line, true
}

// exitText says what an exit status means. The long form has a remark, and
// text for the two statuses that are no error. False: it means nothing.
func exitText(status int, long bool) (string, bool) {
	switch {
	case !long && (status == 0 || status == 36):
		return "", true
	case status > int(osError) && status < int(malformed):
		text := errnoText(syscall.Errno(status - int(osError)))
		if long {
			text = "OS error: " + text
		}
		return text, true
	case status > 128 && status < 255:
		return fmt.Sprintf("Utility stopped/aborted by signal number: %d", status-128), true
	}
	line, ok := lookup(exitNames, strconv.Itoa(status))
	name, remark, hasRemark := strings.Cut(line, "|")
	if long && hasRemark {
		name += ", " + remark
	}
	return name, ok
}

// errnoText words an errno as glibc does; syscall.Errno has words of its own.
func errnoText(e syscall.Errno) string {
	if text, ok := lookup(errnoNames, strconv.Itoa(int(e))); ok {
		return text
	}
	return fmt.Sprintf("Unknown error %d", int(e))
}

// deviceTypeText names a PERIPHERAL DEVICE TYPE.
func deviceTypeText(pdt byte) string {
	names := [...]string{"disk", "tape", "printer", "processor", "write once optical disk",
		"cd/dvd", "scanner", "optical memory device", "medium changer", "communications",
		"graphics [0xa]", "graphics [0xb]", "storage array controller",
		"enclosure services device", "simplified direct access device",
		"optical card reader/writer device", "bridge controller commands",
		"object based storage", "automation/driver interface", "security manager device",
		"host managed zoned block"}
	switch {
	case int(pdt) < len(names):
		return names[pdt]
	case pdt < 0x1e:
		return fmt.Sprintf("0x%x", pdt)
	case pdt == 0x1e:
		return "well known logical unit"
	case pdt == 0x1f:
		return "unknown or no device type"
	}
	return "bad pdt"
}

// statusText names a SCSI status; the bits that are reserved do not count.
func statusText(status byte) string {
	switch status &= 0x7e; status {
	case 0x00:
		return "Good"
	case 0x02:
		return "Check Condition"
	case 0x04:
		return "Condition Met"
	case 0x08:
		return "Busy"
	case 0x10:
		return "Intermediate (obsolete)"
	case 0x14:
		return "Intermediate-Condition Met (obsolete)"
	case 0x18:
		return "Reservation Conflict"
	case 0x22:
		return "Command terminated (obsolete)"
	case 0x28:
		return "Task Set Full"
	case 0x30:
		return "ACA Active"
	case 0x40:
		return "Task Aborted"
	}
	return fmt.Sprintf("Unknown status [0x%x]", status)
}

// transportErrText says what the host adapter and its driver complain about,
// a line each.
func transportErrText(host scsi.HostStatus, driver scsi.DriverStatus) string {
	var b strings.Builder
	switch {
	case host > scsi.HostTransportMarginal:
		fmt.Fprintf(&b, "Host_status=0x%02x is invalid\n", uint16(host))
	case host == scsi.HostNexusFailure:
		fmt.Fprintf(&b, "Host_status=0x%02x [%v (reservation conflict)]\n", uint16(host), host)
	case host != scsi.HostOK:
		fmt.Fprintf(&b, "Host_status=0x%02x [%v]\n", uint16(host), host)
	}
	if driver != 0 {
		names := [...]string{"DRIVER_OK", "DRIVER_BUSY", "DRIVER_SOFT", "DRIVER_MEDIA",
			"DRIVER_ERROR", "DRIVER_INVALID", "DRIVER_TIMEOUT", "DRIVER_HARD", "DRIVER_SENSE"}
		name := "invalid"
		if low := int(driver & 0x0f); low < len(names) {
			name = names[low]
		}
		fmt.Fprintf(&b, "Driver_status=0x%02x [%s]\n", uint16(driver), name)
	}
	return b.String()
}

// exitNames holds the exit statuses, each with its remark if any. Those of
// errno values and signals are left out.
const exitNames = `0 No errors|may also convey true
1 Syntax error|command line options (usually)
2 Device not ready|type: sense key
3 Medium or hardware error|type: sense key (plus blank check for tape)
5 Illegal request|type: sense key, apart from Invalid opcode
6 Unit attention|type: sense key
7 Data protect|type: sense key; write protected media?
9 Illegal request, Invalid opcode|type: sense key + asc,ascq
10 Copy aborted|type: sense key
11 Aborted command|type: sense key, other than protection related (asc=0x10)
12 Device not ready, standby|type: sense key + asc,ascq=0x4,0xb
13 Device not ready, unavailable|type: sense key + asc,ascq=0x4,0xc
14 Miscompare|type: sense key
15 File error
17 Illegal request with Info field
18 Medium or hardware error with Info
19 Illegal request, Invalid field in parameter list|type: sense key + asc,ascq=0x26,0
20 No sense key|type: probably additional sense code
21 Recovered error (warning)|type: sense key
22 LBA out of range
24 Reservation conflict|type: SCSI status
25 Condition met|type: SCSI status
26 Busy|type: SCSI status
27 Task set full|type: SCSI status
28 ACA aactive|type: SCSI status
29 Task aborted|type: SCSI status
31 Contradict|command line options contradict or select bad mode
32 Logic error|unexpected situation, contact author
33 SCSI command timeout
34 Windows error number|doesn't fit in 7 bits
35 Transport error|driver or interconnect error
36 No errors (false)
40 Aborted command, protection error
41 Aborted command, protection error with Info field
47 flock (Unix system call) error
48 NVMe command with non-zero status
50 An OS error occurred|(errno > 46 or negative)
97 Malformed SCSI command response|trouble building or decoding command or its response
98 Some other sense error|try '-v' option for more information
99 Some other error|possible transport of driver issue
100 Parameter list length error
101 Invalid field in parameter
102 Too many segments in parameters
103 Target underrun
104 Target overrun
105 Operation in progress
106 Insufficient resources to create ROD
107 Insufficient resources to create ROD token
108 Commands cleared by device server
109 See leave_reason for error
110 Invalid token operation, cause not reportable
111 Invalid token operation, unsupported token type
112 Invalid token operation, remote token usage not supported
113 Invalid token operation, remote token creation not supported
114 Invalid token operation, token unknown
115 Invalid token operation, token corrupt
116 Invalid token operation, token revoked
117 Invalid token operation, token expired
118 Invalid token operation, token cancelled
119 Invalid token operation, token deleted
120 Invalid token operation, invalid token length
126 Utility found but did not have execute permissions
127 Utility to be executed was not found
128 Utility stopped/aborted by signal number: 0|signal # 0 ??
255 Utility returned 255 or higher|Windows error number?
`

// errnoNames holds the errno values of Linux (other than Alpha, MIPS, PA-RISC
// and SPARC) as glibc words them.
const errnoNames = `0 Success
1 Operation not permitted
2 No such file or directory
3 No such process
4 Interrupted system call
5 Input/output error
6 No such device or address
7 Argument list too long
8 Exec format error
9 Bad file descriptor
10 No child processes
11 Resource temporarily unavailable
12 Cannot allocate memory
13 Permission denied
14 Bad address
15 Block device required
16 Device or resource busy
17 File exists
18 Invalid cross-device link
19 No such device
20 Not a directory
21 Is a directory
22 Invalid argument
23 Too many open files in system
24 Too many open files
25 Inappropriate ioctl for device
26 Text file busy
27 File too large
28 No space left on device
29 Illegal seek
30 Read-only file system
31 Too many links
32 Broken pipe
33 Numerical argument out of domain
34 Numerical result out of range
35 Resource deadlock avoided
36 File name too long
37 No locks available
38 Function not implemented
39 Directory not empty
40 Too many levels of symbolic links
42 No message of desired type
43 Identifier removed
44 Channel number out of range
45 Level 2 not synchronized
46 Level 3 halted
47 Level 3 reset
48 Link number out of range
49 Protocol driver not attached
50 No CSI structure available
51 Level 2 halted
52 Invalid exchange
53 Invalid request descriptor
54 Exchange full
55 No anode
56 Invalid request code
57 Invalid slot
59 Bad font file format
60 Device not a stream
61 No data available
62 Timer expired
63 Out of streams resources
64 Machine is not on the network
65 Package not installed
66 Object is remote
67 Link has been severed
68 Advertise error
69 Srmount error
70 Communication error on send
71 Protocol error
72 Multihop attempted
73 RFS specific error
74 Bad message
75 Value too large for defined data type
76 Name not unique on network
77 File descriptor in bad state
78 Remote address changed
79 Can not access a needed shared library
80 Accessing a corrupted shared library
81 .lib section in a.out corrupted
82 Attempting to link in too many shared libraries
83 Cannot exec a shared library directly
84 Invalid or incomplete multibyte or wide character
85 Interrupted system call should be restarted
86 Streams pipe error
87 Too many users
88 Socket operation on non-socket
89 Destination address required
90 Message too long
91 Protocol wrong type for socket
92 Protocol not available
93 Protocol not supported
94 Socket type not supported
95 Operation not supported
96 Protocol family not supported
97 Address family not supported by protocol
98 Address already in use
99 Cannot assign requested address
100 Network is down
101 Network is unreachable
102 Network dropped connection on reset
103 Software caused connection abort
104 Connection reset by peer
105 No buffer space available
106 Transport endpoint is already connected
107 Transport endpoint is not connected
108 Cannot send after transport endpoint shutdown
109 Too many references: cannot splice
110 Connection timed out
111 Connection refused
112 Host is down
113 No route to host
114 Operation already in progress
115 Operation now in progress
116 Stale file handle
117 Structure needs cleaning
118 Not a XENIX named type file
119 No XENIX semaphores available
120 Is a named type file
121 Remote I/O error
122 Disk quota exceeded
123 No medium found
124 Wrong medium type
125 Operation canceled
126 Required key not available
127 Key has expired
128 Key has been revoked
129 Key was rejected by service
130 Owner died
131 State not recoverable
132 Operation not possible due to RF-kill
133 Memory page has hardware error
`
