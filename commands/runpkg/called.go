package runpkg

import (
	"context"

	"lunguard/cluster"
)

// RunService starts a service for a control script that calls for it. What it prints
// goes into the log. Errors: *ServiceError, *os.PathError, the cause of the
// end of ctx.
func (r *Runner) RunService(ctx context.Context, s cluster.Service) error {
	return r.startService(ctx, s)
}

// HaltService ends a service, likewise, and all its processes; one that does not run is no
// error. Errors: *StuckError, *os.PathError.
func (r *Runner) HaltService(ctx context.Context, name string) error {
	return r.stopService(ctx, declared(r, name))
}
