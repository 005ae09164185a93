//go:build lab

package guest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Engine is a Pacemaker cluster in this machine: each node is a set of namespaces with
// disks of its own, linked to the others by a bridge. What dies with a node is its
// processes; its disks' sessions live on, as those of a machine that hangs do. Maps of
// device-mapper are not a node's own: a volume group that a node had when it went is still
// active here.
type Engine struct {
	EngineSpec
	array *Array
	nodes []*Member
	// watcher looks at the array from outside of the cluster.
	watcher *Node
}

// Member is a node of an engine.
type Member struct {
	*Node
	engine *Engine
	number int
	// first is the first process of the node, nil while it is down.
	first *exec.Cmd
	// ended tells its end.
	ended chan error
	// pid is that process as this machine numbers it.
	pid int
}

// Where a node's files come from, and where all of them are frozen.
const (
	engineDir = "/run/lab-engine"
	cgroupFS  = "/sys/fs/cgroup"
)

// engineWait is how long anything of a cluster may take. It is far more than a slow
// machine needs.
const engineWait = 10 * time.Minute

// enginePause is the time between two looks at a cluster: each takes an emulated processor
// for about a second.
const enginePause = 2 * time.Second

// EngineSpec is what a cluster is made of. Devices are /dev/lun0 and so on.
type EngineSpec struct {
	Nodes, LUNs int
	// Shared is how many LUNs, of the first ones, all nodes have at once.
	Shared int
	// Properties, Resources and Constraints are those of the CIB.
	Properties, Resources, Constraints string
	// Config is the product's; none if empty.
	Config string
	// Prepare is run on an outsider's disks before the first node is.
	Prepare func(disks []string) error
	// Devices is what the fence agent is told by hand to know the LUNs.
	Devices string
	// Key is that of a node by its number, Resource the one whose place tells who has the
	// cluster.
	Key      func(int) uint64
	Resource string
}

