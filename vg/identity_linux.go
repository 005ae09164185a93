package vg

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"lunguard/pr"
	"lunguard/scsi"
)

// identity is what sysfs knows of the I_T nexus of the disk or sg device whose
// folder is dir. What it does not know stays zero.
func (d *scsiDisks) identity(sysfs, dir string) pr.Identity {
	scsiDir := dir
	if filepath.Base(filepath.Dir(dir)) == "block" {
		scsiDir = scsiFolder(dir)
	} else if to, err := os.Readlink(filepath.Join(dir, "device")); err == nil {
		scsiDir = absolute(dir, to)
	}
	d.read(sysfs)
	defer d.mu.Unlock()
	of, ok := d.names[filepath.Base(scsiDir)]
	if !ok {
		of = readDiskNames(filepath.Join(dir, "device"))
	}
	id := d.initiatorOf(dir)
	id.RelativePort = of.port
	return id
}

// initiatorOf is the initiator port of a disk, which many have: it is looked up
// once.
func (d *scsiDisks) initiatorOf(dir string) pr.Identity {
	at := cmp.Or(string(sessionOf(dir)), above(dir, "host"))
	id, ok := d.ports[at]
	if !ok {
		id = initiatorIn(at)
		d.ports[at] = id
	}
	return id
}

// initiatorIn is the initiator port of an iSCSI session or of an adapter, whose
// folder is at; empty for none.
func initiatorIn(at string) pr.Identity {
	var id pr.Identity
	if s := sessionOf(at); s != "" {
		id.Initiator, id.Guessed = s.initiator()
		return id
	}
	if at == "" {
		return id
	}
	if wwpn, err := strconv.ParseUint(attribute(at, filepath.Join("fc_host", filepath.Base(at), "port_name")), 0, 64); err == nil {
		id.Initiator = scsi.FCTransportID(wwpn)
	} else if address, ok := sasAddress(at); ok {
		id.Initiator = scsi.SASTransportID(address)
	}
	return id
}

// sasAddress is the one address of a SAS adapter. One whose phys have several
// does not say which of them a disk is reached by.
func sasAddress(host string) (uint64, bool) {
	// The adapter's own phys are phy-H:N, those of an expander phy-H:E:N.
	phys, _ := filepath.Glob(filepath.Join(host, "phy-*", "sas_phy", "phy-*", "sas_address"))
	var found uint64
	for _, file := range phys {
		address, err := strconv.ParseUint(attribute(filepath.Dir(file), "sas_address"), 0, 64)
		if err != nil || address == 0 || found != 0 && address != found {
			return 0, false
		}
		found = address
	}
	return found, found != 0
}

// above is the folder on the way to dir whose name is a word and a number; empty
// if there is none. Sysfs lays a disk below its target, that below its session
// or port, that below its adapter.
func above(dir, word string) string {
	for ; dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if number, ok := strings.CutPrefix(filepath.Base(dir), word); ok && number != "" && strings.Trim(number, "0123456789") == "" {
			return dir
		}
	}
	return ""
}

// session is the sysfs folder of an iSCSI session; empty for none.
type session string

// sessionOf finds the session of a disk.
func sessionOf(dir string) session { return session(above(dir, "session")) }

// attribute reads one of the session's parameters.
func (s session) attribute(name string) string {
	if s == "" {
		return ""
	}
	return attribute(string(s), filepath.Join("iscsi_session", filepath.Base(string(s)), name))
}

// initiatorName is the iSCSI name of the initiator, empty if it is not known.
func (s session) initiatorName() string {
	if name := s.attribute("initiatorname"); name != "" && name != "(null)" {
		return name
	}
	host := above(string(s), "host")
	if host == "" {
		return ""
	}
	return attribute(host, filepath.Join("iscsi_host", filepath.Base(host), "initiatorname"))
}

// openISCSI is the upper half of every ISID that open-iscsi makes. The lower
// half is the number of the session.
const openISCSI = 0x00023d << 24

// initiator is the initiator port. Adapters that log in by themselves tell the
// ISID; open-iscsi makes it of the session's number.
func (s session) initiator() (id pr.Initiator, guessed bool) {
	name := s.initiatorName()
	if name == "" {
		return nil, false
	}
	if isid, err := strconv.ParseUint(s.attribute("isid"), 16, 48); err == nil && isid != 0 {
		return scsi.ISCSIPortTransportID(name, isid), false
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(filepath.Base(string(s)), "session"), 10, 24)
	if err != nil {
		return scsi.ISCSIDeviceTransportID(name), false
	}
	return scsi.ISCSIPortTransportID(name, openISCSI|number), true
}
