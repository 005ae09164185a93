package session

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
)

// Flags that commands about LUNs have.

// ConfigFlag is -C, the config.
func ConfigFlag() cli.Flag {
	return front.Offering(&cli.StringFlag{Name: "config", Aliases: []string{"C"}}, front.OneOf(front.ShellFiles))
}

// NodeFlag is -n, which node this is.
func NodeFlag() cli.Flag {
	return front.Offering(&cli.StringFlag{Name: "node", Aliases: []string{"n"}}, CompleteNodes)
}

// DryRunFlag is --dry-run.
func DryRunFlag() cli.Flag { return &cli.BoolFlag{Name: "dry-run"} }

// TimeoutFlag is --timeout.
func TimeoutFlag() cli.Flag { return &cli.StringFlag{Name: "timeout"} }

// NoLVMFlag is --no-lvm.
func NoLVMFlag() cli.Flag { return &cli.BoolFlag{Name: "no-lvm"} }

// ScanFlag is --scan, which may be given again.
func ScanFlag() cli.Flag {
	return front.Offering(front.Repeated("scan"), front.OneOf(front.ShellFiles))
}

// SerialFlag is --serial.
func SerialFlag() cli.Flag { return &cli.BoolFlag{Name: "serial"} }

// StrictFlag is --strict.
func StrictFlag() cli.Flag { return &cli.BoolFlag{Name: "strict"} }

// Timeout is how long one command to a device may take with its retries:
// seconds, or a number with a unit.
func Timeout(c *front.Call) (time.Duration, error) {
	text := c.Flags.String("timeout")
	if text == "" {
		return DefaultTimeout, nil
	}
	unit := ""
	if strings.Trim(text, "0123456789.") == "" {
		unit = "s"
	}
	d, err := time.ParseDuration(text + unit)
	if err != nil || d <= 0 {
		return 0, front.Usagef("--timeout %s: seconds were expected, such as 60, or a number with a unit, such as 500ms", text)
	}
	return d, nil
}

// PackageFlags are those of a command on packages.
func PackageFlags() []cli.Flag {
	return []cli.Flag{front.VerboseFlag(), ConfigFlag(), NodeFlag(), DryRunFlag(), front.JSONFlag(), TimeoutFlag(), front.SimFlag(), NoLVMFlag(), ScanFlag(), SerialFlag(), front.LogFlag()}
}

// PackageOptions is what the help says of them.
const PackageOptions = `
  -v             say each step and the number of commands
  --dry-run      list the commands that would be sent, send none but reads
  -C FILE        cluster config (else $LUNGUARD_CONF, /etc/lunguard/cluster.conf)
  -n NODE        which node this is (else $SG_NODE, the short host name)
  --timeout S    time for one command to a device, retries included (60)
  --serial       one LUN after the other, for arrays that stall on many at once
  --no-lvm       find volume groups by what lvm2 wrote on the disks, without it
  --scan GLOB    as --no-lvm, on these device files only; may be given again
  --sim DIR      work on a simulated host (else $LUNGUARD_SIM)
  --log WHERE    log changes to syslog (the default), stderr or none`

// PlanJSON is the line about --json of those commands that show nothing else.
const PlanJSON = `
  --json         with --dry-run: the plan for a program`
