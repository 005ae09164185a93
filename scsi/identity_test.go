package scsi

import "testing"

// A nexus is found in the list of registrations, or is known not to be in it,
// or too little is known: then nothing is claimed.
func TestIdentity(t *testing.T) {
	const iqn = "iqn.2026-01.test:a"
	own := Identity{Initiator: ISCSIPortTransportID(iqn, 0x00023d000007), GuessedISID: true, RelativePort: 2}
	told := Identity{Initiator: ISCSIPortTransportID(iqn, 0x80123d000007), RelativePort: 2}
	fc := Identity{Initiator: FCTransportID(0x2100_0000_0000_0001), RelativePort: 2}
	at := func(id TransportID, port uint16) FullStatus { return FullStatus{TransportID: id, RelativePort: port} }
	for name, c := range map[string]struct {
		id   Identity
		r    FullStatus
		want Likeness
	}{
		"the same session":        {own, at(ISCSIPortTransportID(iqn, 0x00023d000007), 2), Alike},
		"in capitals":             {own, at(ISCSIPortTransportID("IQN.2026-01.TEST:A", 0x00023d000007), 2), Alike},
		"an earlier session":      {own, at(ISCSIPortTransportID(iqn, 0x00023d000003), 2), Unlike},
		"another scheme":          {own, at(ISCSIPortTransportID(iqn, 0x80123d000003), 2), Perhaps},
		"told, another session":   {told, at(ISCSIPortTransportID(iqn, 0x80123d000003), 2), Unlike},
		"told, the same":          {told, at(ISCSIPortTransportID(iqn, 0x80123d000007), 2), Alike},
		"zeros left out":          {own, at(iscsiTransportID(0x45, iqn+",i,0x23d000007"), 2), Alike},
		"no ISID there":           {own, at(ISCSIDeviceTransportID(iqn), 2), Perhaps},
		"no ISID here":            {Identity{Initiator: ISCSIDeviceTransportID(iqn), RelativePort: 2}, at(ISCSIPortTransportID(iqn, 1), 2), Perhaps},
		"no ISID at all":          {Identity{Initiator: ISCSIDeviceTransportID(iqn), RelativePort: 2}, at(ISCSIDeviceTransportID(iqn), 2), Perhaps},
		"another initiator":       {own, at(ISCSIPortTransportID(iqn+"b", 0x00023d000007), 2), Unlike},
		"another port":            {own, at(ISCSIPortTransportID(iqn, 0x00023d000007), 1), Unlike},
		"port not known here":     {Identity{Initiator: own.Initiator}, at(own.Initiator, 2), Perhaps},
		"port not known there":    {own, at(own.Initiator, 0), Perhaps},
		"another, port not known": {Identity{Initiator: own.Initiator, GuessedISID: true}, at(ISCSIPortTransportID(iqn, 0x00023d000003), 2), Unlike},
		"all ports":               {own, FullStatus{TransportID: own.Initiator, AllTgtPort: true}, Alike},
		"nothing known":           {Identity{}, at(own.Initiator, 2), Perhaps},
		"only the port known":     {Identity{RelativePort: 1}, at(own.Initiator, 2), Unlike},
		"no TransportID":          {own, at(TransportID{}, 2), Perhaps},
		"FC":                      {fc, at(FCTransportID(0x2100_0000_0000_0001), 2), Alike},
		"another adapter":         {fc, at(FCTransportID(0x2100_0000_0000_0002), 2), Unlike},
		"another transport":       {fc, at(own.Initiator, 2), Unlike},
	} {
		if got := c.id.Likens(c.r); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
