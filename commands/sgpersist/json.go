package sgpersist

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"

	"lunguard/scsi"
)

// report is what --json prints: one object, with an entry for each device.
type report struct {
	Devices []*entry `json:"devices"`
}

// entry is one device. What is not known is left out, so that a list that is
// empty is one that the device gave.
type entry struct {
	Device       string            `json:"device"`
	Inquiry      *inquiry          `json:"inquiry,omitempty"`
	Action       string            `json:"service_action"`
	Generation   *uint32           `json:"generation,omitempty"`
	Keys         *[]string         `json:"keys,omitempty"`
	Reserved     *bool             `json:"reserved,omitempty"`
	Reservation  *reservation      `json:"reservation,omitempty"`
	Nexuses      *[]registration   `json:"full_status,omitempty"`
	Capabilities *capabilityReport `json:"capabilities,omitempty"`
	Data         string            `json:"data,omitempty"`
	Truncated    bool              `json:"truncated,omitempty"`
	Status       int               `json:"exit_status"`
}

type inquiry struct {
	Vendor   string `json:"vendor"`
	Product  string `json:"product"`
	Revision string `json:"revision"`
	Type     string `json:"type"`
}

type reservation struct {
	Key   string `json:"key"`
	Scope uint8  `json:"scope"`
	Type  uint8  `json:"type"`
	Name  string `json:"type_name"`
}

type registration struct {
	Key      string       `json:"key"`
	AllPorts bool         `json:"all_target_ports"`
	Port     *uint16      `json:"relative_target_port,omitempty"`
	Holder   bool         `json:"holder"`
	Held     *reservation `json:"reservation,omitempty"`
	ID       string       `json:"transport_id,omitempty"`
	Bytes    string       `json:"transport_id_bytes,omitempty"`
}

type capabilityReport struct {
	ReplaceLost    bool  `json:"rlr_c"`
	Compatible     bool  `json:"crh"`
	SpecIPT        bool  `json:"sip_c"`
	AllTargetPorts bool  `json:"atp_c"`
	PersistCapable bool  `json:"ptpl_c"`
	TypesValid     bool  `json:"tmv"`
	AllowCommands  uint8 `json:"allow_commands"`
	PersistActive  bool  `json:"ptpl_a"`
	// Types are not of uint8, which would be printed as one text in base64.
	Types []int `json:"types,omitempty"`
}

func (r *report) add(device, action string) *entry {
	e := &entry{Device: device, Action: action}
	r.Devices = append(r.Devices, e)
	return e
}

func (r *report) write(w io.Writer) {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	// Nothing in it can fail but the stream, and there is nobody to tell.
	_ = enc.Encode(r)
}

// answer takes the answer of a PERSISTENT RESERVE IN over.
func (e *entry) answer(action scsi.InAction, a *answer, raw bool) {
	generation := a.generation()
	e.Generation, e.Truncated = &generation, a.whole > int64(len(a.data))
	if raw {
		e.Data = hex.EncodeToString(a.data[:headerSize+len(a.body())])
		return
	}
	switch action {
	case scsi.InReadKeys:
		keys := []string{}
		for _, k := range a.keys() {
			keys = append(keys, k.String())
		}
		e.Keys = &keys
	case scsi.InReadReservation:
		reserved := a.length() > 0
		e.Reserved = &reserved
		if b := a.body(); len(b) >= reservationSize-2 {
			e.Reservation = heldReservation(scsi.Key(binary.BigEndian.Uint64(b)), b[13])
		}
	case scsi.InReadFullStatus:
		// It has been printed, so there is no error.
		list, _ := a.descriptors()
		nexuses := []registration{}
		for _, d := range list {
			nexuses = append(nexuses, d.registration())
		}
		e.Nexuses = &nexuses
	}
}

func heldReservation(key scsi.Key, b byte) *reservation {
	return &reservation{Key: key.String(), Scope: b >> 4, Type: b & 0x0f, Name: typeText(b & 0x0f)}
}

func (d descriptor) registration() registration {
	r := registration{Key: d.key().String(), AllPorts: d.allPorts(), Holder: d.holder()}
	if !r.AllPorts {
		port := d.port()
		r.Port = &port
	}
	if r.Holder {
		r.Held = heldReservation(d.key(), d[13])
	}
	if id := d.transportID(); len(id) > 0 {
		r.Bytes = hex.EncodeToString(id)
		if t, err := scsi.DecodeTransportID(id); err == nil {
			r.ID = t.String()
		}
	}
	return r
}

// capabilities takes the answer of REPORT CAPABILITIES over.
func (e *entry) capabilities(data []byte, raw bool) {
	if raw {
		e.Data = hex.EncodeToString(data)
		return
	}
	var c scsi.Capabilities
	if c.UnmarshalBinary(data) != nil {
		return
	}
	e.Capabilities = &capabilityReport{
		ReplaceLost: c.ReplaceLost, Compatible: c.CompatibleHandle, SpecIPT: c.SpecIPT,
		AllTargetPorts: c.AllTargetPorts, PersistCapable: c.PersistCapable, TypesValid: c.TypesValid,
		AllowCommands: c.AllowCommands, PersistActive: c.PersistActive,
	}
	for t := scsi.Type(0); t < 16; t++ {
		if c.TypesValid && c.Types.Has(t) {
			e.Capabilities.Types = append(e.Capabilities.Types, int(t))
		}
	}
}

// trimmed is a text of the device without the blanks that fill it up.
func trimmed(b []byte) string { return strings.TrimSpace(field(b)) }

// field is a text of the device up to its first NUL, with what could steer a
// terminal made visible.
func field(b []byte) string {
	text := make([]byte, 0, len(b))
	for _, c := range b {
		if c == 0 {
			break
		}
		if c < ' ' || c > '~' {
			c = '?'
		}
		text = append(text, c)
	}
	return string(text)
}
