package vg

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// MisnamedError says that a device's name is that of another LUN than it leads to: udev
// makes links of worldwide names, and one that it has not made anew leads to whatever has
// the kernel's name by now. It is an ErrMisnamed.
type MisnamedError struct {
	// Link is the name that says so; the device's own, or one on the way from it.
	Link string
	// Stated is the worldwide name that it states, WWID what the LUN is called.
	Stated, WWID string
}

func (e *MisnamedError) Error() string {
	return fmt.Sprintf("%v: %s, and %s leads to %s", ErrMisnamed, e.Stated, filepath.Base(e.Link), e.WWID)
}

// Unwrap gives the class.
func (e *MisnamedError) Unwrap() error { return ErrMisnamed }

// mostLinks is how many links may lead to each other.
const mostLinks = 8

// CheckName compares what a device's name states, or a link that it leads to by readlink,
// with what its LUN is known by. It returns what is stated, a whole name that the LUN has to
// answer to; empty for none. Errors: *MisnamedError.
func CheckName(device string, readlink func(string) (string, error), known []string) (stated string, err error) {
	for range mostLinks {
		if name := statedBy(device); name != "" {
			same, other := false, ""
			for _, wwid := range known {
				if strings.HasPrefix(wwid, name) {
					same = true
				} else if isLike(name, wwid) {
					other = wwid
				}
			}
			switch {
			case !same && other != "":
				return "", &MisnamedError{Link: device, Stated: name, WWID: other}
			case !isHalf(name):
				stated = name
			}
		}
		to, err := readlink(device)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(device), to)
		}
		device = to
	}
	return stated, nil
}

// statedBy is the worldwide name that a device's name states, in the spelling of WWID:
// those of udev in /dev/disk/by-id, and those of maps that multipathd has given no other.
// It is empty for a name that states none, or one that is no number, which is not spelt
// alike everywhere.
func statedBy(device string) string {
	const shortest = len("3") + 16
	if len(filepath.Base(device)) < shortest {
		return ""
	}
	// In front of the number scsi_id has the type of the designator. Behind it is a partition's.
	name := regexp.MustCompile(`(?i)/(?:wwn-|scsi-|nvme-|dm-name-|dm-uuid-(?:part\d+-)?mpath-|mapper/)` +
		`(?:(?:3|0x)([235][\da-f]{15}|6[\da-f]{15}(?:[\da-f]{16})?)|2([\da-f]{16}(?:[\da-f]{8}){0,2})|(eui\.(?:[\da-f]{16}){1,2}|uuid\.[\da-f-]{36}))` +
		`(?:-part\d+|p\d+)?$`).FindStringSubmatch(device)
	switch {
	case name == nil:
		return ""
	case name[1] != "":
		name[3] = "naa." + name[1]
	case name[2] != "":
		name[3] = "eui." + name[2]
	}
	return strings.ToLower(name[3])
}

// isHalf reports whether a name is the upper half of one: udev calls that the WWN.
func isHalf(name string) bool { return strings.HasPrefix(name, "naa.6") && len(name) < len("naa.")+32 }

// isLike reports whether a LUN that has one of the names has no other one like it: they are
// of one type of designator, of NAA of one of its own, and of one length. A namespace that
// the kernel calls by its UUID has no NAA, and one that it calls nvme. has no other name.
func isLike(name, wwid string) bool {
	if strings.HasPrefix(wwid, "nvme.") || name[0] == 'n' && strings.HasPrefix(wwid, "uuid.") {
		return true
	}
	kind := len("eui.")
	if name[0] == 'n' {
		kind++
	}
	return len(wwid) >= kind && wwid[:kind] == name[:kind] && (len(wwid) == len(name) || isHalf(name))
}
