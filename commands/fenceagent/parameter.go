package fenceagent

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// kind is the type of a parameter's value, in the words of fence agents' metadata.
type kind string

const (
	boolean  kind = "boolean"
	text     kind = "string"
	seconds  kind = "second"
	choice   kind = "select"
	integral kind = "integer"
)

// parameter is one of the agent's: a name on standard input, an option by hand, and a
// line in the metadata.
type parameter struct {
	name string
	// short is the letter of the option, empty if there is none.
	short   string
	kind    kind
	choices []string
	// initial is its value if none is given.
	initial string
	// obsoletes is an older name of it.
	obsoletes string
	about     string
}

// Names of parameters.
const (
	paramAction   = "action"
	paramPlug     = "plug"
	paramPort     = "port" // the older name of plug
	paramNodename = "nodename"
	paramPackages = "packages"
	paramDevices  = "devices"
	paramVGs      = "vgs"
	paramKeyValue = "key_value"
	paramKey      = "key"
	paramConfig   = "config"
	paramCorosync = "corosync_conf"
	paramDeadline = "deadline"
	paramTimeout  = "timeout"
	paramDelay    = "delay"
	paramForceOn  = "force_on"
	paramLog      = "log"
	paramVerbose  = "verbose"
	paramVersion  = "version"
	paramHelp     = "help"
)

// parameters are those that the metadata shows.
func parameters() []parameter {
	return []parameter{
		{name: paramAction, short: "o", kind: text, initial: string(actionOff), about: "What to do: " + actionWords()},
		{name: paramPlug, short: "n", kind: text, obsoletes: paramPort, about: "Name of the node that is fenced, as corosync or the config has it"},
		{name: paramNodename, kind: text, about: "The same; it counts before plug"},
		{name: paramPackages, kind: text, about: "Packages of the config, separated by blanks or commas (else all of them)"},
		{name: paramDevices, short: "d", kind: text, about: "Devices that all nodes share, separated by blanks or commas: for a cluster without a config"},
		{name: paramVGs, kind: text, about: "Volume groups that all nodes share, likewise"},
		{name: paramKeyValue, kind: choice, choices: keyValues(), about: "How nodes' keys are made: id and hash as fence_scsi does, nodeid from corosync's nodeid, config as the config has them (config if there is one, else id)"},
		{name: paramKey, short: "k", kind: text, about: "The key of the node, in hexadecimal digits, in place of a derived one"},
		{name: paramConfig, short: "C", kind: text, about: "Config of the cluster (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf, or none)"},
		{name: paramCorosync, kind: text, about: "corosync's configuration (else $COROSYNC_MAIN_CONFIG_FILE, /etc/corosync/corosync.conf)"},
		{name: paramDeadline, kind: seconds, initial: "30", about: "Seconds after which the action ends by itself, and has failed; the cluster kills it later"},
		{name: paramTimeout, kind: seconds, initial: "20", about: "Seconds for one command to a device, with its retries"},
		{name: paramDelay, short: "H", kind: seconds, initial: "0", about: "Seconds to wait before a node is fenced"},
		{name: paramForceOn, kind: boolean, initial: "0", about: "Let a node in that was fenced and has not been restarted: for who knows that it has nothing left to write"},
		{name: paramLog, kind: choice, choices: []string{"syslog", "stderr", "none"}, initial: "syslog", about: "Where changes are logged"},
		{name: paramVerbose, short: "v", kind: boolean, initial: "0", about: "Say what is done"},
		{name: paramVersion, short: "V", kind: boolean, about: "Print the version"},
		{name: paramHelp, short: "h", kind: boolean, about: "Print the usage"},
	}
}

// accepted are parameters that other agents have and that mean nothing here, so that
// their resources can change to this agent. They are taken without a word.
func accepted() []parameter {
	return []parameter{
		{name: "aptpl", short: "a", kind: boolean}, {name: "readonly", kind: boolean}, {name: "suppress-errors", kind: boolean},
		{name: "quiet", short: "q", kind: boolean}, {name: "debug", short: "D", kind: text}, {name: "debug_file", kind: text},
		{name: "logfile", short: "f", kind: text},
		{name: "corosync_cmap_path", kind: text}, {name: "sg_persist_path", kind: text}, {name: "sg_turs_path", kind: text},
		{name: "vgs_path", kind: text}, {name: "mpath_register_method", kind: boolean}, {name: "store_path", kind: text},
		{name: "power_timeout", kind: seconds}, {name: "power_wait", kind: seconds}, {name: "shell_timeout", kind: seconds},
		{name: "login_timeout", kind: seconds}, {name: "disable_timeout", kind: text}, {name: "retry_on", kind: integral},
		{name: "stonith_status_sleep", kind: seconds}, {name: "plug_separator", kind: text}, {name: "separator", kind: text},
		{name: "verbose_level", kind: integral},
	}
}

// known are all names that are taken, older ones among them.
func known() []parameter {
	return slices.Concat(parameters(), accepted(), []parameter{{name: paramPort, kind: text}})
}

// option is the long name by which a parameter is given by hand.
func (p parameter) option() string { return strings.ReplaceAll(p.name, "_", "-") }

// flag is the option.
func (p parameter) flag() cli.Flag {
	var aliases []string
	if p.short != "" {
		aliases = append(aliases, p.short)
	}
	if p.kind == boolean {
		return &cli.BoolFlag{Name: p.option(), Aliases: aliases}
	}
	return &cli.StringFlag{Name: p.option(), Aliases: aliases}
}

// flags are the options by hand.
func flags() []cli.Flag {
	var list []cli.Flag
	for _, p := range known() {
		list = append(list, p.flag())
	}
	return list
}
