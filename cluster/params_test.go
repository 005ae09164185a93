package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// realCluster and realPackage have every parameter that files of the vendor's
// tools contain.
const realCluster = `
# Cluster file as cmquerycl writes it.
CLUSTER_NAME            cluster1
HOSTNAME_ADDRESS_FAMILY IPV4
QS_HOST                 sysman5
QS_POLLING_INTERVAL     300000000
QS_TIMEOUT_EXTENSION    2000000
FORCED_PR_DISABLE       no
NODE_NAME fresno
  NODE_PR_KEY 10001
  NETWORK_INTERFACE lan0
    HEARTBEAT_IP 15.13.168.91
  NETWORK_INTERFACE lan1
    STATIONARY_IP 15.13.168.92
  CLUSTER_LOCK_LUN /dev/sdd1
  CAPACITY_NAME memory
  CAPACITY_VALUE 100
  CAPACITY_NAME processor
  CAPACITY_VALUE INFINITE
NODE_NAME lodi
  NODE_PR_KEY 10002
  NETWORK_INTERFACE lan0
    HEARTBEAT_IP 15.13.168.94
MEMBER_TIMEOUT 14000000
AUTO_START_TIMEOUT 600000000
NETWORK_POLLING_INTERVAL 2000000
CONFIGURED_IO_TIMEOUT_EXTENSION 0
SUBNET 15.13.168.0
  IP_MONITOR ON
  POLLING_TARGET 15.13.168.1
SUBNET 15.13.172.0
  IP_MONITOR OFF
LOAD_BALANCING OFF
`

const realPackage = `
package_name        pkg1
package_description "Serviceguard Package"
module_name         sg/basic
module_version      1
module_name         sg/pr_cntl
package_type        failover
node_name           fresno
node_name           lodi
auto_run            yes
node_fail_fast_enabled no
run_script_timeout  no_timeout
halt_script_timeout 300
successor_halt_timeout no_timeout
script_log_file     $SGRUN/log/pkg1.log
operation_sequence  $SGCONF/scripts/sg/external_pre.sh
operation_sequence  $SGCONF/scripts/sg/pr_cntl.sh
log_level           5
failover_policy     configured_node
failback_policy     manual
priority            no_priority
concurrent_vgchange_operations 1
vgchange_cmd        "vgchange -a y"
vg                  vg01
vg                  /dev/vg02
concurrent_fsck_operations 1
concurrent_mount_and_umount_operations 1
fs_mount_retry_count 0
fs_umount_retry_count 1
fs_name /dev/vg01/lvol1
  fs_directory /pkg01aa
  fs_type "ext3"
  fs_mount_opt "-o rw"
  fs_umount_opt ""
  fs_fsck_opt ""
fs_name /dev/vg01/lvol2
  fs_directory /pkg01bb
  fs_type ext4
service_name s1
  service_cmd "/usr/bin/X15 -f"
  service_restart unlimited
  service_fail_fast_enabled no
  service_halt_timeout 15
service_name s2
  service_cmd /opt/x/y --z   # behind it
  service_restart 3
external_pre_script /etc/x/pre.sh
external_script     $SGCONF/pkg1/a.sh
external_script     $SGCONF/pkg1/b.sh
pev_first           "a \"b\" \\ $HOME # none"
PEV_SECOND          two words
user_name           john
  user_host         CLUSTER_MEMBER_NODE
  user_role         package_admin
ip_subnet           15.13.168.0
  ip_address        15.13.168.100
`

