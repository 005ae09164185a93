package commands

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/scsi"
)

// Flags that commands about LUNs have.

func configFlag() cli.Flag {
	return offering(&cli.StringFlag{Name: "config", Aliases: []string{"C"}}, oneOf(shellFiles))
}

func nodeFlag() cli.Flag {
	return offering(&cli.StringFlag{Name: "node", Aliases: []string{"n"}}, completeNodes)
}

func dryRunFlag() cli.Flag { return &cli.BoolFlag{Name: "dry-run"} }

func timeoutFlag() cli.Flag { return &cli.StringFlag{Name: "timeout"} }

func noLVMFlag() cli.Flag { return &cli.BoolFlag{Name: "no-lvm"} }

func scanFlag() cli.Flag { return offering(repeatedFlag("scan"), oneOf(shellFiles)) }

func serialFlag() cli.Flag { return &cli.BoolFlag{Name: "serial"} }

func strictFlag() cli.Flag { return &cli.BoolFlag{Name: "strict"} }

// lunTimeout is how long one command to a device may take with its retries:
// seconds, or a number with a unit.
func lunTimeout(c *call) (time.Duration, error) {
	text := c.flags.String("timeout")
	if text == "" {
		return scsi.DefaultTimeout, nil
	}
	unit := ""
	if strings.Trim(text, "0123456789.") == "" {
		unit = "s"
	}
	d, err := time.ParseDuration(text + unit)
	if err != nil || d <= 0 {
		return 0, usagef("--timeout %s: seconds were expected, such as 60, or a number with a unit, such as 500ms", text)
	}
	return d, nil
}
