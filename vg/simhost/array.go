package simhost

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg"
)

// Array is a folder with simulated LUNs (array/lun0, ...) and NVMe namespaces
// (array/ns0, ...) and one host a node,
// each of which sees every LUN under the same device name.
type Array struct{ dir string }

// Spec is what an array is made of.
type Spec struct {
	// Nodes are the names of the hosts.
	Nodes []string
	// LUNs, Namespaces and Paths are counts; each host has that many paths to each LUN,
	// and controllers for each NVMe namespace.
	LUNs, Namespaces, Paths int
	// LUN is the make of each LUN; serial numbers are added. Namespaces have its blocks.
	LUN simlun.Config
}

const lunFolder = "array"

// ErrNotArray says that a folder holds no simulated array.
var ErrNotArray = errors.New("not a simulated array")

// CreateArray makes an array in a folder, which must not have one yet.
func CreateArray(dir string, spec Spec) (*Array, error) {
	a := &Array{dir: dir}
	for _, name := range spec.Nodes {
		if name == lunFolder || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
			return nil, fmt.Errorf("%q cannot be the name of a host", name)
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, lunFolder), 0o777); err != nil {
		return nil, err
	}
	spec.LUN.TargetPorts = nil // each path has one, whether it is used or not
	for port := range max(spec.Paths, 2) {
		spec.LUN.TargetPorts = append(spec.LUN.TargetPorts, uint16(port+1))
	}
	for i := range spec.LUNs {
		cfg := spec.LUN
		cfg.Serial = fmt.Sprintf("SIM%05d", i)
		cfg.WWID = lunName(i)
		if err := simlun.Create(a.lun(i), cfg); err != nil {
			return nil, err
		}
	}
	for i := range spec.Namespaces {
		cfg := simns.Config{NSID: uint32(i + 1), Blocks: spec.LUN.Blocks, Names: namespaceNames(i)}
		if err := simns.Create(a.namespace(i), cfg); err != nil {
			return nil, err
		}
	}
	for n, node := range spec.Nodes {
		if err := a.createHost(n, node, spec); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// lunName is the WWID of a LUN. They come in the order of the LUNs, so that the arbiter is
// the first one: easier to follow.
func lunName(i int) string { return fmt.Sprintf("naa.600140500000%04x", i) }

func namespaceNames(i int) nvme.Names {
	return nvme.Names{NGUID: [16]byte{0x60, 0x01, 0x40, 0x50, 15: byte(i), 14: byte(i >> 8)}}
}

func (a *Array) namespace(i int) string {
	return filepath.Join(a.dir, lunFolder, fmt.Sprintf("ns%d", i))
}

// hostID is the host identifier of a node, always the same for one name.
func hostID(node string) nvme.HostID {
	sum := fnv.New128a()
	_, _ = sum.Write([]byte(node)) // it never fails
	id, err := nvme.MakeHostID(sum.Sum(nil))
	if err != nil {
		panic(err) // 16 bytes are one
	}
	return id
}

func (a *Array) lun(i int) string {
	return filepath.Join(a.dir, lunFolder, fmt.Sprintf("lun%d", i))
}

func (a *Array) createHost(number int, name string, spec Spec) error {
	dev := filepath.Join(a.dir, name, "dev")
	if err := os.MkdirAll(filepath.Join(dev, "mapper"), 0o777); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(a.dir, name, byID), 0o777); err != nil {
		return err
	}
	for i := range spec.LUNs {
		var paths []string
		for p := range spec.Paths {
			disk := "sd" + letters(i*spec.Paths+p)
			paths = append(paths, disk)
			port := scsi.ISCSIPortTransportID("iqn.2026-01.sim:"+strings.ToLower(name), uint64(0x800000000000+p+1))
			n := node{lun: filepath.Join("..", "..", lunFolder, filepath.Base(a.lun(i))), nexus: simlun.MakeNexus(port, uint16(p+1))}
			if err := os.WriteFile(filepath.Join(dev, disk), []byte(n.text()), 0o666); err != nil {
				return err
			}
		}
		if spec.Paths > 1 {
			n := node{paths: paths}
			if err := os.WriteFile(filepath.Join(dev, "mapper", "mpath"+letters(i)), []byte(n.text()), 0o666); err != nil {
				return err
			}
			paths[0] = "mapper/mpath" + letters(i)
		}
		if err := a.link(name, "wwn-0x"+strings.TrimPrefix(lunName(i), "naa."), paths[0]); err != nil {
			return err
		}
	}
	for i := range spec.Namespaces {
		n := node{namespace: filepath.Join("..", "..", lunFolder, filepath.Base(a.namespace(i))), host: hostID(name)}
		for p := range spec.Paths {
			n.controllers = append(n.controllers, simns.Controller{ID: uint16(number*spec.Paths + p + 1)})
		}
		device := fmt.Sprintf("nvme0n%d", i+1)
		if err := os.WriteFile(filepath.Join(dev, device), []byte(n.text()), 0o666); err != nil {
			return err
		}
		names := namespaceNames(i)
		if err := a.link(name, "nvme-"+names.WWIDs()[0], device); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(a.dir, name, "vgs"), nil, 0o666)
}