func TestRealFiles(t *testing.T) {
	c, err := ParseConfig(strings.NewReader(realCluster+realPackage), "f")
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := c.Settings.Get("member_timeout"); v != "14000000" || c.PRDisabled {
		t.Errorf("member_timeout %q, disabled %v", v, c.PRDisabled)
	}
	if got := c.Nodes[0].Settings.All("network_interface"); !slices.Equal(got, []string{"lan0", "lan1"}) {
		t.Errorf("interfaces %v", got)
	}
	p := &c.Packages[0]
	if diff := cmp.Diff([]Service{
		{"s1", "/usr/bin/X15 -f", -1, false, 15 * time.Second}, {"s2", "/opt/x/y --z", 3, false, 0},
	}, p.Services()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]FileSystem{
		{"/dev/vg01/lvol1", "/pkg01aa", "ext3", "-o rw", "", ""}, {"/dev/vg01/lvol2", "/pkg01bb", "ext4", "", "", ""},
	}, p.FileSystems()); diff != "" {
		t.Error(diff)
	}
	if got := p.Settings.All("external_script"); !slices.Equal(got, []string{"$SGCONF/pkg1/a.sh", "$SGCONF/pkg1/b.sh"}) {
		t.Errorf("scripts %v", got)
	}
	for name, want := range map[string]string{"pev_first": `a "b" \ $HOME # none`, "pev_second": "two words", "script_log_file": "$SGRUN/log/pkg1.log"} {
		if got, ok := p.Settings.Get(name); !ok || got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if p.VGChange() != "vgchange -a y" || p.RunTimeout() != 0 || p.HaltTimeout() != 5*time.Minute {
		t.Errorf("%q, %v, %v", p.VGChange(), p.RunTimeout(), p.HaltTimeout())
	}
	if diff := cmp.Diff([]string{"vg01", "vg02"}, p.Groups); diff != "" {
		t.Error(diff)
	}
	if first := p.Settings[0]; first.Name != "package_name" || first.At.Line == 0 || first.At.File != "f" {
		t.Errorf("first setting %+v", first)
	}
}

// parameterFaults are configs with one fault in what concerns no reservation,
// and what is said of it.
func parameterFaults() map[string]string {
	node := "NODE_NAME a\nNODE_PR_KEY 1\n"
	pkg := node + "package_name p\n"
	return map[string]string{
		node + "FORCED_PR_DISABLE maybe":                                `f:3: "maybe": yes or no was expected`,
		node + "MEMBER_TIMEOUT 14s":                                     `f:3: "14s": a number from 0 to 4294967295 was expected`,
		node + "LOAD_BALANCING yes":                                     `f:3: "yes": on or off was expected`,
		node + "SUBNET 10.0.0.0\nIP_MONITOR yes":                        `f:4: "yes": on or off was expected`,
		node + "CAPACITY_NAME a\nCAPACITY_VALUE all":                    `f:4: "all": a number from 0 to 1000000, or infinite, was expected`,
		node + "MAX_CONFIGURED_PACKAGES 301":                            `f:3: "301": a number from 0 to 300 was expected`,
		node + "MEMBER_TIMEOUT 1\nMEMBER_TIMEOUT 2":                     `f:4: "MEMBER_TIMEOUT": the cluster has it already, in line 3`,
		node + "HEARTBEAT_IP 1.2.3.4":                                   `f:3: "HEARTBEAT_IP": a network_interface line was expected before it`,
		"NETWORK_INTERFACE lan0\n" + node:                               `f:1: "NETWORK_INTERFACE": a NODE_NAME line was expected before it`,
		node + "CLUSTER_LOCK_LUN sda":                                   `f:3: "sda": the full name of a file was expected, /...`,
		node + "CLUSTER_LOCK_LUN /dev/a\nCLUSTER_LOCK_LUN /b":           `f:4: "CLUSTER_LOCK_LUN": node a has it already, in line 3`,
		node + "RETIRED_NODE_ID b":                                      `f:3: "b": the name of a node, = and a number from 1 to 65535 were expected`,
		node + "RETIRED_NODE_PR_KEY b=0":                                `f:3: "b=0": the name of a node, = and a key of 1 to 16 hexadecimal digits were expected`,
		node + "RETIRED_NODE_PR_KEY b=1\n":                              `f:2: "1": another key was expected, node b had this one`,
		"CLUSTER_PR_TAG 1\nNODE_NAME a\nNODE_ID 1\nRETIRED_NODE_ID b=1": `f:3: "1": another id was expected, node b had this one`,
		node + "auto_run yes":                                           `f:3: "auto_run": a package_name line was expected before it`,
		pkg + "auto_run 1":                                              `f:4: "1": yes or no was expected`,
		pkg + "auto_run yes\nauto_run no":                               `f:5: "auto_run": package p has it already, in line 4`,
		pkg + "auto_run yes no":                                         `f:4: "auto_run": one value was expected after it, not 2`,
		pkg + "auto_run":                                                `f:4: "auto_run": one value was expected after it, not 0`,
		pkg + "auto_run \"\"":                                           `f:4: "auto_run": one value was expected after it, not 0`,
		pkg + "auto_run \"yes":                                          `f:4: "auto_run": a closing quote was expected`,
		pkg + "auto_run \"yes\" no":                                     `f:4: "auto_run": nothing was expected after the closing quote`,
		pkg + "run_script_timeout 4295":                                 `f:4: "4295": a number from 0 to 4294, or no_timeout, was expected`,
		pkg + "failover_policy best":                                    `f:4: "best": configured_node, min_package_node, site_preferred, site_preferred_manual or min_weight_pkg_node was expected`,
		pkg + "service_cmd x":                                           `f:4: "service_cmd": a service_name line was expected before it`,
		pkg + "service_name s\nservice_cmd x\nservice_cmd y":            `f:6: "service_cmd": the service_name has it already, in line 5`,
		pkg + "service_name s":                                          `f:4: "s": a service_cmd line was expected after it`,
		pkg + "fs_name /dev/v/l\nfs_type ext4":                          `f:4: "/dev/v/l": a fs_directory line was expected after it`,
		pkg + "service_name -s\nservice_cmd x":                          `f:4: "-s": letters and digits, and . - _ between them, were expected`,
		pkg + "module_name sg/volum_group":                              `f:4: "sg/volum_group": the name of a module was expected`,
		pkg + "module_version 1":                                        `f:4: "module_version": a module_name line was expected before it`,
		pkg + "module_name x/y\nmodule_name z\nvgg vg1":                 `f:6: "vgg": unknown parameter; after package_name, those of packages are expected`,
		pkg + "module_name x/y\nz/name 1":                               `f:5: "z/name": unknown parameter; after package_name, those of packages are expected`,
		pkg + "module_name sg/all\nmodule_version 2\nmy_own x":          `f:6: "my_own": unknown parameter; after package_name, those of packages are expected`,
		pkg + "pev_ x":                                                  `f:4: "pev_": pev_ and a name of letters, digits and _ was expected, at most 4096`,
		pkg + "pev_a-b x":                                               `f:4: "pev_a-b": pev_ and a name of letters, digits and _ was expected, at most 4096`,
		pkg + "pev_a " + strings.Repeat("x", 4097):                      `f:4: "` + strings.Repeat("x", 4097) + `": at most 4096 characters were expected, not 4097`,
		pkg + "package_description " + strings.Repeat("x", 81):          `f:4: "` + strings.Repeat("x", 81) + `": at most 80 characters were expected, not 81`,
		pkg + "run_script a.sh":                                         `f:4: "a.sh": the full name of a file was expected, /...`,
	}
}

