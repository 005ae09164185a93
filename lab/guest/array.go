//go:build lab

package guest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Where the pieces of an array live.
const (
	targetFS   = "/sys/kernel/config/target"
	backendDir = targetFS + "/core/fileio_0"
	fabricDir  = targetFS + "/iscsi"
	lunDir     = "/var/lab"       // the LUNs' content
	aptplDir   = "/var/target/pr" // where LIO keeps registrations that outlive a power loss
)

// iqnPrefix begins the names of all targets and initiators.
const iqnPrefix = "iqn.2026-01.lab:"

// firstPort is the TCP port of the first target port; the others follow it.
const firstPort = 3260

// Array is an iSCSI target with LUNs 0 to n-1. Its commands come from the kernel's own
// target code, so the persistent reservations are real.
//
// It has a target port (a target portal group, in LIO's words) for each path that a node
// uses: path 0 of all nodes goes to port 0, path 1 to port 1. LIO decides by initiator name
// and target port, not by session, whether a writer is registered; a node whose paths
// shared a port could write through all of them after registering through one.
type Array struct {
	Name string // of the array; the target is iqn.2026-01.lab:NAME

	luns  []string // serial numbers
	ports int      // target ports so far
	nodes []*Node  // in order of their first login
	stuck bool     // cannot be taken down
	media *media   // where the LUNs' content can be stopped, nil where it cannot
}

// NewArray makes an array with nLUNs thin LUNs of sizeMB each. It is taken down, after its
// nodes have been logged out, when the test ends. Names must be unique within a test.
func NewArray(t testing.TB, name string, nLUNs, sizeMB int) *Array {
	t.Helper()
	return (&Array{Name: name}).make(t, nLUNs, sizeMB)
}

// make makes the LUNs.
func (a *Array) make(t testing.TB, nLUNs, sizeMB int) *Array {
	t.Helper()
	t.Cleanup(func() {
		if err := a.remove(); err != nil {
			t.Errorf("taking array %s down: %v", a.Name, err)
		}
	})
	for lun := range nLUNs {
		if err := a.addLUN(lun, int64(sizeMB)<<20); err != nil {
			t.Fatalf("array %s, LUN %d: %v", a.Name, lun, err)
		}
	}
	return a
}

// IQN is the name of the array's target.
func (a *Array) IQN() string { return iqnPrefix + a.Name }

// Serial is a LUN's unit serial number, 32 hexadecimal digits.
func (a *Array) Serial(lun int) string { return a.luns[lun] }

// WWID is a LUN's name as multipath and udev form it: 3, the vendor's 6001405 and the
// first 25 digits of the serial number.
func (a *Array) WWID(lun int) string { return "36001405" + a.luns[lun][:25] }

// APTPLFile is where the target keeps a LUN's registrations if they were made with APTPL.
func (a *Array) APTPLFile(lun int) string {
	return filepath.Join(aptplDir, "aptpl_"+a.luns[lun])
}

func (a *Array) target() string { return filepath.Join(fabricDir, a.IQN()) }

// portal is the folder of a target port. Portal groups are numbered from 1.
func (a *Array) portal(port int) string {
	return filepath.Join(a.target(), "tpgt_"+strconv.Itoa(port+1))
}

// device is the name of a LUN's backend.
func (a *Array) device(lun int) string { return fmt.Sprintf("%s-%d", a.Name, lun) }

// backend is the folder of a LUN's backend.
func (a *Array) backend(lun int) string {
	if a.media != nil {
		return filepath.Join(blockBackendDir, a.device(lun))
	}
	return filepath.Join(backendDir, a.device(lun))
}

// file holds a LUN's content.
func (a *Array) file(lun int) string { return filepath.Join(lunDir, a.device(lun)) }

