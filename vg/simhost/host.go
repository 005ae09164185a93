// Package simhost makes hosts of folders: each has its own device files, of
// which opening one is one I_T nexus to a simulated LUN, and plain tables of
// its volume groups and, if there is one, of what it uses. Every command works on such a host unchanged.
//
//	HOST/dev/sda            lunguard-sim-device
//	                        lun ../../array/lun0
//	                        nexus iqn.2026-01.sim:jack3,i,0x800000000001/1
//	HOST/dev/sda1           lunguard-sim-device
//	                        part sda
//	HOST/dev/nvme0n1        lunguard-sim-device
//	                        namespace ../../array/ns0
//	                        host 6a61636b-3300-0000-0000-000000000000
//	                        controllers 1 2
//	HOST/dev/mapper/mpatha  lunguard-sim-device
//	                        paths sda sdc
//	HOST/vgs                iscsi_vg3 /dev/sda /dev/sdb
//	HOST/uses               /dev/sda mounted /dev/iscsi_vg3/lv1 /mnt/data
//
// The name of the folder is the name of the host.
package simhost

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi/simlun"
	"lunguard/vg"
)

// ErrNotHost says that a folder is no simulated host.
var ErrNotHost = errors.New("not a simulated host")

// magic is the first line of every device file.
const magic = "lunguard-sim-device"

// Host is a simulated host.
type Host struct{ dir string }

// Open finds the host in a folder. The error is ErrNotHost, or that of the
// file system.
func Open(dir string) (*Host, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(filepath.Join(dir, "dev")); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotHost)
	}
	return &Host{dir: dir}, nil
}

// Hostname is the name of the folder.
func (h *Host) Hostname() (string, error) { return filepath.Base(h.dir), nil }

// file is where the host keeps what it knows as path.
func (h *Host) file(path string) string { return filepath.Join(h.dir, filepath.Clean("/"+path)) }

// node is a device file.
type node struct {
	// lun and nexus are of a disk, paths of a multipath device, part is the
	// disk that a partition lies on. Names are without /dev/.
	lun   string
	nexus simlun.NexusID
	paths []string
	part  string
	// namespace, and the controllers of this host, are of an NVMe namespace.
	namespace   string
	host        nvme.HostID
	controllers []simns.Controller
}

// mostLinks is how many links may lead to each other.
const mostLinks = 8

// resolve follows links from one device file to another, such as those of udev, which are
// full names of the host or relative ones. It is the name that was given if they lead
// nowhere, or round in a circle.
func (h *Host) resolve(device string) string {
	for at, n := device, 0; n < mostLinks; n++ {
		to, err := os.Readlink(h.file(at))
		if err != nil {
			if _, err := os.Lstat(h.file(at)); err != nil {
				return device
			}
			return at
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(at), to)
		}
		at = to
	}
	return device
}

// readNode reads a device file. Errors: *vg.DeviceError.
func (h *Host) readNode(device string) (*node, error) {
	file := h.file(h.resolve(device))
	st, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP):
		return nil, &vg.DeviceError{Device: device, Err: fs.ErrNotExist}
	case err != nil:
		return nil, &vg.DeviceError{Device: device, Err: err}
	case !st.Mode().IsRegular():
		return nil, &vg.DeviceError{Device: device, Err: vg.ErrNotSCSIDisk}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &vg.DeviceError{Device: device, Err: errors.Unwrap(err)}
	}
	n, err := parseNode(string(text))
	if err != nil {
		return nil, &vg.DeviceError{Device: device, Err: err}
	}
	for _, at := range []*string{&n.lun, &n.namespace} {
		if *at != "" && !filepath.IsAbs(*at) {
			*at = filepath.Join(filepath.Dir(file), *at)
		}
	}
	return n, nil
}

