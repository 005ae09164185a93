package commands

import (
	"cmp"

	"github.com/urfave/cli/v2"
)

// simVariable chooses a simulated host, as --sim does.
const simVariable = "LUNGUARD_SIM"

func simFlag() cli.Flag { return offering(&cli.StringFlag{Name: "sim"}, oneOf(shellDirs)) }

// simulated is the folder of the simulated host that the command works on, empty if
// it works on this machine.
func (c *call) simulated() string { return simulatedBy(c.flags.String("sim"), c.getenv) }

// simulatedBy is the folder that the option, or else the environment, names.
func simulatedBy(option string, getenv func(string) string) string {
	return cmp.Or(option, getenv(simVariable))
}
