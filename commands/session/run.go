package session

import (
	"context"
	"runtime"
	"runtime/debug"

	"lunguard/cluster"
	"lunguard/protocol"
)

// PackageRun is a protocol on the LUNs of a package. Config may be nil, and so
// may Package, where a command works on LUNs of no package.
type PackageRun struct {
	*protocol.Run
	Config  *cluster.Config
	Package *cluster.Package
	opened  *Opened
}

// NewPackageRun makes one on the LUNs that were opened.
func NewPackageRun(conf *cluster.Config, pkg *cluster.Package, node cluster.Node, o *Opened) *PackageRun {
	r := &PackageRun{Config: conf, Package: pkg, opened: o, Run: &protocol.Run{Room: makeRoom, Members: conf.Members(), Node: node.Member(), LUNs: o.LUNs}}
	if pkg != nil {
		r.Mode, r.SharedType = pkg.Mode(), pkg.SharedType()
	}
	return r
}

// Start brings the LUNs up on this node, which has to be one of the package's:
// *cluster.NotMemberError, and those of [protocol.Run.Start].
func (r *PackageRun) Start(ctx context.Context) error {
	if !r.Package.RunsOn(r.Node.Name) {
		return &cluster.NotMemberError{Node: r.Node.Name, Package: r.Package}
	}
	return r.Run.Start(ctx)
}

// names are the worldwide names of the LUNs.
func (r *PackageRun) names() []string {
	list := make([]string, len(r.LUNs))
	for i, l := range r.LUNs {
		list[i] = l.WWID
	}
	return list
}

const (
	// processors is how many of the runtime's processors makeRoom asks for at
	// most. More than that gain nothing.
	processors = 16
	// share is how many commands may well wait for one of them.
	share = 8
	// garbage is how much memory may be waiting to be collected, in percent of
	// what is in use, of which 4 MiB are assumed. The collector takes turns on
	// all processors, while answers wait: a process that ends in a second had
	// better not begin with it.
	garbage = 200
)

// makeRoom prepares the process for sending many commands at the same time.
// Each command holds a thread in the kernel until the device answers, and the
// thread holds one of the runtime's processors until its monitor has noticed,
// which takes from 20 µs to 10 ms. A machine with two processors therefore sends
// its commands in a trickle. It does not depend on how many processors the
// machine has: they wait, they do not compute.
func makeRoom(commands int) {
	want := min(commands/share, processors)
	if want <= runtime.GOMAXPROCS(0) {
		return
	}
	runtime.GOMAXPROCS(want)
	if before := debug.SetGCPercent(garbage); before < 0 || before > garbage {
		debug.SetGCPercent(before)
	}
}
