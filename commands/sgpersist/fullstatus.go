package sgpersist

import (
	"encoding/binary"
	"errors"
	"fmt"

	"lunguard/scsi"
)

// errDescriptor says that a full status descriptor is longer than the list.
var errDescriptor = errors.New("a full status descriptor is longer than the list that it stands in")

// descriptor is one full status descriptor as it came. SPC-4 6.15.5.
type descriptor []byte

func (d descriptor) key() scsi.Key       { return scsi.Key(binary.BigEndian.Uint64(d)) }
func (d descriptor) allPorts() bool      { return d[12]&0x02 != 0 }
func (d descriptor) holder() bool        { return d[12]&0x01 != 0 }
func (d descriptor) port() uint16        { return binary.BigEndian.Uint16(d[18:]) }
func (d descriptor) transportID() []byte { return d[descriptorSize:] }

// descriptors takes a list apart. One that did not arrive whole is left out;
// one that does not fit into the whole list is an error.
func (a *answer) descriptors() ([]descriptor, error) {
	var list []descriptor
	b, left := a.body(), a.length()
	for left > 0 {
		if left < descriptorSize {
			return nil, errDescriptor
		}
		if len(b) < descriptorSize {
			break
		}
		n := descriptorSize + int64(binary.BigEndian.Uint32(b[20:]))
		if n > left {
			return nil, errDescriptor
		}
		if n > int64(len(b)) {
			break
		}
		list = append(list, descriptor(b[:n]))
		b, left = b[n:], left-n
	}
	return list, nil
}

func fullStatusText(a *answer, verbose bool) (string, error) {
	list, err := a.descriptors()
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("  PR generation=0x%x\n", a.generation())
	if a.length() == 0 {
		text += "  No full status descriptors\n"
		if verbose {
			text += "  So there are no registered IT nexuses\n"
		}
	}
	for _, d := range list {
		text += d.text()
	}
	return text, nil
}

func (d descriptor) text() string {
	const indent = "      "
	text := fmt.Sprintf("    Key=%s\n", d.key())
	if d.allPorts() {
		text += indent + "All target ports bit set\n"
	} else {
		text += indent + "All target ports bit clear\n"
		text += fmt.Sprintf("%sRelative port address: 0x%x\n", indent, d.port())
	}
	if d.holder() {
		text += indent + "<< Reservation holder >>\n" + indent + scopeText(d[13])
	} else {
		text += indent + "not reservation holder\n"
	}
	if len(d.transportID()) > 0 {
		text += transportIDText(indent, d.transportID())
	}
	return text
}