// Forms and ranges of what concerns no reservation.
func TestParameterFaults(t *testing.T) {
	for line, want := range parameterFaults() {
		c, err := ParseConfig(strings.NewReader(line+"\n"), "f")
		var fault *ConfigError
		if c != nil || !errors.As(err, &fault) || err.Error() != want {
			t.Errorf("%q: %v, want %s", line, err, want)
		}
	}
	if _, err := ParseConfig(strings.NewReader(manyNodes(1)+"package_name p\npev_a "+strings.Repeat("x", 4096)+"\n"), "f"); err != nil {
		t.Error(err)
	}
}

// Any text is read or refused, and what is read is what stands there.
func FuzzSettings(f *testing.F) {
	f.Add(realCluster + realPackage)
	f.Add("NODE_NAME a\nNODE_PR_KEY 1\npackage_name p\npev_x \"\\\"\\\\\" # y\nservice_name s\nservice_cmd \"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig(strings.NewReader(text), "f")
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil {
			return
		}
		lines := strings.Split(text, "\n")
		for _, p := range c.Packages {
			for _, s := range p.Settings {
				words := strings.Fields(uncomment(lines[s.At.Line-1]))
				if strings.ToLower(words[0]) != s.Name {
					t.Errorf("%+v stands as %q", s, lines[s.At.Line-1])
				}
			}
			p.Services()
			p.FileSystems()
		}
	})
}
