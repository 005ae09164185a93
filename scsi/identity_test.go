package scsi

import (
	"testing"

	"lunguard/pr"
)

// A nexus is found in the list of registrations, or is known not to be in it,
// or too little is known: then nothing is claimed.
func TestIdentity(t *testing.T) {
	const iqn = "iqn.2026-01.test:a"
	own := Identity{Initiator: ISCSIPortTransportID(iqn, 0x00023d000007), Guessed: true, RelativePort: 2}
	told := Identity{Initiator: ISCSIPortTransportID(iqn, 0x80123d000007), RelativePort: 2}
	fc := Identity{Initiator: FCTransportID(0x2100_0000_0000_0001), RelativePort: 2}
	at := func(id TransportID, port uint16) Registration {
		return FullStatus{TransportID: id, RelativePort: port}.Registration()
	}
	for name, c := range map[string]struct {
		id   Identity
		r    Registration
		want pr.Likeness
	}{
		"the same session":        {own, at(ISCSIPortTransportID(iqn, 0x00023d000007), 2), pr.Alike},
		"in capitals":             {own, at(ISCSIPortTransportID("IQN.2026-01.TEST:A", 0x00023d000007), 2), pr.Alike},
		"an earlier session":      {own, at(ISCSIPortTransportID(iqn, 0x00023d000003), 2), pr.Unlike},
		"another scheme":          {own, at(ISCSIPortTransportID(iqn, 0x80123d000003), 2), pr.Perhaps},
		"told, another session":   {told, at(ISCSIPortTransportID(iqn, 0x80123d000003), 2), pr.Unlike},
		"told, the same":          {told, at(ISCSIPortTransportID(iqn, 0x80123d000007), 2), pr.Alike},
		"zeros left out":          {own, at(iscsiTransportID(0x45, iqn+",i,0x23d000007"), 2), pr.Alike},
		"no ISID there":           {own, at(ISCSIDeviceTransportID(iqn), 2), pr.Perhaps},
		"no ISID here":            {Identity{Initiator: ISCSIDeviceTransportID(iqn), RelativePort: 2}, at(ISCSIPortTransportID(iqn, 1), 2), pr.Perhaps},
		"no ISID at all":          {Identity{Initiator: ISCSIDeviceTransportID(iqn), RelativePort: 2}, at(ISCSIDeviceTransportID(iqn), 2), pr.Perhaps},
		"another initiator":       {own, at(ISCSIPortTransportID(iqn+"b", 0x00023d000007), 2), pr.Unlike},
		"another port":            {own, at(ISCSIPortTransportID(iqn, 0x00023d000007), 1), pr.Unlike},
		"port not known here":     {Identity{Initiator: own.Initiator}, at(PortOf(own.Initiator), 2), pr.Perhaps},
		"port not known there":    {own, at(PortOf(own.Initiator), 0), pr.Perhaps},
		"another, port not known": {Identity{Initiator: own.Initiator, Guessed: true}, at(ISCSIPortTransportID(iqn, 0x00023d000003), 2), pr.Unlike},
		"all ports":               {own, Registration{Initiator: own.Initiator, AllPorts: true}, pr.Alike},
		"nothing known":           {Identity{}, at(PortOf(own.Initiator), 2), pr.Perhaps},
		"only the port known":     {Identity{RelativePort: 1}, at(PortOf(own.Initiator), 2), pr.Unlike},
		"no TransportID":          {own, at(TransportID{}, 2), pr.Perhaps},
		"FC":                      {fc, at(FCTransportID(0x2100_0000_0000_0001), 2), pr.Alike},
		"another adapter":         {fc, at(FCTransportID(0x2100_0000_0000_0002), 2), pr.Unlike},
		"another transport":       {fc, at(PortOf(own.Initiator), 2), pr.Unlike},
	} {
		if got := c.id.Likens(c.r); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
