package deadman

import (
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/watchdog"
	"lunguard/pr"
)

// waitFor looks at the keys until this node's is on every LUN of the packages, and is the
// LUNs to watch then. The device is not armed meanwhile: a cluster engine lets nodes in
// after it has been started itself, and this has to be there before. Packages that are not
// named are those that several nodes have at once, from which nodes are fenced. Without
// LUNs the context has ended.
func waitFor(d *deadman, conf *cluster.Config, hangup <-chan os.Signal) (*scope, error) {
	if len(d.names) == 0 {
		for i := range conf.Packages {
			if pkg := &conf.Packages[i]; pkg.Type != cluster.Failover && pkg.RunsOn(d.node.Name) {
				d.names = append(d.names, pkg.Name)
			}
		}
	}
	if len(d.names) == 0 {
		return nil, front.Usagef("no package is shared by several nodes: name those to wait for")
	}
	waiting := waitingWords(d.node.Key, d.names)
	d.lines.say(d.Out, "%s", waiting)
	// Who waits for this to be ready is who lets this node in.
	d.notifier.Tell("READY=1\nSTATUS=" + waiting)
	again := time.NewTicker(d.timing.Interval)
	defer again.Stop()
	said := ""
	for {
		in, err := isIn(d, conf)
		if in {
			luns, err := d.plan(conf, nil)
			var out *notUpError
			if err == nil || !errors.As(err, &out) {
				return &scope{conf, luns}, err
			}
		}
		if err != nil && err.Error() != said {
			// Once, not once a second.
			said = err.Error()
			d.sayErr(err)
		}
		select {
		case <-d.Ctx.Done():
			return &scope{conf: conf}, nil
		case <-hangup:
			if now, err := session.ReadConfig(d.Call); err != nil {
				d.sayErr(err)
			} else {
				conf = now
			}
		case <-again.C:
		}
	}
}

// waitingWords says what is waited for.
func waitingWords(key pr.Key, packages []string) string {
	return "waiting until this node's key " + key.String() + " is on every LUN of " + strings.Join(packages, ", ") + "; the device is not armed"
}

// isIn reports whether this node's key is on every LUN of the packages. What cannot be read
// may not have it. The error is that the LUNs cannot be found.
func isIn(d *deadman, conf *cluster.Config) (bool, error) {
	packages, err := d.candidates(conf)
	if err != nil {
		return false, err
	}
	var all []candidate
	defer func() { closeNew(all) }()
	for _, pkg := range packages {
		disks, err := d.disks(pkg)
		if err != nil {
			return false, err
		}
		for _, disk := range disks {
			all = append(all, d.candidate(pkg, disk, nil))
		}
	}
	d.survey(all)
	return len(all) > 0 && !slices.ContainsFunc(all, func(c candidate) bool { return c.State != watchdog.StatePresent }), nil
}
