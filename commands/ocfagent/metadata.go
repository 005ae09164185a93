package ocfagent

// about is what the agent does.
const about = `Takes the reservations of a package where the resource is started: only the node that runs a failover package is registered on its LUNs then, so that no other can write to them. Put it before LVM and file systems in a group. For a package that several nodes have at once, and that fence_lunguard lets nodes in to, make it a clone: it fails where this node's registration has gone, and registers nothing.`

// metadata describes the agent as the OCF resource agent API wants it, in the words of
// ra-api-1.dtd.
func metadata() string {
	return `<?xml version="1.0"?>
<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">
<resource-agent name="package" version="1.0">
<version>1.1</version>
<longdesc lang="en">
` + about + `
</longdesc>
<shortdesc lang="en">Persistent reservations of a package's LUNs</shortdesc>
<parameters>
<parameter name="package" unique="1" required="0">
<longdesc lang="en">The package of lunguard's config whose LUNs are taken. Without a config, devices or vgs name them.</longdesc>
<shortdesc lang="en">Package</shortdesc>
<content type="string"/>
</parameter>
<parameter name="devices" unique="0" required="0">
<longdesc lang="en">Devices that one node has at a time, separated by blanks or commas: for a cluster without a config.</longdesc>
<shortdesc lang="en">Devices in place of a package</shortdesc>
<content type="string"/>
</parameter>
<parameter name="vgs" unique="0" required="0">
<longdesc lang="en">Volume groups, likewise.</longdesc>
<shortdesc lang="en">Volume groups in place of a package</shortdesc>
<content type="string"/>
</parameter>
<parameter name="key_value" unique="0" required="0">
<longdesc lang="en">How nodes' keys are made of corosync.conf, for devices and vgs: id, hash or nodeid, the same as for fence_lunguard.</longdesc>
<shortdesc lang="en">Keys: id, hash or nodeid</shortdesc>
<content type="string" default="id"/>
</parameter>
<parameter name="corosync_conf" unique="0" required="0">
<longdesc lang="en">corosync's configuration, for devices and vgs.</longdesc>
<shortdesc lang="en">corosync's configuration</shortdesc>
<content type="string" default="/etc/corosync/corosync.conf"/>
</parameter>
<parameter name="config" unique="0" required="0">
<longdesc lang="en">The config in place of /etc/lunguard/cluster.conf.</longdesc>
<shortdesc lang="en">Config</shortdesc>
<content type="string" default="/etc/lunguard/cluster.conf"/>
</parameter>
<parameter name="scope" unique="0" required="0">
<longdesc lang="en">reservations: the reservations alone. all: what cmrunpkg and cmhaltpkg do, with volume groups, file systems, scripts and services, for a package that was taken over from Serviceguard as it is.</longdesc>
<shortdesc lang="en">What is started: reservations or all</shortdesc>
<content type="string" default="reservations"/>
</parameter>
<parameter name="on_unknown" unique="0" required="0">
<longdesc lang="en">What a monitor says when a LUN cannot be read: fail, or ignore, which warns.</longdesc>
<shortdesc lang="en">What is not known: fail or ignore</shortdesc>
<content type="string" default="fail"/>
</parameter>
<parameter name="deadline" unique="0" required="0">
<longdesc lang="en">Seconds after which an action ends by itself, and has failed; four fifths of the operation's timeout if not given.</longdesc>
<shortdesc lang="en">Seconds for an action</shortdesc>
<content type="string"/>
</parameter>
</parameters>
<actions>
<action name="start" timeout="60s"/>
<action name="stop" timeout="60s"/>
<action name="monitor" timeout="20s" interval="10s" depth="0"/>
<action name="monitor" timeout="30s" interval="60s" depth="10"/>
<action name="validate-all" timeout="20s"/>
<action name="meta-data" timeout="5s"/>
</actions>
</resource-agent>
`
}

// usage is the help.
func usage() string {
	return `
usage: ocf_lunguard_package ACTION

ocf:lunguard:package, a resource agent: Pacemaker calls it as
/usr/lib/ocf/resource.d/lunguard/package, with parameters in the environment.

Actions: start, stop, monitor, validate-all, meta-data, reload, reload-agent,
usage. Parameters: OCF_RESKEY_package, OCF_RESKEY_config, OCF_RESKEY_scope
(reservations or all), OCF_RESKEY_on_unknown (fail or ignore),
OCF_RESKEY_deadline (seconds); without a config OCF_RESKEY_devices,
OCF_RESKEY_vgs, OCF_RESKEY_key_value (id, hash or nodeid) and
OCF_RESKEY_corosync_conf; OCF_CHECK_LEVEL 10 looks deeper.

exit status: 0 done, or up and protected; 1 failed, or not known; 2 wrong on this
host; 3 no such action; 4 not root; 5 missing on this host; 6 wrong parameters;
7 not running; 190 up and protected, and something is to be looked at
`
}
