package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// Use says what becomes of a parameter here.
type Use string

// Uses.
const (
	// ActedOn: a command does what it says.
	ActedOn Use = "acted on"
	// Warned: it asks for what nobody here does, and cmcheckconf says so.
	Warned Use = "a warning of cmcheckconf"
	// Kept: it is checked, kept and shown, and asks for nothing that a start or a halt
	// could lack.
	Kept Use = "kept and shown"
	// Ours: the vendor does not have it, and it is acted on.
	Ours Use = "ours, acted on"
)

// Parameter is what people are told of a parameter.
type Parameter struct {
	Name string
	Use  Use
	// About says what it is.
	About string
	// Preset is what is taken if it is not given, Sample what may stand there where
	// nothing is.
	Preset, Sample string
}

// PackageParameters are all parameters of packages, by module, in the order of a file.
func PackageParameters() []Parameter {
	return slices.Concat(basicParameters(), networkParameters(), serviceParameters(), storageParameters(), scriptParameters(), legacyParameters())
}

func basicParameters() []Parameter {
	return []Parameter{
		{"package_name", ActedOn, "The name by which all commands call the package: at most 39 letters and digits, and . - _ between them.", "", "pkg1"},
		{"package_description", Kept, "What the package is, for people.", "Serviceguard Package", ""},
		{"module_name", Kept, "A module that the file was made of. It brings parameters; one of a toolkit, or of your own, brings those that are not known here.", "", "sg/basic"},
		{"module_version", Kept, "The version of the module that was named before it.", "", "1"},
		{"package_type", ActedOn, "One node runs a failover package at a time, and the LUNs are its alone; several run the others at once, and share the LUNs.", "failover", ""},
		{"node_name", ActedOn, "A node that may run the package, one a line, the first one first; * is all nodes of the cluster.", "*", ""},
		{"auto_run", Kept, "Whether the cluster manager starts the package by itself. Nothing here does; cmmodpkg changes what is shown.", "yes", ""},
		{"node_fail_fast_enabled", Warned, "Whether the node is restarted if the package fails. Nothing here does that; pr_watchdog restarts a node that has lost its LUNs.", "no", ""},
		{"run_script_timeout", ActedOn, "How long a start may take, in seconds.", "no_timeout", ""},
		{"halt_script_timeout", ActedOn, "How long a halt may take, in seconds.", "no_timeout", ""},
		{"successor_halt_timeout", Kept, "How long the halt of packages that depend on this one may take, in seconds.", "no_timeout", ""},
		{"script_log_file", ActedOn, "The log of starts and halts.", "", "$SGRUN/log/pkg1.log"},
		{"operation_sequence", Kept, "The order of the steps, which is fixed here.", "", "$SGCONF/scripts/sg/volume_group.sh"},
		{"log_level", Kept, "How much scripts log.", "", "0"},
		{"email_id", Warned, "Who is told of what happens. Nothing here sends mail.", "", "ops@example.com"},
		{"failover_policy", Kept, "How the cluster manager chooses the node.", "configured_node", ""},
		{"failback_policy", Kept, "Whether the cluster manager moves the package back to its first node.", "manual", ""},
		{"priority", Kept, "Which package gives way on a node that is full, a low number last.", "no_priority", ""},
		{"dependency_name", Warned, "Something that must be so for the package to run; the two lines that follow are its.", "", "on_pkg2"},
		{"dependency_condition", Kept, "What must be so.", "", "pkg2 = up"},
		{"dependency_location", Kept, "Where it must be so.", "", "same_node"},
		{"weight_name", Warned, "Something of which a node has a limited amount.", "", "package_limit"},
		{"weight_value", Kept, "How much of it the package needs.", "", "1"},
	}
}

