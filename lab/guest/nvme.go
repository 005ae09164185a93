//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"lunguard/lab/hung"
)

// nvmetFS is where Linux's NVMe target is made.
const nvmetFS = "/sys/kernel/config/nvmet"

// The subsystems: that of the nodes, and that of the suites.
const (
	nodesNQN = "nqn.2026-01.lab:nodes"
	suiteNQN = "nqn.2026-01.lab:suite"
)

// The nodes' namespaces: two for each kind of package, two for a volume group, of which
// one package has a LUN besides.
const (
	nvmeNamespaces = 6
	nvmeSizeMB     = 32
	nvmeLUNs       = 1
	nvmePaths      = 2
)

// nvmePort is the target's TCP port for NVMe.
const nvmePort = "4420"

// nvmeAddress is the target's address for a path of a node, each a port of its own, so
// that one can go without the others.
func nvmeAddress(node string, path int) string {
	if node == hung.Jack5 {
		return fmt.Sprintf("127.0.0.%d", path+1)
	}
	return tutorialAddress(node, path)
}

// nvmeHostID is a node's host identifier, by its number or its letter.
func nvmeHostID(node string) string {
	return fmt.Sprintf("5eed0000-0000-4000-8000-0000000000%02x", node[len(node)-1])
}

// namespaceUUID is the name of a namespace.
func namespaceUUID(nqn string, nsid int) string {
	s := serial(nqn)
	return fmt.Sprintf("%s-0000-4000-8000-%012x", s[:8], nsid)
}

