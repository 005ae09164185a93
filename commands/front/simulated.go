package front

import (
	"cmp"

	"github.com/urfave/cli/v2"
)

// SimVariable chooses a simulated host, as --sim does.
const SimVariable = "LUNGUARD_SIM"

// SimFlag is --sim.
func SimFlag() cli.Flag { return Offering(&cli.StringFlag{Name: "sim"}, OneOf(ShellDirs)) }

// Simulated is the folder of the simulated host that the command works on, empty if
// it works on this machine.
func (c *Call) Simulated() string { return SimulatedBy(c.Flags.String("sim"), c.Getenv) }

// SimulatedBy is the folder that the option, or else the environment, names.
func SimulatedBy(option string, getenv func(string) string) string {
	return cmp.Or(option, getenv(SimVariable))
}