func networkParameters() []Parameter {
	return []Parameter{
		{"local_interface", Kept, "An interface without which the package cannot run.", "", "eth0"},
		{"monitored_subnet", Warned, "A subnet without which the package is moved. Nothing here watches it.", "", "192.0.2.0"},
		{"monitored_subnet_access", Kept, "Whether all nodes of the package have that subnet.", "", "full"},
		{"cluster_interconnect_subnet", Warned, "A subnet for the traffic of a clustered database. Nothing here watches it.", "", "192.0.2.0"},
		{"ip_subnet", Warned, "The subnet of addresses of the package. Nothing here sets them: an external_script can.", "", "192.0.2.0"},
		{"ip_subnet_node", Kept, "A node that has that subnet, if not all have it.", "", "node1"},
		{"ip_address", Warned, "An address of the package on that subnet.", "", "192.0.2.9"},
	}
}

func serviceParameters() []Parameter {
	return []Parameter{
		{"service_name", ActedOn, "A program that runs as long as the package is up; the lines that follow are its.", "", "service1"},
		{"service_cmd", ActedOn, "Its command line, for /bin/sh.", "", "/opt/app/bin/app -x"},
		{"service_restart", ActedOn, "How often it is started again when it ends.", "", "none"},
		{"service_fail_fast_enabled", Warned, "Whether the node is restarted if it ends for good. Nothing here does that.", "", "no"},
		{"service_halt_timeout", ActedOn, "How long it may take to end after SIGTERM, in seconds; then it is killed.", "", "300"},
		{"resource_name", Warned, "A resource of the event monitor.", "", "/net/interfaces/lan/status/lan0"},
		{"resource_polling_interval", Kept, "How often it is asked, in seconds.", "", "60"},
		{"resource_start", Kept, "When its monitor is started.", "", "automatic"},
		{"resource_up_value", Kept, "What it must be.", "", "= UP"},
		{"generic_resource_name", Warned, "A resource that a monitor tells of.", "", "cpu_load"},
		{"generic_resource_evaluation_type", Kept, "When it must be up.", "", "during_package_start"},
		{"generic_resource_up_criteria", Kept, "From which value on it is up.", "", "<75"},
	}
}

func storageParameters() []Parameter {
	return []Parameter{
		{"vg", ActedOn, "A volume group, one a line. All its LUNs are reserved before it is activated.", "", "vg01"},
		{"pv", ActedOn, "A device outside any volume group that is reserved: a LUN, a multipath map, a partition.", "", "/dev/mapper/mpatha"},
		{"no_luns", Ours, "Whether the package has no LUNs, on purpose. Without vg and pv lines it is an error not to say so.", "no", ""},
		{"pr_type", Ours, "Who holds the reservations of a package that several nodes run: wero is one of them, wear is all, so that none has to hand it over. NVMe namespaces have wear in any case.", "wero", ""},
		{"vgchange_cmd", ActedOn, "The command that activates a volume group, without its name.", "vgchange -a y", ""},
		{"concurrent_vgchange_operations", Kept, "How many volume groups are activated at once; one here.", "", "1"},
		{"enable_threaded_vgchange", Kept, "Whether vgchange works on several disks at once.", "", "0"},
		{"cvm_activation_cmd", Kept, "The command that activates a disk group of CVM.", "", "vxdg -g"},
		{"vxvol_cmd", Kept, "The command that starts volumes of VxVM.", "", "vxvol -g"},
		{"cvm_dg", Warned, "A disk group of CVM. pv lines protect its LUNs.", "", "dg01"},
		{"vxvm_dg", Warned, "A disk group of VxVM. pv lines protect its LUNs.", "", "dg01"},
		{"vxvm_dg_retry", Kept, "Whether the import of a disk group is tried again.", "", "no"},
		{"deactivation_retry_count", ActedOn, "How often it is tried again to deactivate a volume group.", "", "2"},
		{"kill_processes_accessing_raw_devices", Warned, "Whether processes that use its devices are killed. Nothing here does that.", "no", ""},
		{"concurrent_fsck_operations", Kept, "How many file systems are checked at once; one here.", "", "1"},
		{"concurrent_mount_and_umount_operations", Kept, "How many file systems are mounted at once; one here.", "", "1"},
		{"fs_mount_retry_count", ActedOn, "How often it is tried again to mount a file system.", "", "0"},
		{"fs_umount_retry_count", ActedOn, "How often it is tried again to unmount a file system.", "", "1"},
		{"fs_name", ActedOn, "The device of a file system, on a volume group of the package; the lines that follow are its. They are mounted in this order.", "", "/dev/vg01/lvol1"},
		{"fs_server", ActedOn, "The host whose file system it is, if it is another's: nothing here protects that.", "", "nfs1"},
		{"fs_directory", ActedOn, "Where it is mounted.", "", "/data"},
		{"fs_type", ActedOn, "Its type; mount finds it out if it is not given.", "", "ext4"},
		{"fs_mount_opt", ActedOn, "Options of mount.", "", "-o rw"},
		{"fs_umount_opt", ActedOn, "Options of umount.", "", ""},
		{"fs_fsck_opt", ActedOn, "Options of fsck. Without them it is not checked.", "", "-p"},
	}
}