// byID is where udev makes links with names that last.
const byID = "/dev/disk/by-id"

// link makes such a link on a host.
func (a *Array) link(host, name, device string) error {
	return os.Symlink(filepath.Join("..", "..", device), filepath.Join(a.dir, host, byID, name))
}

// letters counts as disks do: a to z, aa, ab, ...
func letters(n int) string {
	s := ""
	for n++; n > 0; n = (n - 1) / 26 {
		s = string(rune('a'+(n-1)%26)) + s
	}
	return s
}

// OpenArray finds the array in a folder. The error is ErrNotArray.
func OpenArray(dir string) (*Array, error) {
	if st, err := os.Stat(filepath.Join(dir, lunFolder)); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotArray)
	}
	return &Array{dir: dir}, nil
}

// LUNs lists the files of the SCSI LUNs.
func (a *Array) LUNs() ([]string, error) { return listed(a.lun) }

// Namespaces lists the files of the NVMe namespaces.
func (a *Array) Namespaces() ([]string, error) { return listed(a.namespace) }

// listed are the files of that name that there are.
func listed(name func(int) string) ([]string, error) {
	var files []string
	for i := 0; ; i++ {
		file := name(i)
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return files, nil
		} else if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
}

// Hosts lists the hosts by name.
func (a *Array) Hosts() ([]*Host, error) {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, err
	}
	var hosts []*Host
	for _, e := range entries {
		if h, err := Open(filepath.Join(a.dir, e.Name())); err == nil && e.IsDir() {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}

// Extend adds volumes to a group on every host, as a vgextend on one node of
// a cluster does, and makes the group if there is none.
func (a *Array) Extend(group string, volumes []string) error {
	group = strings.TrimPrefix(group, "/dev/")
	if group == "" || strings.ContainsAny(group, "/ \t\n") {
		return fmt.Errorf("%q cannot be the name of a volume group", group)
	}
	hosts, err := a.Hosts()
	if err != nil {
		return err
	}
	for i, v := range volumes {
		if slices.Contains(volumes[:i], v) {
			return &vg.DeviceError{Device: v, Err: errors.New("named twice")}
		}
	}
	for _, h := range hosts {
		for _, v := range volumes {
			if _, err := h.Disk(v); err != nil {
				return err
			}
		}
	}
	tables := make([]string, len(hosts))
	for i, h := range hosts {
		if tables[i], err = h.extended(group, volumes); err != nil {
			return err
		}
	}
	for i, h := range hosts {
		temp := h.file("vgs.new")
		if err := os.WriteFile(temp, []byte(tables[i]), 0o666); err != nil {
			return err
		}
		if err := os.Rename(temp, h.file("vgs")); err != nil {
			return err
		}
	}
	return nil
}

// extended is the host's table of volume groups with the volumes added to one.
func (h *Host) extended(group string, volumes []string) (string, error) {
	groups, err := h.groups()
	if err != nil {
		return "", err
	}
	for _, g := range groups {
		for _, v := range volumes {
			if slices.Contains(g.Volumes, v) {
				return "", &vg.DeviceError{Device: v, Err: fmt.Errorf("already in volume group %s", g.Name)}
			}
		}
	}
	at := slices.IndexFunc(groups, func(g vg.Group) bool { return g.Name == group })
	if at < 0 {
		groups, at = append(groups, vg.Group{Name: group}), len(groups)
	}
	groups[at].Volumes = append(groups[at].Volumes, volumes...)
	var b strings.Builder
	for _, g := range groups {
		if g.Shared {
			fmt.Fprint(&b, sharedWord, " ")
		}
		fmt.Fprintln(&b, g.Name, strings.Join(g.Volumes, " "))
	}
	return b.String(), nil
}
