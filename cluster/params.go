package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// form is what the value of a parameter has to look like.
type form struct {
	kind formKind
	// min and max bound a number, or max the length of a text.
	min, max int64
	// words are the values that are allowed besides.
	words []string
	// many says that the parameter may be given more than once.
	many bool
	// remote says that a file may be one of another host, HOST:/...
	remote bool
	// head is the parameter whose block this one belongs to.
	head string
}

// formKind is the class of a form.
type formKind uint8

const (
	// One word is what every parameter has that is nothing else.
	_ formKind = iota
	// number is a decimal number.
	number
	// choice is one of the words.
	choice
	// line is everything up to the end of the line, with or without quotes.
	line
	// file is a name that begins with / or with a variable.
	file
	// label is the name of a node, package, service and the like.
	label
)

// Limits of the vendor's parameters.
const (
	maxText    = 4096
	maxTimeout = 4294
	maxMicros  = 1<<32 - 1
)

func yesNo() form { return form{kind: choice, words: []string{"yes", "no"}} }

func onOff() form { return form{kind: choice, words: []string{"on", "off"}} }

func words(list ...string) form { return form{kind: choice, words: list} }

func numbers(low, high int64, besides ...string) form {
	return form{kind: number, min: low, max: high, words: besides}
}

func upTo(most int64) form { return form{kind: line, max: most} }

// in makes a form one of a block, of which there may be several.
func (f form) in(head string) form { f.head = head; return f }

// clusterForm gives the form of a parameter of the cluster as a whole.
func clusterForm(name string) (form, bool) {
	switch name {
	case "key_value":
		return words("id", "hash", "nodeid"), true
	case "cluster_name", "nodes_from", "qs_host", "qs_addr", "first_cluster_lock_vg", "second_cluster_lock_vg":
		return form{}, true
	case "cluster_pr_mode":
		return words("pr_enabled", "pr_disabled"), true
	case "forced_pr_disable":
		return yesNo(), true
	case "hostname_address_family":
		return words("ipv4", "ipv6", "any"), true
	case "qs_polling_interval", "qs_timeout_extension", "member_timeout", "heartbeat_interval", "node_timeout",
		"auto_start_timeout", "network_polling_interval", "configured_io_timeout_extension", "max_reformation_duration":
		return numbers(0, maxMicros), true
	case "max_configured_packages":
		return numbers(0, 300), true
	case "network_failure_detection":
		return words("inout", "inonly_or_inout"), true
	case "network_auto_failback":
		return yesNo(), true
	case "load_balancing", "qs_smart_quorum":
		return onOff(), true
	case "ip_monitor":
		return onOff().in("subnet"), true
	case "volume_group", "ops_volume_group", "retired_node_id", "retired_node_pr_key", "subnet", "site_name":
		return form{many: true}, true
	case "polling_target":
		return form{many: true, head: "subnet"}, true
	case "user_name":
		return form{many: true}, true
	case "user_host", "user_role":
		return upTo(maxText).in("user_name"), true
	case "weight_name":
		return form{many: true}, true
	case "weight_default":
		return numbers(0, 1000000).in("weight_name"), true
	}
	return form{}, false
}

// nodeForm gives the form of a parameter of a node that does not concern
// reservations.
func nodeForm(name string) (form, bool) {
	switch name {
	case "network_interface", "capacity_name":
		return form{many: true}, true
	case "heartbeat_ip", "stationary_ip":
		return form{many: true, head: "network_interface"}, true
	case "cluster_lock_lun", "first_cluster_lock_pv", "second_cluster_lock_pv":
		return form{kind: file}, true
	case "serial_device_file":
		return form{kind: file, many: true}, true
	case "site", "node_nvme_hostid":
		return form{}, true
	case "capacity_value":
		return numbers(0, 1000000, "infinite").in("capacity_name"), true
	}
	return form{}, false
}