// addLUN makes a file and a backend on it.
func (a *Array) addLUN(lun int, size int64) error {
	if err := os.MkdirAll(lunDir, 0o755); err != nil {
		return err
	}
	a.luns = append(a.luns, serial(a.device(lun)))
	if err := os.WriteFile(a.file(lun), nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(a.file(lun), size); err != nil {
		return err
	}
	return a.addBackend(lun)
}

// addBackend makes a LUN of its file.
func (a *Array) addBackend(lun int) error {
	info, err := os.Stat(a.file(lun))
	if err != nil {
		return err
	}
	dev := a.backend(lun)
	if err := os.MkdirAll(dev, 0o755); err != nil {
		return err
	}
	control := fmt.Sprintf("fd_dev_name=%s,fd_dev_size=%d", a.file(lun), info.Size())
	if a.media != nil {
		disk, err := a.media.add(a.device(lun), a.file(lun), info.Size())
		if err != nil {
			return err
		}
		control = "udev_path=" + disk
	}
	return writeAttrs(dev, []attr{
		{"control", control}, {"wwn/vpd_unit_serial", a.luns[lun]}, {"enable", "1"},
	})
}

// open makes the target ports up to a number, each with all LUNs, listening on all
// addresses. Arrays share the TCP ports; the target's name tells them apart.
func (a *Array) open(ports int) error {
	for ; a.ports < ports; a.ports++ {
		tpg := a.portal(a.ports)
		for lun := range a.luns {
			dir := filepath.Join(tpg, "lun", lunName(lun))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if err := os.Symlink(a.backend(lun), filepath.Join(dir, a.device(lun))); err != nil {
				return err
			}
		}
		np := fmt.Sprintf("0.0.0.0:%d", firstPort+a.ports)
		if err := os.MkdirAll(filepath.Join(tpg, "np", np), 0o755); err != nil {
			return err
		}
		if err := writeAttrs(tpg, []attr{{"attrib/authentication", "0"}, {"enable", "1"}}); err != nil {
			return err
		}
	}
	return nil
}

// admit lets an initiator see all LUNs through a target port.
func (a *Array) admit(iqn string, port int) error {
	acl := filepath.Join(a.portal(port), "acls", iqn)
	for lun := range a.luns {
		dir := filepath.Join(acl, lunName(lun))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		exported := filepath.Join(a.portal(port), "lun", lunName(lun))
		if err := os.Symlink(exported, filepath.Join(dir, a.device(lun))); err != nil {
			return err
		}
	}
	return nil
}

// lunName is what configfs calls a LUN.
func lunName(lun int) string { return "lun_" + strconv.Itoa(lun) }

// Abandon leaves the array there when the test ends, without sessions. It is for tests that
// make the kernel lose a reference to it: taking it down would wait forever.
func (a *Array) Abandon() { a.stuck = true }

// remove takes everything down, in the order that configfs wants: links, then what they
// point at, then parents. It goes on after an error and reports all.
func (a *Array) remove() error {
	var errs []error
	for _, n := range a.nodes {
		errs = append(errs, leave(n))
	}
	if a.stuck {
		return errors.Join(errs...)
	}
	errs = append(errs, a.removeTarget(), a.removeBackends())
	for lun := range a.luns {
		errs = append(errs, removeExisting(a.file(lun)), removeExisting(a.APTPLFile(lun)))
	}
	return errors.Join(errs...)
}

// removeTarget takes down all that can be logged in to.
func (a *Array) removeTarget() error {
	var errs []error
	for port := range a.ports {
		errs = append(errs, writeAttr(filepath.Join(a.portal(port), "enable"), "0"))
	}
	for _, pattern := range []string{
		"acls/*/lun_*/" + a.Name + "-*", "acls/*/lun_*", "acls/" + iqnPrefix + "*",
		"lun/lun_*/" + a.Name + "-*", "lun/lun_*", "np/*", "",
	} {
		found, err := filepath.Glob(filepath.Join(a.target(), "tpgt_*", pattern))
		errs = append(errs, err)
		for _, name := range found {
			errs = append(errs, removeExisting(name))
		}
	}
	return errors.Join(append(errs, removeExisting(a.target()))...)
}

// removeBackends takes the LUNs down and leaves their files.
func (a *Array) removeBackends() error {
	var errs []error
	for lun := range a.luns {
		errs = append(errs, removeExisting(a.backend(lun)))
	}
	if a.media != nil {
		errs = append(errs, a.media.remove())
	}
	return errors.Join(errs...)
}

// removeExisting removes a file, link or configfs folder that may not be there.
func removeExisting(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// attr is a file of configfs or sysfs and what to write to it.
type attr struct{ name, value string }

func writeAttrs(dir string, attrs []attr) error {
	for _, a := range attrs {
		if err := writeAttr(filepath.Join(dir, a.name), a.value); err != nil {
			return err
		}
	}
	return nil
}

// writeAttr writes a kernel attribute in one system call, as attributes want it.
func writeAttr(file, value string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("writing %q: %w", value, err)
	}
	return nil
}

// serial makes a unit serial number from a backend's name: the same in every run, so that
// logs compare, and different for every LUN of a run.
func serial(device string) string {
	h := fnv.New128a()
	h.Write([]byte(device))
	return fmt.Sprintf("%032x", h.Sum(nil))
}
