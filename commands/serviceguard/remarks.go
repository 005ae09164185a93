package serviceguard

import (
	"fmt"
	"slices"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/words"
)

// unsupportedError says that a package asks for what no command here does. It
// starts all the same.
type unsupportedError struct {
	at   cluster.Position
	name string
	// instead is what can be done.
	instead string
}

func (e *unsupportedError) Error() string {
	return fmt.Sprintf("%s:%d: %s is not carried out by cmrunpkg: %s", e.at.File, e.at.Line, e.name, e.instead)
}

// foreignError says that a package has modules that nobody here knows.
type foreignError struct {
	pkg     string
	modules []string
	// kept is how many parameters they have brought.
	kept int
}

func (e *foreignError) Error() string {
	return fmt.Sprintf("package %s: nobody here carries out %s; %s kept and shown", e.pkg, strings.Join(e.modules, ", "), words.Plural(e.kept, "parameter"))
}

// remarks are what a package asks for in vain, each once.
func remarks(pkg *cluster.Package) []error {
	var list []error
	var said []string
	settings := pkg.Settings
	if k := pkg.Control; k != nil {
		settings = slices.Concat(settings, k.Addresses, k.Foreign)
	}
	for _, s := range settings {
		instead := unsupported(s)
		if instead == "" || slices.Contains(said, instead) {
			continue
		}
		said = append(said, instead)
		list = append(list, &unsupportedError{s.At, s.Name, instead})
	}
	if modules := pkg.ForeignModules(); len(modules) > 0 {
		list = append(list, &foreignError{pkg.Name, modules, len(pkg.Foreign())})
	}
	return list
}

// unsupported says what to do instead of a parameter that would have to be
// acted on and is not; empty if there is nothing to say.
func unsupported(s cluster.Setting) string {
	yes := strings.EqualFold(s.Value, "yes")
	switch s.Name {
	case "ip_subnet", "ip_address":
		return "let an external_script set the address"
	case "ip":
		return "its cmmodnet sets no address here, and the script fails if it asks for that"
	case "node_fail_fast_enabled", "node_failfast_enabled", "service_fail_fast_enabled":
		if yes {
			return "pr_watchdog restarts a node that has lost its LUNs"
		}
	case "kill_processes_accessing_raw_devices":
		if yes {
			return "an external_script can end what uses the devices"
		}
	case "vxvm_dg", "cvm_dg", "storage_group":
		return "its LUNs are not protected unless pv lines name them, and an external_pre_script has to import it"
	case "email_id":
		return "the system log has what is done, and can send it"
	case "dependency_name", "generic_resource_name", "resource_name", "monitored_subnet", "subnet", "cluster_interconnect_subnet", "weight_name":
		return "there is no cluster manager here that could look after it"
	}
	return ""
}
