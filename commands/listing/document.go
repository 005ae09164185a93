package listing

import (
	"lunguard/commands/front"
	"lunguard/commands/likeness"
	"lunguard/commands/picture"
	"lunguard/pr"
)

// document is what --json prints, and what --diff reads.
type document struct {
	front.Envelope
	LUNs []shownLUN `json:"luns"`
}

type shownLUN struct {
	LUN     string   `json:"lun"`
	WWID    string   `json:"wwid"`
	Links   []string `json:"links"`
	Size    *uint64  `json:"bytes"`
	Vendor  string   `json:"vendor"`
	Model   string   `json:"model"`
	Group   string   `json:"volume_group"`
	Use     string   `json:"use"`
	Known   bool     `json:"known"`
	Reason  string   `json:"reason,omitempty"`
	Capable bool     `json:"has_reservations"`
	// What follows is null if it is not known.
	Generation    *uint32             `json:"generation"`
	Type          *string             `json:"type"`
	Holder        *string             `json:"holder_key"`
	Persists      *bool               `json:"survives_power_loss"`
	Registrations []shownRegistration `json:"registrations"`
	Paths         []shownPath         `json:"paths"`
}

type shownRegistration struct {
	Key       string  `json:"key"`
	Text      string  `json:"key_text,omitempty"`
	Holder    bool    `json:"holder"`
	AllPorts  bool    `json:"all_ports"`
	Port      *uint16 `json:"port"`
	Initiator string  `json:"initiator"`
	Host      string  `json:"host"`
	Ours      bool    `json:"ours"`
	Whose     string  `json:"whose"`
}

type shownPath struct {
	Path      string  `json:"path"`
	Works     bool    `json:"works"`
	Reason    string  `json:"reason,omitempty"`
	Port      *uint16 `json:"port"`
	Initiator string  `json:"initiator"`
}

func (v *view) document() *document {
	d := &document{LUNs: []shownLUN{}}
	for _, l := range v.shown() {
		d.LUNs = append(d.LUNs, v.shownLUN(l))
	}
	return d
}

// known is a pointer to what is not 0.
func known[T comparable](n T) *T {
	var zero T
	if n == zero {
		return nil
	}
	return &n
}

func (v *view) shownLUN(l *lun) shownLUN {
	s := shownLUN{LUN: l.Device, WWID: l.WWID, Links: append([]string{}, l.Links...), Size: known(l.Size), Vendor: l.Vendor, Model: l.Model,
		Group: l.group, Use: l.use(), Known: !l.unknown(), Capable: !l.incapable(), Paths: []shownPath{}}
	if l.err != nil {
		s.Reason = l.reason()
	}
	if l.can != nil {
		s.Persists = &l.can.Persisting
	}
	for _, p := range l.paths {
		one := shownPath{Path: p.name, Works: p.err == nil, Port: known(p.RelativePort), Initiator: initiatorName(p.Initiator)}
		if p.err != nil {
			one.Reason = p.state()
		}
		s.Paths = append(s.Paths, one)
	}
	for _, gone := range l.Gone {
		s.Paths = append(s.Paths, shownPath{Path: gone, Reason: "gone"})
	}
	if l.state == nil {
		return s
	}
	s.Generation, s.Registrations = &l.state.Generation, []shownRegistration{}
	none := ""
	s.Type, s.Holder = &none, &none
	if held := l.state.Reservation; held != nil {
		typ, holder := held.Type.String(), ""
		if held.Key != 0 {
			holder = held.Key.String()
		}
		s.Type, s.Holder = &typ, &holder
	}
	for _, k := range v.keys(l) {
		for _, r := range l.state.Registrations {
			if r.Key == k {
				s.Registrations = append(s.Registrations, v.shownRegistration(l, r))
			}
		}
	}
	return s
}

func (v *view) shownRegistration(l *lun, r pr.Registration) shownRegistration {
	_, ours := v.ours(r.Key)
	return shownRegistration{Key: r.Key.String(), Text: picture.Printable(likeness.Text(r.Key)), Holder: v.holdsBy(l, r) != "", AllPorts: r.AllPorts, Port: known(r.RelativePort),
		Initiator: initiatorName(r.Initiator), Host: v.of(r.Initiator), Ours: ours, Whose: v.whose(r.Key)}
}