func parseNode(text string) (*node, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if lines[0] != magic {
		return nil, vg.ErrNotSCSIDisk
	}
	n := &node{}
	for _, line := range lines[1:] {
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case "lun":
			n.lun = rest
		case "nexus":
			n.nexus, err = simlun.ParseNexus(rest)
		case "paths":
			n.paths = strings.Fields(rest)
		case "part":
			n.part = rest
		case "namespace":
			n.namespace = rest
		case "host":
			n.host, err = nvme.ParseHostID(rest)
		case "controllers":
			n.controllers, err = parseControllers(rest)
		default:
			err = fmt.Errorf("line %q of a device file", line)
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range n.controllers {
		n.controllers[i].Host = n.host
	}
	kinds := 0
	for _, is := range []bool{n.lun != "" || !n.nexus.IsZero(), len(n.paths) > 0, n.part != "", n.namespace != ""} {
		if is {
			kinds++
		}
	}
	if kinds != 1 || (n.lun == "") != n.nexus.IsZero() {
		return nil, errors.New("a device file has either lun and nexus, or paths, or part, or namespace, host and controllers")
	}
	if n.namespace != "" && (n.host.IsZero() || len(n.controllers) == 0) {
		return nil, vg.ErrNoHostID
	}
	return n, nil
}

// parseControllers reads the numbers of controllers.
func parseControllers(text string) ([]simns.Controller, error) {
	var list []simns.Controller
	for word := range strings.FieldsSeq(text) {
		id, err := strconv.ParseUint(word, 10, 16)
		if err != nil {
			return nil, err
		}
		list = append(list, simns.Controller{ID: uint16(id)})
	}
	return list, nil
}

func (n *node) text() string {
	switch {
	case n.part != "":
		return fmt.Sprintf("%s\npart %s\n", magic, n.part)
	case len(n.paths) > 0:
		return fmt.Sprintf("%s\npaths %s\n", magic, strings.Join(n.paths, " "))
	case n.namespace != "":
		var ids []string
		for _, c := range n.controllers {
			ids = append(ids, strconv.Itoa(int(c.ID)))
		}
		return fmt.Sprintf("%s\nnamespace %s\nhost %v\ncontrollers %s\n", magic, n.namespace, n.host, strings.Join(ids, " "))
	}
	return fmt.Sprintf("%s\nlun %s\nnexus %s\n", magic, n.lun, n.nexus)
}

// Disk finds the LUN under a device file.
func (h *Host) Disk(device string) (*vg.Disk, error) {
	d := &vg.Disk{Device: device}
	if err := h.collect(device, d, 0); err != nil {
		return nil, err
	}
	var err error
	if d.Stated, err = vg.CheckName(device, func(at string) (string, error) { return os.Readlink(h.file(at)) }, []string{d.WWID}); err != nil {
		return nil, &vg.DeviceError{Device: device, Err: err}
	}
	return d, nil
}

// Paths is Disk: disks of a simulated host belong together only if a multipath
// device says so.
func (h *Host) Paths(device string) (*vg.Disk, error) { return h.Disk(device) }

// device is a disk by what its device file says. As a name of the kernel's may
// become another disk's, a file may come to say another nexus: the number is of both.
func (n *node) device(name string) vg.Device {
	sum := fnv.New64a()
	if n.namespace != "" {
		fmt.Fprintf(sum, "%s %v", n.namespace, n.controllers)
		return vg.Device{Name: name, Number: fmt.Sprintf("sim:%x", sum.Sum64()), Namespace: true, Identity: n.host.Identity()}
	}
	fmt.Fprintf(sum, "%s %v", n.lun, n.nexus)
	return vg.Device{Name: name, Number: fmt.Sprintf("sim:%x", sum.Sum64()),
		Identity: pr.Identity{Initiator: n.nexus.Port(), RelativePort: n.nexus.RelativePort()}}
}

// deepest is how many device files may lie on each other.
const deepest = 4

// collect adds the paths under device to d. Each must lead to the same LUN.
func (h *Host) collect(device string, d *vg.Disk, depth int) error {
	device = h.resolve(device)
	n, err := h.readNode(device)
	if err != nil {
		return err
	}
	below := n.paths
	if n.part != "" {
		below = []string{n.part}
	}
	if len(below) == 0 {
		wwid, err := n.wwid()
		if err != nil {
			return &vg.DeviceError{Device: device, Err: err}
		}
		if d.WWID != "" && d.WWID != wwid {
			return &vg.DeviceError{Device: d.Device, Err: fmt.Errorf("%w: paths to %s and %s", vg.ErrStacked, d.WWID, wwid)}
		}
		d.WWID, d.Paths = wwid, append(d.Paths, n.device(device))
		return nil
	}
	if depth == deepest {
		return &vg.DeviceError{Device: d.Device, Err: vg.ErrStacked}
	}
	for _, name := range below {
		if err := h.collect("/dev/"+name, d, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// wwid is the name of the LUN or namespace.
func (n *node) wwid() (string, error) {
	if n.namespace == "" {
		unit, err := simlun.Describe(n.lun)
		return unit.Config.WWID, err
	}
	ns, err := simns.Describe(n.namespace)
	if err != nil {
		return "", err
	}
	return ns.Config.Names.WWIDs()[0], nil
}

// unknownUse stands in the table of uses for what cannot be told.
const unknownUse = "unknown"

// InUse looks the LUNs up in the host's table of uses. Each line is a device, a
// kind of use, what is used, and where that is mounted; or a device, unknown, and
// the reason why.
func (h *Host) InUse(disks []*vg.Disk) []vg.Usage {
	list := make([]vg.Usage, len(disks))
	for i, d := range disks {
		var err error
		if list[i].Uses, err = h.uses(d); err != nil {
			list[i].Err = &vg.DeviceError{Device: d.Device, Err: err}
		}
	}
	return list
}

// uses are those of one LUN.
func (h *Host) uses(d *vg.Disk) ([]vg.Use, error) {
	text, err := os.ReadFile(h.file("uses"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []vg.Use
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case len(words) < 3:
			return nil, fmt.Errorf("uses: line %d", i+1)
		}
		used, err := h.Disk(words[0])
		switch {
		case err != nil:
			return nil, err
		case used.WWID != d.WWID:
		case words[1] == unknownUse:
			return nil, errors.New(strings.Join(words[2:], " "))
		default:
			list = append(list, vg.Use{Kind: vg.UseKind(words[1]), Device: words[2], At: strings.Join(words[3:], " ")})
		}
	}
	return list, nil
}

// Open opens one nexus, if its device file still says the same.
func (h *Host) Open(path vg.Device) (vg.Path, error) {
	n, err := h.readNode(path.Name)
	if err != nil {
		return nil, err
	}
	if n.lun != "" && !n.device(path.Name).Same(path) {
		return nil, &vg.DeviceError{Device: path.Name, Err: vg.ErrOtherDevice}
	}
	return n.open(path.Name)
}

// OpenName opens whatever nexus a device file leads to, of a map one of its paths, as the
// kernel does.
func (h *Host) OpenName(path string) (vg.Path, error) {
	n, err := h.readNode(path)
	if err != nil {
		return nil, err
	}
	if len(n.paths) > 0 {
		if n, err = h.readNode("/dev/" + n.paths[0]); err != nil {
			return nil, err
		}
	}
	return n.open(path)
}

func (n *node) open(path string) (vg.Path, error) {
	switch {
	case n.namespace != "":
		return nil, &vg.DeviceError{Device: path, Err: vg.ErrNotSCSIDisk}
	case n.lun == "":
		return nil, &vg.DeviceError{Device: path, Err: vg.ErrStacked}
	}
	dev, err := simlun.Open(n.lun, n.nexus)
	if err != nil {
		return nil, &vg.DeviceError{Device: path, Err: err}
	}
	return dev, nil
}

// namespacePath is an open simulated namespace.
type namespacePath struct {
	*simns.Device
	host nvme.HostID
}

// Host is which host this one is.
func (p namespacePath) Host() nvme.HostID { return p.host }

// OpenNamespace opens a namespace, if its device file still says the same.
func (h *Host) OpenNamespace(path vg.Device) (vg.NamespacePath, error) {
	n, err := h.readNode(path.Name)
	switch {
	case err != nil:
		return nil, err
	case n.namespace == "" || !n.device(path.Name).Same(path):
		return nil, &vg.DeviceError{Device: path.Name, Err: vg.ErrOtherDevice}
	}
	dev, err := simns.Open(n.namespace, n.controllers...)
	if err != nil {
		return nil, &vg.DeviceError{Device: path.Name, Err: err}
	}
	host := n.host
	// A controller that knows 8 bytes of it takes this one for them. One that is cut off
	// does not tell.
	if id, err := nvme.ReadHostID(context.Background(), dev); err == nil {
		host = id
	}
	return namespacePath{dev, host}, nil
}

// Namespace tells which file the device file of a namespace leads to, and by which
// controllers; not ok for another device. Errors: *vg.DeviceError.
func (h *Host) Namespace(device string) (file string, controllers []simns.Controller, ok bool, err error) {
	n, err := h.readNode(device)
	if err != nil {
		return "", nil, false, err
	}
	return n.namespace, n.controllers, n.namespace != "", nil
}

// Nexus tells which LUN file a disk's device file leads to, and as whom.
// Errors: *vg.DeviceError.
func (h *Host) Nexus(device string) (lun string, nexus simlun.NexusID, err error) {
	n, err := h.readNode(device)
	if err != nil {
		return "", simlun.NexusID{}, err
	}
	if n.lun == "" {
		return "", simlun.NexusID{}, &vg.DeviceError{Device: device, Err: vg.ErrStacked}
	}
	return n.lun, n.nexus, nil
}

// Group looks the volume group up in the host's table.
func (h *Host) Group(_ context.Context, name string) (*vg.Group, error) {
	groups, err := h.groups()
	if err != nil {
		return nil, &vg.GroupError{Group: name, Err: err}
	}
	for _, g := range groups {
		if g.Name == strings.TrimPrefix(name, "/dev/") {
			return &g, nil
		}
	}
	return nil, &vg.GroupError{Group: name, Err: vg.ErrNoGroup}
}

// sharedWord begins the line of a group that several hosts have at once.
const sharedWord = "shared"

// groups reads the table of volume groups.
func (h *Host) groups() ([]vg.Group, error) {
	text, err := os.ReadFile(h.file("vgs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var groups []vg.Group
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		shared := len(words) > 1 && words[0] == sharedWord && !strings.HasPrefix(words[1], "/")
		if shared {
			words = words[1:]
		}
		if len(words) > 0 {
			groups = append(groups, vg.Group{Name: words[0], Volumes: words[1:], Shared: shared})
		}
	}
	return groups, nil
}