// nvmeTarget makes the namespaces and a LUN, lets the nodes in, and is the third node.
func (a *hungAgent) nvmeTarget(t *testing.T) error {
	if err := unix.Sethostname([]byte(hung.Jack5)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	for _, m := range []string{"nvmet", "nvmet-tcp", "nvme-fabrics", "nvme-tcp"} {
		if err := loadModule(m); err != nil {
			return err
		}
	}
	for link, node := range []string{hung.Jack3, hung.Jack4} {
		if err := setAddress(hung.MAC(hung.Target, link), nvmeAddress(node, 0), nvmeAddress(node, 1)); err != nil {
			return err
		}
	}
	if err := a.export(t, NewArray(t, hungArray, nvmeLUNs, nvmeSizeMB), 1); err != nil {
		return err
	}
	a.luns, a.watched = nil, nil
	files, err := makeSubsystem(nodesNQN, nvmeNamespaces)
	if err != nil {
		return err
	}
	a.luns = files
	for i, node := range []string{hung.Jack3, hung.Jack4, hung.Jack5} {
		for path := range nvmePaths {
			if err := openNVMePort(fmt.Sprint(10*(i+3)+path), nvmeAddress(node, path), nodesNQN); err != nil {
				return err
			}
		}
	}
	if err := connectNode(hung.Jack5); err != nil {
		return err
	}
	return a.nvmeConfig(hung.Jack5, joinedByMaps)
}

// makeSubsystem makes a subsystem with namespaces on files, and returns those.
func makeSubsystem(nqn string, n int) (files []string, err error) {
	dir := filepath.Join(nvmetFS, "subsystems", nqn)
	if err := errors.Join(os.MkdirAll(lunDir, 0o755), os.Mkdir(dir, 0o755), writeAttr(filepath.Join(dir, "attr_allow_any_host"), "1")); err != nil {
		return nil, err
	}
	for nsid := 1; nsid <= n; nsid++ {
		file := filepath.Join(lunDir, fmt.Sprintf("%s-%d", nqn[len(nqn)-5:], nsid))
		ns := filepath.Join(dir, "namespaces", fmt.Sprint(nsid))
		if err := errors.Join(os.WriteFile(file, nil, 0o644), os.Truncate(file, nvmeSizeMB<<20), os.Mkdir(ns, 0o755), writeAttrs(ns, []attr{
			{"device_path", file}, {"device_uuid", namespaceUUID(nqn, nsid)}, {"buffered_io", "1"}, {"resv_enable", "1"}, {"enable", "1"},
		})); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// openNVMePort makes a port on an address, and puts a subsystem behind it.
func openNVMePort(id, address, nqn string) error {
	dir := filepath.Join(nvmetFS, "ports", id)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(writeAttrs(dir, []attr{
		{"addr_trtype", "tcp"}, {"addr_adrfam", "ipv4"}, {"addr_traddr", address}, {"addr_trsvcid", nvmePort},
	}), os.Symlink(filepath.Join(nvmetFS, "subsystems", nqn), filepath.Join(dir, "subsystems", nqn)))
}

// connectNVMe makes a controller of a host and returns its name, as nvme connect does.
func connectNVMe(nqn, address, hostid string) (string, error) {
	f, err := os.OpenFile("/dev/nvme-fabrics", os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	// A path that is lost is looked for each second, and not given up.
	if _, err := fmt.Fprintf(f, "transport=tcp,traddr=%s,trsvcid=%s,nqn=%s,hostnqn=nqn.2014-08.org.nvmexpress:uuid:%s,hostid=%[4]s,"+
		"nr_io_queues=1,keep_alive_tmo=5,reconnect_delay=1,ctrl_loss_tmo=-1", address, nvmePort, nqn, hostid); err != nil {
		return "", fmt.Errorf("connecting to %s: %w", address, err)
	}
	text := make([]byte, 256)
	n, err := f.Read(text)
	if err != nil {
		return "", err
	}
	var instance int
	if _, err := fmt.Sscanf(string(text[:n]), "instance=%d", &instance); err != nil {
		return "", fmt.Errorf("%q: %w", text[:n], err)
	}
	return fmt.Sprintf("nvme%d", instance), nil
}

// connectNode connects all paths of a node.
func connectNode(node string) error {
	for path := range nvmePaths {
		if _, err := connectNVMe(nodesNQN, nvmeAddress(node, path), nvmeHostID(node)); err != nil {
			return err
		}
	}
	return nil
}

// nvmeNode makes this machine a node with namespaces, which native multipath joins, and
// with a LUN.
func (a *hungAgent) nvmeNode() error {
	if err := unix.Sethostname([]byte(a.role)); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	for _, m := range []string{"nvme-fabrics", "nvme-tcp", "ext4"} {
		if err := loadModule(m); err != nil {
			return err
		}
	}
	if err := setAddress(hung.MAC(a.role, 0), nodeAddress(a.role)); err != nil {
		return err
	}
	if _, err := login(iqnPrefix+a.role, portal{target: iqnPrefix + hungArray, address: targetAddress(a.role)}, nvmeLUNs); err != nil {
		return err
	}
	if err := connectNode(a.role); err != nil {
		return err
	}
	a.direct = unix.O_DIRECT
	for nsid := 1; nsid <= nvmeNamespaces; nsid++ {
		a.luns = append(a.luns, nsDisk(nsid))
	}
	return a.nvmeConfig(a.role, joinedByKernel)
}

// joining is who makes one disk of a namespace's paths.
type joining int

const (
	joinedByKernel joining = iota
	joinedByMaps
)

// nvmeConf is the config of the nodes, but for the disks of the package of all.
const nvmeConf = `CLUSTER_NAME       bla
CLUSTER_PR_TAG     0xbcb0
NODE_NAME          jack3
  NODE_ID          1
NODE_NAME          jack4
  NODE_ID          2
NODE_NAME          jack5
  NODE_ID          3

package_name       pkg1
package_type       failover
node_name          jack3
node_name          jack4
pv                 /dev/ns1
pv                 /dev/ns2

package_name       pkg2
package_type       multi_node
pv                 %s
pv                 %s

package_name       pkg3
package_type       failover
node_name          jack3
node_name          jack4
vg                 nvg
pv                 /dev/sda
`

// nvmeConfig waits for the disks and writes what programs on the node need: the config,
// applets where root looks for them, and the words of the stories.
func (a *hungAgent) nvmeConfig(node string, how joining) error {
	var shared []any
	var accept []string
	for nsid := 1; nsid <= nvmeNamespaces; nsid++ {
		disk := nsDisk(nsid)
		found, err := findDisk("nvme0", nsid)
		if err != nil {
			return err
		}
		if err := os.Symlink(found, disk); err != nil {
			return err
		}
		if how == joinedByMaps {
			if disk, err = joinByMap(nsid, found); err != nil {
				return err
			}
		}
		switch nsid {
		case 3, 4:
			shared = append(shared, disk)
		case 5, 6:
			accept = append(accept, fmt.Sprintf(`"a|^%s$|", `, found))
		}
	}
	for _, dir := range []string{"/etc/lunguard", "/usr/local/sbin", "/usr/local/bin", "/etc/lvm", "/mnt"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	errs := []error{
		os.WriteFile("/etc/lunguard/cluster.conf", fmt.Appendf(nil, nvmeConf, shared...), 0o644),
		os.WriteFile("/etc/lvm/lvm.conf", fmt.Appendf(nil, lvmConfig, strings.Join(accept, ""), "/run/lvm/backup"), 0o644),
		os.WriteFile("/usr/local/bin/writer", []byte(writerScript), 0o755),
		os.WriteFile("/usr/local/bin/held", []byte(heldScript), 0o755),
		os.WriteFile("/usr/local/bin/await", []byte(awaitScript), 0o755),
	}
	applets, err := os.ReadDir(appletDir)
	errs = append(errs, err)
	for _, e := range applets {
		errs = append(errs, os.Symlink(lunguard, filepath.Join("/usr/local/sbin", e.Name())))
	}
	return errors.Join(errs...)
}

// nsDisk is the name of a namespace's disk, the same on all nodes. The kernel numbers
// disks in the order in which it finds them.
func nsDisk(nsid int) string { return fmt.Sprintf("/dev/ns%d", nsid) }

// findDisk waits for a disk of a namespace that the kernel names after a controller, or
// after the subsystem.
func findDisk(prefix string, nsid int) (string, error) {
	for deadline := time.Now().Add(diskTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		found, err := filepath.Glob("/sys/block/" + prefix + "n*")
		if err != nil {
			return "", err
		}
		for _, dir := range found {
			disk := "/dev/" + filepath.Base(dir)
			if text, err := readAttr(filepath.Join(dir, "nsid")); err == nil && text == fmt.Sprint(nsid) && canOpen(disk) {
				return disk, nil
			}
		}
	}
	return "", fmt.Errorf("no disk of %s for namespace %d after %v", prefix, nsid, diskTimeout)
}

// waitDisk waits until a disk can be opened.
func waitDisk(disk string) error {
	for deadline := time.Now().Add(diskTimeout); !canOpen(disk); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			found, _ := filepath.Glob("/dev/nvme*")
			return fmt.Errorf("no %s after %v: %v", disk, diskTimeout, found)
		}
	}
	return nil
}

// joinByMap makes a map of dm-multipath over the two paths to a namespace.
func joinByMap(nsid int, first string) (string, error) {
	for _, m := range []string{"dm-multipath", "dm-round-robin"} {
		if err := loadModule(m); err != nil {
			return "", err
		}
	}
	second, err := findDisk("nvme1", nsid)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("mpath%d", nsid)
	table := fmt.Sprintf("0 %d multipath 0 0 1 1 round-robin 0 2 1 %s 1 %s 1", nvmeSizeMB<<11, first, second)
	return "/dev/mapper/" + name, runAll([][]string{{"dmsetup", "create", name, "--uuid", "mpath-uuid." + namespaceUUID(nodesNQN, nsid), "--table", table}})
}

// writerScript writes numbers to a block of a disk until a write fails, and tells how
// that was: writer DISK; writer wait; writer stop. A write that is under way when its host
// is removed may end as aborted, with EIO; how the next one ends is what counts.
const writerScript = `#!/bin/bash
case $1 in
wait)
	until [ -e /run/writer.end ]; do sleep 0.1; done
	sed 's/.*: //' /run/writer.err ;;
stop)
	touch /run/writer.stop
	until [ -e /run/writer.end ]; do sleep 0.1; done
	sed 's/.*: //' /run/writer.err ;;
*)
	rm -f /run/writer.*
	setsid bash -c '
		until [ -e /run/writer.stop ]; do
			if printf %4096s $((++n)) | dd of='$1' bs=4k count=1 seek=2000 oflag=direct iflag=fullblock conv=notrunc status=none 2>/run/writer.err; then
				echo $n >/run/writer.first
			elif ! grep -q Input/output /run/writer.err || [ $((++aborted)) = 5 ]; then
				break
			fi
		done
		touch /run/writer.end' >/dev/null 2>&1 </dev/null &
	until [ -s /run/writer.first ]; do sleep 0.05; done ;;
esac
`

// awaitScript repeats a command until it succeeds, for a minute: await COMMAND.
const awaitScript = `#!/bin/bash
for ((i = 0; i < 600; i++)); do
	"$@" >/run/await 2>&1 && exit 0
	sleep 0.1
done
cat /run/await
exit 1
`

// heldScript tells who has namespaces, as Debian's nvme sees it: held NSID... It prints
// the nodes' numbers with their keys, a star at each holder, and the type.
const heldScript = `#!/bin/bash
for n; do
	/usr/sbin/nvme resv-report /dev/ns$n --eds --output-format=json >/run/held.json || exit 1
	python3 - $n <<'P'
import json, sys
r = json.load(open("/run/held.json"))
names = ["none", "we", "ea", "wero", "earo", "wear", "eaar"]
out = [names[int(r["rtype"])]]
for e in sorted(r.get("regctlext", []), key=lambda e: str(e["hostid"])):
    out.append("jack%s:%#x%s" % (bytes.fromhex(str(e["hostid"])[-2:]).decode(), int(e["rkey"]), "*" if int(e["rcsts"]) else ""))
print(sys.argv[1] + ":", *out)
P
done
`

// namespaces is the witness of namespaces: Debian's nvme, on this machine.
func (a *hungAgent) namespaces(luns []int) ([]hung.State, error) {
	var states []hung.State
	for _, lun := range luns {
		r, err := runProgram(baseEnv(systemPath), systemPath, "", []string{"/usr/local/bin/held", fmt.Sprint(lun + 1)})
		if err == nil && r.Exit != 0 {
			err = errors.New(r.String())
		}
		if err != nil {
			return nil, err
		}
		words := strings.Fields(r.Stdout)
		if len(words) < 2 {
			return nil, errors.New(r.String())
		}
		s := hung.State{Type: words[1], Text: []string{r.Stdout}}
		for _, word := range words[2:] {
			var node int
			var key uint64
			if _, err := fmt.Sscanf(word, "jack%d:%v", &node, &key); err != nil {
				return nil, fmt.Errorf("%q: %w", word, err)
			}
			s.Keys = append(s.Keys, key)
			if strings.HasSuffix(word, "*") {
				s.Holder = key
			}
		}
		slices.Sort(s.Keys)
		states = append(states, s)
	}
	return states, nil
}
