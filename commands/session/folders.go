package session

import (
	"path/filepath"

	"lunguard/commands/front"
)

// Where a host remembers what it has done since it was booted, and keeps the logs of
// packages.
const (
	RunVariable = "LUNGUARD_RUN"
	DefaultRun  = "/run/lunguard"
	defaultLogs = "/var/log/lunguard"
)

// RunFolders are the folder of what is remembered, and that of logs. A simulated host
// has its own.
func RunFolders(c *front.Call) (run, logs string, err error) {
	sim := c.Simulated()
	switch dir := c.Getenv(RunVariable); {
	case dir != "":
		run = dir
	case sim != "":
		run = filepath.Join(sim, "run")
	default:
		return DefaultRun, defaultLogs, nil
	}
	run, err = filepath.Abs(run)
	return run, filepath.Join(run, "log"), err
}