func scriptParameters() []Parameter {
	return []Parameter{
		{"pev_", ActedOn, "A variable for scripts, which have it in capitals: pev_x is PEV_X.", "", ""},
		{"external_pre_script", ActedOn, "A script that is run before the reservations are made, and after they were given up.", "", "$SGCONF/pkg1/pre.sh"},
		{"external_script", ActedOn, "A script that is run when the file systems are mounted, and before they are unmounted.", "", "$SGCONF/pkg1/script.sh"},
		{"user_name", Kept, "Who may start and halt the package. The rights of the system decide here.", "", "ops"},
		{"user_host", Kept, "From where.", "", "cluster_member_node"},
		{"user_role", Kept, "As what.", "", "package_admin"},
	}
}

func legacyParameters() []Parameter {
	return []Parameter{
		{"run_script", ActedOn, "The control script, called with start. Its volume groups are read, and protected.", "", "$SGCONF/pkg1/control.sh"},
		{"halt_script", ActedOn, "The same, called with stop.", "", "$SGCONF/pkg1/control.sh"},
		{"subnet", Warned, "A subnet without which the package is moved. Nothing here watches it.", "", "192.0.2.0"},
		{"storage_group", Warned, "A disk group of CVM. pv lines protect its LUNs.", "", "dg01"},
		{"path", Kept, "The PATH of scripts of another product.", "", "/usr/bin"},
		{"local_lan_failover_allowed", Kept, "Whether another interface of the node may take an address over.", "", "yes"},
		{"net_switching_enabled", Kept, "The older name of local_lan_failover_allowed.", "", "yes"},
		{"pkg_switching_enabled", Kept, "The older name of auto_run.", "", "yes"},
		{"node_failfast_enabled", Warned, "The older name of node_fail_fast_enabled.", "", "no"},
		{"concurrent_vgchange_operations_enabled", Kept, "Whether volume groups are activated at once.", "", "no"},
		{"owner", Kept, "Of a saved output: the node that had the package then. It is never believed.", "", ""},
		{"pkg_pr_mode", Kept, "Of a saved output: whether the package was protected then. It is never believed.", "", ""},
	}
}

