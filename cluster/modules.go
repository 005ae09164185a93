package cluster

import (
	"slices"
	"strings"
)

// Module is a part of the vendor's package files, which brings parameters.
type Module struct {
	Name string
	// For says what it is for.
	For string
	// Includes are modules that it brings along, Parameters its own, in the
	// order of a file.
	Includes, Parameters []string
}

// Modules are those of the vendor whose parameters are known here.
func Modules() []Module {
	return []Module{
		{"sg/basic", "what every package has", nil, []string{
			"package_name", "package_description", "module_name", "module_version", "package_type", "node_name", "auto_run", "node_fail_fast_enabled",
			"run_script_timeout", "halt_script_timeout", "successor_halt_timeout", "script_log_file", "operation_sequence", "log_level", "email_id",
		}},
		{"sg/failover", "a package that one node runs at a time", []string{"sg/basic", "sg/priority"}, []string{"failover_policy", "failback_policy"}},
		{"sg/multi_node", "a package that all its nodes run at once", []string{"sg/basic", "sg/priority"}, nil},
		{"sg/priority", "which package gives way", nil, []string{"priority"}},
		{"sg/dependency", "what must be up for the package", nil, []string{"dependency_name", "dependency_condition", "dependency_location"}},
		{"sg/weight", "how much of a node a package needs", nil, []string{"weight_name", "weight_value"}},
		{"sg/monitor_subnet", "networks without which the package is moved", nil, []string{
			"local_interface", "monitored_subnet", "monitored_subnet_access", "cluster_interconnect_subnet",
		}},
		{"sg/package_ip", "addresses of the package", nil, []string{"ip_subnet", "ip_subnet_node", "ip_address"}},
		{"sg/service", "programs that run as long as the package is up", nil, []string{
			"service_name", "service_cmd", "service_restart", "service_fail_fast_enabled", "service_halt_timeout",
		}},
		{"sg/resource", "resources of the event monitor", nil, []string{"resource_name", "resource_polling_interval", "resource_start", "resource_up_value"}},
		{"sg/generic_resource", "resources that monitors tell of", nil, []string{
			"generic_resource_name", "generic_resource_evaluation_type", "generic_resource_up_criteria",
		}},
		{"sg/volume_group", "volume groups of the package", nil, []string{
			"concurrent_vgchange_operations", "enable_threaded_vgchange", "vgchange_cmd", "cvm_activation_cmd", "vxvol_cmd", "vg", "cvm_dg", "vxvm_dg",
			"vxvm_dg_retry", "deactivation_retry_count", "kill_processes_accessing_raw_devices",
		}},
		{"sg/filesystem", "file systems of the package", nil, []string{
			"concurrent_fsck_operations", "concurrent_mount_and_umount_operations", "fs_mount_retry_count", "fs_umount_retry_count",
			"fs_name", "fs_server", "fs_directory", "fs_type", "fs_mount_opt", "fs_umount_opt", "fs_fsck_opt",
		}},
		{"sg/pev", "variables for the scripts of the package", nil, []string{"pev_"}},
		{"sg/external_pre", "scripts that run before the volume groups are activated", nil, []string{"external_pre_script"}},
		{"sg/external", "scripts that run when the file systems are mounted", nil, []string{"external_script"}},
		{"sg/acp", "who may start and halt the package", nil, []string{"user_name", "user_host", "user_role"}},
		{"sg/pr_cntl", "persistent reservations", nil, []string{"pv", "no_luns", "pr_type"}},
		{"sg/all", "all of a failover package", []string{
			"sg/failover", "sg/dependency", "sg/weight", "sg/monitor_subnet", "sg/package_ip", "sg/service", "sg/resource", "sg/generic_resource",
			"sg/volume_group", "sg/filesystem", "sg/pev", "sg/external_pre", "sg/external", "sg/acp", "sg/pr_cntl",
		}, nil},
		{"sg/multi_node_all", "all of a multi-node package", []string{
			"sg/multi_node", "sg/dependency", "sg/weight", "sg/monitor_subnet", "sg/service", "sg/resource", "sg/generic_resource",
			"sg/volume_group", "sg/filesystem", "sg/pev", "sg/external_pre", "sg/external", "sg/acp", "sg/pr_cntl",
		}, nil},
	}
}

// namesOf are the names of parameters.
func namesOf(list []Parameter) []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// packageParameters are all parameters of packages.
func packageParameters() []string { return namesOf(PackageParameters()) }

// clusterParameters are all parameters of clusters and nodes.
func clusterParameters() []string { return namesOf(ClusterParameters()) }

// ModuleOf is the module that brings a parameter of packages; empty if it stands in
// legacy package files only, or is printed by the vendor's commands and written by nobody.
func ModuleOf(parameter string) string {
	for _, m := range Modules() {
		if slices.Contains(m.Parameters, parameter) {
			return m.Name
		}
	}
	return ""
}

// moduleNames are those of Modules.
func moduleNames() []string {
	var names []string
	for _, m := range Modules() {
		names = append(names, m.Name)
	}
	return names
}

// isStandard reports whether a module is the vendor's own.
func isStandard(module string) bool {
	return slices.Contains(moduleNames(), strings.ToLower(module))
}

// ForeignModules are the modules of the package that are a toolkit's, of a later
// release, or its owner's.
func (p *Package) ForeignModules() []string {
	return slices.DeleteFunc(p.Settings.All("module_name"), isStandard)
}

// Foreign are the parameters that such modules have brought.
func (p *Package) Foreign() Settings {
	return slices.DeleteFunc(slices.Clone(p.Settings), func(s Setting) bool {
		_, known := packageForm(s.Name)
		return known || slices.Contains(checkedInPackage(), s.Name)
	})
}

// checkedInPackage are parameters whose form is looked at as they are taken.
func checkedInPackage() []string {
	return []string{"package_name", "node_name", "package_type", "vg", "pv"}
}

// foreignForm is that of a parameter which nobody here knows.
func foreignForm() form { return form{kind: line, max: maxText, many: true} }

// brought reports whether a module that the package names may have brought an
// unknown parameter. Toolkits put the name of the module before it,
// ecmt/oracle/oracle/ORACLE_HOME. What looks like a slip of the pen is one: a vg
// that is not seen is a vg that is not protected.
func (p *Package) brought(name string) bool {
	family, _, slashed := strings.Cut(name, "/")
	for _, m := range p.ForeignModules() {
		if own, _, _ := strings.Cut(strings.ToLower(m), "/"); slashed && own == family {
			return true
		}
	}
	return !slashed && len(p.ForeignModules()) > 0 && nearestWithin(1, name, packageParameters()) == ""
}
