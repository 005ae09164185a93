package ocfagent

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"lunguard/cluster"
	"lunguard/cluster/corosync"
)

// made is a failover package of a cluster without a config: the resource names its devices
// and volume groups, nodes and keys are corosync's.
type made struct {
	name            string
	devices, groups []string
	keyValue        string
	corosync        string
}

// newMade is what the parameters make, nil if they name neither devices nor groups. Its
// name is that of the resource, which is another one for each.
func newMade(getenv func(string) string) *made {
	list := func(name string) []string {
		return strings.FieldsFunc(getenv("OCF_RESKEY_"+name), func(r rune) bool { return strings.ContainsRune(", \t\n", r) })
	}
	m := &made{devices: list(paramDevices), groups: list(paramVGs)}
	if len(m.devices)+len(m.groups) == 0 {
		return nil
	}
	m.name, _, _ = strings.Cut(getenv("OCF_RESOURCE_INSTANCE"), ":")
	m.keyValue = cmp.Or(getenv("OCF_RESKEY_"+paramKeyValue), string(corosync.ByPosition))
	m.corosync = cmp.Or(getenv("OCF_RESKEY_"+paramCorosync), getenv("COROSYNC_MAIN_CONFIG_FILE"), corosync.DefaultPath)
	return m
}

// config is the config that it would stand in, and which is held to the same rules. Errors:
// as from [cluster.ParseConfig].
func (m *made) config() (*cluster.Config, error) {
	path, err := filepath.Abs(m.corosync)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "NODES_FROM %s\nKEY_VALUE %s\npackage_name %s\nnode_name *\n", path, m.keyValue, m.name)
	for _, g := range m.groups {
		fmt.Fprintf(&b, "vg %s\n", strings.TrimPrefix(g, "/dev/"))
	}
	for _, d := range m.devices {
		fmt.Fprintf(&b, "pv %s\n", d)
	}
	return cluster.ParseConfig(strings.NewReader(b.String()), "the parameters of "+m.name)
}