// ClusterParameters are all parameters of the cluster and of its nodes.
func ClusterParameters() []Parameter {
	return []Parameter{
		{"cluster_name", ActedOn, "The name of the cluster.", "", ""},
		{"cluster_pr_tag", Ours, "The high half of the keys of nodes with a NODE_ID.", "", ""},
		{"nodes_from", Ours, "Nodes and keys are made of corosync's configuration, in place of NODE_NAME lines.", "", ""},
		{"key_value", Ours, "How the keys of these nodes are made: nodeid, or id and hash as fence_scsi does.", "", ""},
		{"cluster_pr_mode", Kept, "Of a saved output: whether the cluster was protected then. It is never believed, and cmapplyconf leaves it out.", "", ""},
		{"forced_pr_disable", ActedOn, "No package makes reservations: nothing is protected, and every start says so.", "", ""},
		{"retired_node_id", Ours, "The id of a node that was removed, which no other node gets.", "", ""},
		{"retired_node_pr_key", Ours, "The key of a node that was removed, likewise.", "", ""},
		{"node_name", ActedOn, "A node, by its short host name; at most 16.", "", ""},
		{"node_id", Ours, "The low half of its key; cmapplyconf makes it.", "", ""},
		{"node_pr_key", Ours, "Its key outright, such as that of a running cluster of the vendor's, whose cmviewcl shows it.", "", ""},
		{"node_nvme_hostid", Ours, "Its NVMe host identifier, as in /etc/nvme/hostid; cmcheckconf compares it with what namespaces know the node by.", "", ""},
		{"hostname_address_family", Kept, "Which addresses the names of nodes have.", "", ""},
		{"qs_host", Kept, "The quorum server.", "", ""},
		{"qs_addr", Kept, "A second address of it.", "", ""},
		{"qs_polling_interval", Kept, "How often it is asked.", "", ""},
		{"qs_timeout_extension", Kept, "How much longer it may take.", "", ""},
		{"qs_smart_quorum", Kept, "Whether it decides by where packages run.", "", ""},
		{"first_cluster_lock_vg", Kept, "The volume group of a lock disk.", "", ""},
		{"second_cluster_lock_vg", Kept, "That of a second one.", "", ""},
		{"first_cluster_lock_pv", Kept, "The lock disk, as the node has it.", "", ""},
		{"second_cluster_lock_pv", Kept, "The second one.", "", ""},
		{"cluster_lock_lun", Kept, "The lock LUN, as the node has it. It is no LUN of a package.", "", ""},
		{"member_timeout", Kept, "After how long a silent node is taken for failed.", "", ""},
		{"heartbeat_interval", Kept, "The older parameters for that.", "", ""},
		{"node_timeout", Kept, "The older parameters for that.", "", ""},
		{"auto_start_timeout", Kept, "How long a node waits for the others.", "", ""},
		{"network_polling_interval", Kept, "How often interfaces are looked at.", "", ""},
		{"configured_io_timeout_extension", Kept, "How long commands to LUNs may be under way after a node has failed.", "", ""},
		{"max_reformation_duration", Kept, "How long the cluster may take to form again.", "", ""},
		{"max_configured_packages", Kept, "How many packages there may be; no limit here.", "", ""},
		{"network_failure_detection", Kept, "When an interface is taken for failed.", "", ""},
		{"network_auto_failback", Kept, "Whether addresses go back to it.", "", ""},
		{"load_balancing", Kept, "Whether packages are spread by weight.", "", ""},
		{"volume_group", Kept, "A volume group of the cluster; vg in a package protects it.", "", ""},
		{"ops_volume_group", Kept, "A shared one, likewise.", "", ""},
		{"subnet", Kept, "A subnet that is watched.", "", ""},
		{"ip_monitor", Kept, "Whether it is watched by IP.", "", ""},
		{"polling_target", Kept, "An address that is asked for that.", "", ""},
		{"site_name", Kept, "A site.", "", ""},
		{"site", Kept, "The site of the node.", "", ""},
		{"network_interface", Kept, "An interface of the node.", "", ""},
		{"heartbeat_ip", Kept, "Its address for heartbeats.", "", ""},
		{"stationary_ip", Kept, "Its address for other things.", "", ""},
		{"serial_device_file", Kept, "A serial line for heartbeats.", "", ""},
		{"capacity_name", Kept, "Something of which the node has a limited amount.", "", ""},
		{"capacity_value", Kept, "How much of it.", "", ""},
		{"weight_name", Kept, "Something that packages need by default.", "", ""},
		{"weight_default", Kept, "How much of it.", "", ""},
		{"user_name", Kept, "Who may run commands. The rights of the system decide here.", "", ""},
		{"user_host", Kept, "From where.", "", ""},
		{"user_role", Kept, "As what.", "", ""},
	}
}

// Legal says which values a parameter of packages may have; empty if any.
func Legal(name string) string {
	f, _ := packageForm(name)
	if name == "package_type" {
		f = words(string(Failover), string(MultiNode), string(SystemMultiNode))
	}
	switch f.kind {
	case choice:
		return strings.Join(f.words, ", ")
	case number:
		return strings.Join(append([]string{fmt.Sprintf("%d to %d", f.min, f.max)}, f.words...), ", ")
	case file:
		return "the full name of a file"
	}
	return ""
}