// NewEngine makes a cluster and starts it.
func NewEngine(t *testing.T, spec EngineSpec) *Engine {
	t.Helper()
	for _, m := range []string{"veth", "bridge"} {
		LoadModule(t, m)
	}
	var names []string
	for i := range spec.Nodes {
		names = append(names, fmt.Sprint("node", i+1))
	}
	e := &Engine{EngineSpec: spec, array: NewArray(t, "engine", spec.LUNs, 16)}
	all := e.array.LoginAll(t, 1, append(names, "watcher")...)
	e.watcher = all[spec.Nodes]
	for i, n := range all[:spec.Nodes] {
		e.nodes = append(e.nodes, &Member{Node: n, engine: e, number: i + 1})
	}
	if err := e.prepare(); err != nil {
		t.Fatal(err)
	}
	if spec.Prepare != nil {
		if err := spec.Prepare(e.disks()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, m := range e.nodes {
			if err := m.powerOff(); err != nil {
				t.Error(err)
			}
		}
		_ = exec.Command("ip", "link", "del", "br0").Run()
	})
	for _, m := range e.nodes {
		if err := m.powerOn(); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// disks are the outsider's.
func (e *Engine) disks() []string {
	var list []string
	for lun := range e.array.luns {
		list = append(list, e.watcher.Disk(lun, 0))
	}
	return list
}

// cib is the cluster's configuration as a file.
func (e *Engine) cib() string {
	var nodes strings.Builder
	for _, m := range e.nodes {
		fmt.Fprintf(&nodes, `<node id="%d" uname="%s"/>`, m.number, m.Name)
	}
	return `<cib crm_feature_set="3.13.0" validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="1">
<configuration><crm_config><cluster_property_set id="p">
<nvpair id="p-s" name="stonith-enabled" value="true"/>
<nvpair id="p-d" name="dc-deadtime" value="5s"/>` + e.Properties + `
</cluster_property_set></crm_config>
<nodes>` + nodes.String() + `</nodes>
<resources>` + e.Resources + `</resources><constraints>` + e.Constraints + `</constraints>
<rsc_defaults><meta_attributes id="d"><nvpair id="d-s" name="resource-stickiness" value="100"/></meta_attributes></rsc_defaults>
</configuration><status/></cib>
`
}

// corosyncConf names the nodes.
func (e *Engine) corosyncConf() string {
	var b strings.Builder
	b.WriteString("totem {\nversion: 2\ncluster_name: lab\ntransport: knet\ncrypto_cipher: none\ncrypto_hash: none\ntoken: 3000\n}\n")
	b.WriteString("quorum {\nprovider: corosync_votequorum\n")
	if len(e.nodes) == 2 {
		b.WriteString("two_node: 1\n")
	}
	b.WriteString("}\nsystem {\nmove_to_root_cgroup: no\n}\nlogging {\nto_logfile: yes\nlogfile: /var/log/corosync/corosync.log\nto_syslog: no\nto_stderr: no\n}\nnodelist {\n")
	for _, m := range e.nodes {
		fmt.Fprintf(&b, "node {\nring0_addr: %s\nname: %s\nnodeid: %d\n}\n", m.ring(), m.Name, m.number)
	}
	b.WriteString("}\n")
	return b.String()
}

// prepare makes what all nodes share: users, agents, a bridge, a tree of cgroups.
func (e *Engine) prepare() error {
	if err := os.MkdirAll(engineDir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("cgroup2", cgroupFS, "cgroup2", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mounting cgroup2: %w", err)
	}
	files := map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nhacluster:x:189:189::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
		"/etc/group":  "root:x:0:\ndisk:x:6:\nhaclient:x:189:\nnogroup:x:65534:\n",
		filepath.Join(engineDir, "corosync.conf"): e.corosyncConf(),
		filepath.Join(engineDir, "cib.xml"):       e.cib(),
		"/usr/lib/ocf/resource.d/lab/writer":      writerAgent,
		filepath.Join(engineDir, "first.sh"):      firstScript,
		"/usr/lib/ocf/resource.d/lab/counter":     counterAgent,
		"/etc/lvm/lvm.conf":                       engineLVM,
	}
	if e.Config != "" {
		files["/etc/lunguard/cluster.conf"] = e.Config
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			return err
		}
	}
	for _, agent := range []string{"/usr/sbin/fence_lunguard", "/usr/lib/ocf/resource.d/lunguard/package"} {
		if err := os.MkdirAll(filepath.Dir(agent), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(lunguard, agent); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// What resource agents call and the machine does not have.
	for _, name := range []string{"awk", "fuser", "logger", "which"} {
		if err := os.Symlink("/bin/busybox", filepath.Join("/usr/bin", name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return runAll([][]string{
		// An installation makes it a link; else all nodes would have one.
		{"rm", "-rf", "/var/run"},
		{"ln", "-s", "/run", "/var/run"},
		{"ip", "link", "add", "br0", "type", "bridge"},
		{"ip", "addr", "add", "10.77.0.1/24", "dev", "br0"},
		{"ip", "link", "set", "br0", "up"},
	})
}

// runAll runs programs, one after the other.
func runAll(list [][]string) error {
	for _, argv := range list {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = baseEnv(systemPath)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
	}
	return nil
}

// firstScript is the first process of a node: it makes folders and devices of the node's
// own and then waits for its children. Its words are the node's name and its disks.
const firstScript = `set -e
name=$1; shift
mount --make-rprivate /
busybox hostname $name
mount -t proc proc /proc
mkdir -p /mnt
mount -t tmpfs dev /mnt
mkdir /mnt/shm /mnt/pts /mnt/mapper
[ -e /dev/mapper/control ] && cp -a /dev/mapper/control /mnt/mapper/
for d in null zero full random urandom tty ptmx console; do cp -a /dev/$d /mnt/; done
ln -s /proc/self/fd /mnt/fd
n=0
for disk; do cp -a $disk /mnt/; ln -s $(basename $disk) /mnt/lun$n; n=$((n+1)); done
mount -t tmpfs shm /mnt/shm
mount --move /mnt /dev
mount -t tmpfs tmp /tmp
mkdir -p /etc/corosync /var/lib/corosync /var/lib/pacemaker /var/log
for d in /etc/corosync /var/lib/corosync /var/lib/pacemaker /var/log; do mount -t tmpfs t $d; done
cp /run/lab-engine/corosync.conf /etc/corosync/
cp /run/lab-engine/cib.xml /tmp/cib.xml
mount -t tmpfs run /run
mkdir -p /run/crm /run/cluster /run/lock /var/log/corosync /var/log/pacemaker /var/lib/pacemaker/blackbox /var/lib/pacemaker/cib /var/lib/pacemaker/cores /var/lib/pacemaker/pengine
cp /tmp/cib.xml /var/lib/pacemaker/cib/cib.xml
chmod 0600 /var/lib/pacemaker/cib/cib.xml
chown -R 189:189 /var/lib/pacemaker /run/crm /var/log/pacemaker
[ -e /proc/sysrq-trigger ] && mount --bind /dev/null /proc/sysrq-trigger
set +e
echo up >/run/up
while :; do sleep 3600 & wait $!; done
`

// cgroup is the node's.
func (m *Member) cgroup() string { return filepath.Join(cgroupFS, m.Name) }

// ring is the node's address among the nodes.
func (m *Member) ring() string { return fmt.Sprintf("10.77.0.%d", 10+m.number) }

// link is the node's port on the bridge.
func (m *Member) link() string { return fmt.Sprint("veth", m.number) }

// powerOn boots the node and starts the cluster engine there.
func (m *Member) powerOn() error {
	if err := os.MkdirAll(m.cgroup(), 0o755); err != nil {
		return err
	}
	disks := make([]string, len(m.array.luns))
	for lun := range disks {
		disks[lun] = m.Disk(lun, 0)
	}
	script := fmt.Sprintf("echo $$ >%s/cgroup.procs; exec unshare -m -u -p -i -n -f --kill-child bash %s/first.sh %s %s",
		m.cgroup(), engineDir, m.Name, strings.Join(disks, " "))
	m.first = exec.Command("bash", "-c", script)
	m.first.Env = append(baseEnv(systemPath), "PCMK_logfile=/var/log/pacemaker/pacemaker.log")
	log, err := os.Create(filepath.Join(engineDir, m.Name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	m.first.Stdout, m.first.Stderr = log, log
	if err := m.first.Start(); err != nil {
		return err
	}
	m.ended = make(chan error, 1)
	go func(cmd *exec.Cmd) { m.ended <- cmd.Wait() }(m.first)
	if err := m.findFirst(); err != nil {
		return err
	}
	if err := runAll([][]string{
		{"ip", "link", "add", m.link(), "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(m.pid)},
		{"ip", "link", "set", m.link(), "master", "br0"},
		{"ip", "link", "set", m.link(), "up"},
	}); err != nil {
		return err
	}
	return m.sh("ip link set lo up && ip addr add " + m.ring() + "/24 dev eth0 && ip link set eth0 up && corosync && " +
		"(PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none PCMK_logpriority=info setsid pacemakerd >/var/log/pacemakerd.out 2>&1 </dev/null &)")
}

// findFirst waits until the node's first process is ready, and remembers its number.
func (m *Member) findFirst() error {
	for deadline := time.Now().Add(engineWait); time.Now().Before(deadline) && len(m.ended) == 0; {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", m.first.Process.Pid))
		if words := strings.Fields(string(text)); err == nil && len(words) == 1 {
			m.pid, _ = strconv.Atoi(words[0])
			if m.sh("test -e /run/up") == nil {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(engineDir, m.Name+".log"))
	return fmt.Errorf("%s does not come up: %s", m.Name, log)
}

// powerOff ends the node at once, as a power cut does. It may be frozen, or off.
func (m *Member) powerOff() error {
	if m.first == nil {
		return nil
	}
	err := os.WriteFile(filepath.Join(m.cgroup(), "cgroup.kill"), []byte("1"), 0o644)
	<-m.ended
	m.first = nil
	// The link goes with its other end, in the namespace.
	for deadline := time.Now().Add(engineWait); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat("/sys/class/net/" + m.link()); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// freeze stops all processes of the node, as if it hung.
func (m *Member) freeze(yes bool) error {
	return os.WriteFile(filepath.Join(m.cgroup(), "cgroup.freeze"), []byte(map[bool]string{true: "1", false: "0"}[yes]), 0o644)
}

// isolate cuts the node off from the others, but not from its disks.
func (m *Member) isolate(yes bool) error {
	return runAll([][]string{{"bridge", "link", "set", "dev", m.link(), "isolated", map[bool]string{true: "on", false: "off"}[yes]}})
}

// run runs a line of shell on the node.
func (m *Member) run(script string) (Result, error) {
	return runProgram(baseEnv(systemPath), systemPath, "", []string{
		"nsenter", "-t", strconv.Itoa(m.pid), "-m", "-u", "-i", "-n", "-p", "bash", "-c",
		script})
}

// sh is run for what has to succeed. What it leaves running belongs to the node.
func (m *Member) sh(script string) error {
	cmd := exec.Command("bash", "-c", fmt.Sprintf("echo $$ >%s/cgroup.procs; exec nsenter -t %d -m -u -i -n -p bash -c '%s'",
		m.cgroup(), m.pid, script))
	cmd.Env = baseEnv(systemPath)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s: %w: %s", m.Name, script, err, out)
	}
	return nil
}

// monitorXML is what crm_mon says, as far as it is looked at.
type monitorXML struct {
	Nodes []struct {
		Name    string `xml:"name,attr"`
		Online  bool   `xml:"online,attr"`
		Unclean bool   `xml:"unclean,attr"`
	} `xml:"nodes>node"`
	Resources []resourceXML `xml:"resources>resource"`
	Grouped   []resourceXML `xml:"resources>group>resource"`
	Cloned    []resourceXML `xml:"resources>clone>resource"`
}

// resourceXML is a resource, or one of a clone's.
type resourceXML struct {
	ID     string `xml:"id,attr"`
	Role   string `xml:"role,attr"`
	Failed bool   `xml:"failed,attr"`
	Nodes  []struct {
		Name string `xml:"name,attr"`
	} `xml:"node"`
}

// monitor asks a node what it believes of the cluster.
func (m *Member) monitor() (monitorXML, error) {
	var x monitorXML
	r, err := m.run("crm_mon -1 --output-as=xml")
	if err != nil {
		return x, err
	}
	if r.Exit != 0 {
		return x, fmt.Errorf("crm_mon: %v", r)
	}
	return x, xml.Unmarshal([]byte(r.Stdout), &x)
}

// online are the nodes that a node sees.
func (x monitorXML) online() []string {
	var list []string
	for _, n := range x.Nodes {
		if n.Online && !n.Unclean {
			list = append(list, n.Name)
		}
	}
	return list
}

// on is where a resource is started, empty if it is not, or not in one place.
func (x monitorXML) on(id string) string {
	for _, r := range slices.Concat(x.Resources, x.Grouped) {
		if r.ID == id && r.Role == "Started" && !r.Failed && len(r.Nodes) == 1 {
			return r.Nodes[0].Name
		}
	}
	return ""
}

// members is how many instances of clones are up.
func (x monitorXML) members() int {
	n := 0
	for _, r := range x.Cloned {
		if r.Role == "Started" && !r.Failed {
			n += len(r.Nodes)
		}
	}
	return n
}

// until waits until a node's view of the cluster is as it should be.
func (m *Member) until(t *testing.T, what string, is func(monitorXML) bool) {
	t.Helper()
	var last monitorXML
	var lastErr error
	for begin := time.Now(); time.Since(begin) < engineWait; time.Sleep(enginePause) {
		if last, lastErr = m.monitor(); lastErr == nil && is(last) {
			t.Logf("%s: %s after %.1f s", m.Name, what, time.Since(begin).Seconds())
			return
		}
	}
	t.Fatalf("%s: not %s: %+v, %v\n%s", m.Name, what, last, lastErr, m.logs())
}

// logs are the last lines of the node's logs, for a failure.
func (m *Member) logs() string {
	r, err := m.run("grep -E '_output|exit-reason|error output|Error performing|ERROR' /var/log/pacemaker/pacemaker.log | grep -v cib_ | tail -n 40; " +
		"grep -vE 'cib_|pcmk__ipc|throttle' /var/log/pacemaker/pacemaker.log | tail -n 30; tail -n 5 /var/log/corosync/corosync.log; cat /var/log/pacemakerd.out")
	return fmt.Sprintf("%s%s %v", r.Stdout, r.Stderr, err)
}
