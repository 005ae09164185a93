package sgpersist

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"lunguard/scsi"
)

// Whatever a device answers: no panic, text that ends its lines, the same list
// in JSON, and never an empty list for an answer that says that it has one.
func FuzzAnswer(f *testing.F) {
	full, _ := (&scsi.ReadFullStatusResponse{Generation: 7, Descriptors: []scsi.FullStatus{
		{Key: 1, Holder: true, Type: 5, RelativePort: 2, TransportID: scsi.ISCSIPortTransportID("iqn.2026-01.example:n1", 9)},
		{Key: 2, AllTgtPort: true, TransportID: scsi.SASTransportID(0x5000c50005b32001)},
	}}).MarshalBinary()
	for action := range byte(4) {
		f.Add(action, byte(0), full)
		f.Add(action, byte(1), []byte{0, 0, 0, 1, 0, 0, 0, 0})
		f.Add(action, byte(3), []byte{0, 0, 0, 1, 0, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	}
	f.Fuzz(func(t *testing.T, action, hex byte, data []byte) {
		if len(data) < headerSize {
			return
		}
		var out strings.Builder
		opts := NewOptions()
		opts.hex = int(hex % 4)
		r := &run{Call: Call{Out: &out, Err: io.Discard}, opts: opts}
		e := &entry{}
		d := &device{run: r, name: "/dev/x", entry: e}
		var s status
		if scsi.InAction(action&3) == scsi.InReportCapabilities {
			s = d.showCapabilities(data)
		} else {
			s = d.show(scsi.InAction(action&3), &answer{data, headerSize + int64(binary.BigEndian.Uint32(data[4:]))})
		}
		text := out.String()
		if text != "" && !strings.HasSuffix(text, "\n") {
			t.Errorf("%x: %q", data, text)
		}
		length := binary.BigEndian.Uint32(data[4:])
		for _, none := range []string{"NO registered", "NO reservation", "No full status"} {
			if length > 0 && strings.Contains(text, none) {
				t.Errorf("%x: %q", data, text)
			}
		}
		if s == success && e.Keys != nil && strings.Count(text, "    0x") != len(*e.Keys) {
			t.Errorf("%q, and %v in JSON", text, *e.Keys)
		}
		if s == success && e.Nexuses != nil && strings.Count(text, "    Key=") != len(*e.Nexuses) {
			t.Errorf("%q, and %v in JSON", text, *e.Nexuses)
		}
	})
}

// Whatever stands behind -X: no panic, and what is accepted is a parameter
// list that says its own length.
func FuzzTransportIDs(f *testing.F) {
	for _, s := range []string{"", "-", "sas,5000c50005b32001", "spi,1,2", "SRP,00112233445566778899aabbccddeeff", "iqn.x:y,i,0x1",
		"eui.02004567A425678D", "1,2,3", "45 0 fe", "5,0,1,0", ",", "a  b", "sop,102", "naa.1 x", "100", "sas,5000c50005b3200g"} {
		f.Add(s, s+"\n# x\n\n 6 0\t0,0 # y\n")
	}
	f.Fuzz(func(t *testing.T, text, file string) {
		if strings.HasPrefix(text, "file=") || strings.HasPrefix(text, "FILE=") {
			return
		}
		o := NewOptions()
		o.In = strings.NewReader(file)
		if err := o.setTransportIDs(text); err != nil {
			if len(o.transportIDs) > 0 || !strings.HasSuffix(err.Error(), "bad argument to '--transport-id'") {
				t.Errorf("%q: %v with error %v", text, o.transportIDs, err)
			}
			return
		}
		if len(o.transportIDs) > maxTransportIDs {
			t.Fatalf("%d TransportIDs", len(o.transportIDs))
		}
		for _, id := range o.transportIDs {
			if n := len(id.Bytes()); n < minTransportID || n > transportIDSlot {
				t.Errorf("%q: %d bytes", text, n)
			}
		}
		cdb, list := o.change(scsi.OutRegister).Marshal()
		if int(binary.BigEndian.Uint32(cdb[5:])) != len(list) {
			t.Errorf("% x with %d bytes", cdb, len(list))
		}
		if transportIDText("", nil) != "" {
			t.Error("text of no TransportID")
		}
	})
}

// Numbers are read whole or not at all.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"", "0x", "12g", "-1", "0x10", "10h", "4x8", "1k", "0xffffffffffffffff", "fffffffffffffffff", "1+", "x1", " 1", "9999999999g"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := hexNumber(text, 64); err == nil {
			digits := strings.ToLower(strings.TrimLeft(text, " \t"))
			if strings.HasPrefix(digits, "0x") && len(digits) > 2 {
				digits = digits[2:]
			}
			if got := strings.TrimLeft(scsi.Key(n).String()[2:], "0"); got != strings.TrimLeft(digits, "0") {
				t.Errorf("%q is %x", text, n)
			}
		}
		o := NewOptions()
		if err := o.setMaxLen(text); err == nil && (o.alloc < 0 || o.alloc > maxAlloc) {
			t.Errorf("%q is %d", text, o.alloc)
		}
	})
}