// packageForm gives the form of a parameter of a package that does not
// concern reservations.
func packageForm(name string) (form, bool) {
	if strings.HasPrefix(name, "pev_") {
		return upTo(maxText), true
	}
	if f, ok := blockForm(name); ok {
		return f, true
	}
	switch name {
	case "package_description":
		return upTo(80), true
	case "operation_sequence", "email_id", "subnet", "storage_group", "path", "vxvm_dg", "cvm_dg":
		return form{many: true}, true
	case "owner":
		return form{}, true
	case "no_luns":
		return yesNo(), true
	case "pr_type":
		return words(prTypeWERO, prTypeWEAR), true
	case "pkg_pr_mode":
		return words("pr_enabled", "pr_disabled"), true
	case "auto_run", "node_fail_fast_enabled", "local_lan_failover_allowed", "concurrent_vgchange_operations_enabled",
		"net_switching_enabled", "pkg_switching_enabled", "node_failfast_enabled", "vxvm_dg_retry":
		return yesNo(), true
	case "run_script_timeout", "halt_script_timeout", "successor_halt_timeout":
		return numbers(0, maxTimeout, "no_timeout"), true
	case "log_level":
		return numbers(0, 10), true
	case "failover_policy":
		return words("configured_node", "min_package_node", "site_preferred", "site_preferred_manual", "min_weight_pkg_node"), true
	case "failback_policy":
		return words("manual", "automatic"), true
	case "priority":
		return numbers(1, 3000, "no_priority"), true
	case "script_log_file", "run_script", "halt_script":
		return form{kind: file}, true
	case "external_pre_script", "external_script":
		return form{kind: file, many: true}, true
	case "vgchange_cmd", "vxvol_cmd", "cvm_activation_cmd":
		return upTo(maxText), true
	case "concurrent_vgchange_operations", "deactivation_retry_count", "enable_threaded_vgchange",
		"fs_mount_retry_count", "fs_umount_retry_count":
		return numbers(0, 1000), true
	case "concurrent_fsck_operations", "concurrent_mount_and_umount_operations":
		return numbers(1, 1000), true
	case "kill_processes_accessing_raw_devices":
		return yesNo(), true
	}
	return form{}, false
}

// blockForm gives the form of a parameter that stands in a block, or heads one.
func blockForm(name string) (form, bool) {
	switch name {
	case "service_name", "dependency_name", "weight_name", "user_name", "generic_resource_name":
		return form{kind: label, many: true}, true
	case "module_name", "resource_name", "ip_subnet", "cluster_interconnect_subnet", "monitored_subnet", "local_interface":
		return form{many: true}, true
	case "module_version":
		return form{head: "module_name"}, true
	case "service_cmd":
		return upTo(maxText).in("service_name"), true
	case "service_restart":
		return numbers(0, 1<<31-1, "none", "unlimited").in("service_name"), true
	case "service_fail_fast_enabled":
		return yesNo().in("service_name"), true
	case "service_halt_timeout":
		return numbers(0, maxTimeout).in("service_name"), true
	case "fs_name":
		return form{kind: file, many: true, remote: true}, true
	case "fs_server":
		return form{head: "fs_name"}, true
	case "fs_directory":
		return form{kind: file, head: "fs_name"}, true
	case "fs_type":
		return form{kind: line, max: 255, head: "fs_name"}, true
	case "fs_mount_opt", "fs_umount_opt", "fs_fsck_opt":
		return upTo(maxText).in("fs_name"), true
	case "ip_subnet_node", "ip_address":
		return form{many: true, head: "ip_subnet"}, true
	case "monitored_subnet_access":
		return words("full", "partial").in("monitored_subnet"), true
	case "dependency_condition", "dependency_location":
		return upTo(maxText).in("dependency_name"), true
	case "weight_value":
		return numbers(0, 1000000).in("weight_name"), true
	case "user_host", "user_role":
		return upTo(maxText).in("user_name"), true
	case "resource_polling_interval":
		return numbers(0, maxMicros).in("resource_name"), true
	case "resource_start":
		return words("automatic", "deferred").in("resource_name"), true
	case "resource_up_value":
		return upTo(maxText).in("resource_name"), true
	case "generic_resource_evaluation_type", "generic_resource_up_criteria":
		return upTo(maxText).in("generic_resource_name"), true
	}
	return form{}, false
}

// check says what a value has to be, if it is not.
func (f form) check(value string) string {
	if slices.Contains(f.words, strings.ToLower(value)) && f.kind != line {
		return ""
	}
	switch f.kind {
	case choice:
		return orList(f.words) + " was expected"
	case number:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < f.min || n > f.max {
			besides := ""
			if len(f.words) > 0 {
				besides = ", or " + orList(f.words) + ","
			}
			return fmt.Sprintf("a number from %d to %d%s was expected", f.min, f.max, besides)
		}
	case line:
		if int64(len(value)) > f.max {
			return fmt.Sprintf("at most %d characters were expected, not %d", f.max, len(value))
		}
	case file:
		if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "$") && !(f.remote && isRemote(value)) {
			return "the full name of a file was expected, /..."
		}
	case label:
		return badName(value)
	}
	return ""
}

// orList joins words as a sentence does.
func orList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
