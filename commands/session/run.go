package session

import (
	"context"

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
