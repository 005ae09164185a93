package vg

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"lunguard/pr"
	"lunguard/scsi"
)

// Identity tells what sysfs knows of the I_T nexus of a path. What it does not
// know stays zero.
func (s *System) Identity(path string) pr.Identity {
	dir, err := s.folder(path)
	if err != nil {
		return pr.Identity{}
	}
	return identityIn(dir)
}

// identityIn is the identity of the disk or sg device whose folder is dir.
func identityIn(dir string) pr.Identity {
	var id pr.Identity
	scsiDir := filepath.Join(dir, "device")
	if page, err := os.ReadFile(filepath.Join(scsiDir, "vpd_pg83")); err == nil {
		if names, err := scsi.DecodeDesignators(page); err == nil {
			id.RelativePort = names.TargetPort().Relative
		}
	}
	if session := sessionOf(dir); session != "" {
		id.Initiator, id.Guessed = session.initiator()
		return id
	}
	host := above(dir, "host")
	if wwpn, err := strconv.ParseUint(attribute(host, filepath.Join("fc_host", filepath.Base(host), "port_name")), 0, 64); host != "" && err == nil {
		id.Initiator = scsi.FCTransportID(wwpn)
	} else if address, ok := sasAddress(host); ok {
		id.Initiator = scsi.SASTransportID(address)
	}
	return id
}

// sasAddress is the one address of a SAS adapter. One whose phys have several
// does not say which of them a disk is reached by.
func sasAddress(host string) (uint64, bool) {
	if host == "" {
		return 0, false
	}
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
