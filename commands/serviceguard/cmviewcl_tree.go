package serviceguard

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"lunguard/cluster"
	"lunguard/commands/runpkg"
	"lunguard/pr"
)

// attribute is one thing that is said of an object.
type attribute struct{ name, value string }

// object is a thing in the cluster with its attributes and the things in it:
// the cluster itself, a node, a package, a node of a package, a service...
type object struct {
	kind, name string
	attributes []attribute
	objects    []*object
}

// get returns the value of an attribute, empty if there is none.
func (o *object) get(name string) string {
	for _, a := range o.attributes {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// set adds an attribute, unless there is one of this name: what was found out
// stands before what the config says.
func (o *object) set(name, value string) {
	for _, a := range o.attributes {
		if a.name == name {
			return
		}
	}
	o.attributes = append(o.attributes, attribute{name, value})
}

// add puts an object into this one.
func (o *object) add(kind, name string) *object {
	in := &object{kind: kind, name: name}
	o.objects = append(o.objects, in)
	return in
}

// block adds a repeated parameter as an object of its own.
func (o *object) block(b cluster.Block) *object {
	in := o.add(b.Name, b.Value)
	in.set(b.Name, b.Value)
	for _, s := range b.Inside {
		in.set(s.Name, s.Value)
	}
	for _, s := range b.Repeated {
		in.add(s.Name, s.Value).set(s.Name, s.Value)
	}
	return in
}

// Kinds of objects that are not named as parameters are.
const (
	kindNode    = "node"
	kindPackage = "package"
	kindModule  = "module_name"
)

// Values of attributes, in the vendor's words.
const (
	valueUp       = "up"
	valueDown     = "down"
	valueUnknown  = "unknown"
	valueOK       = "ok"
	valueDegraded = "degraded"
	valueEnabled  = "enabled"
	valueDisabled = "disabled"
	valueUnowned  = "unowned"
)

// The module that stands for reservations in the vendor's packages.
const (
	prModule        = "sg/pr_cntl"
	prModuleVersion = "1"
	prModuleScript  = "$SGCONF/scripts/sg/pr_cntl.sh"
)

// portrait makes the objects of cmviewcl.
type portrait struct {
	conf *cluster.Config
	// verbose says that the parameters of the config are shown, live that
	// the LUNs were read; views are of the packages of which they were.
	verbose, live bool
	views         map[string]*cluster.PackageView
	// switches are what cmmodpkg has noted, by package.
	switches map[string]runpkg.Switches
	// services are those that this host knows of, by package and name.
	services map[string]map[string]*runpkg.ServiceState
	// local is the node that this is; it has no name if this is none.
	local cluster.Node
}

// cluster makes the cluster itself, without what is in it.
func (p *portrait) cluster() *object {
	o := &object{}
	o.set("name", p.conf.Name)
	if p.conf.Tag != 0 {
		o.set("id", fmt.Sprint(p.conf.Tag))
	}
	if p.live {
		up, well := false, true
		for _, n := range p.conf.Nodes {
			up = up || p.nodeUp(n)
		}
		var modes []cluster.PRMode
		for _, v := range p.views {
			modes = append(modes, v.Mode)
			well = well && v.Well()
		}
		o.standing(up, "running", well)
		o.set("cluster_pr_mode", string(cluster.ClusterPRMode(p.conf, modes)))
	} else if p.conf.PRDisabled {
		o.set("cluster_pr_mode", string(cluster.PRDisabled))
	}
	single, blocks := p.conf.Outline()
	for _, s := range single {
		if s.Name == "cluster_pr_mode" || p.verbose && s.Name != "cluster_name" {
			o.set(s.Name, s.Value)
		}
	}
	if p.verbose {
		for _, b := range blocks {
			o.block(b)
		}
	}
	return o
}

// standing sets status, state and summary of what is up or nobody can tell.
func (o *object) standing(up bool, running string, well bool) {
	status, state, summary := valueUnknown, valueUnknown, valueDegraded
	if up {
		status, state = valueUp, running
	}
	if up && well {
		summary = valueOK
	}
	o.set("status", status)
	o.set("state", state)
	o.set("summary", summary)
}

// nodeUp reports whether the node is seen to be up. Of a node that runs no
// package nobody can tell.
func (p *portrait) nodeUp(n cluster.Node) bool {
	if n.Name == p.local.Name {
		return true
	}
	for _, v := range p.views {
		for _, on := range v.Nodes {
			if on.Seen && on.Node == n.Name {
				return true
			}
		}
	}
	return false
}

// nodeStatus is that of a node, - if it was not asked.
func (p *portrait) nodeStatus(name string) string {
	if !p.live {
		return "-"
	}
	n, err := p.conf.Node(name)
	if err == nil && p.nodeUp(n) {
		return valueUp
	}
	return valueUnknown
}

// node makes one node.
func (p *portrait) node(n cluster.Node) *object {
	o := &object{kind: kindNode, name: n.Name}
	o.set("name", n.Name)
	if n.ID != 0 {
		o.set("id", fmt.Sprint(n.ID))
	}
	if p.live {
		o.standing(p.nodeUp(n), "running", true)
	}
	o.set("node_pr_key", bareKey(n.Key))
	if !p.verbose {
		return o
	}
	single, blocks := n.Outline()
	for _, s := range single {
		if s.Name != "node_name" {
			o.set(s.Name, s.Value)
		}
	}
	for _, b := range blocks {
		o.block(b)
		if b.Name == "network_interface" {
			o.network(b)
		}
	}
	return o
}

// network adds an interface by the vendor's names. Nobody here looks at it.
func (o *object) network(b cluster.Block) {
	in := o.add("interface", b.Value)
	in.set("name", b.Value)
	in.set("status", valueUnknown)
	for _, s := range b.Repeated {
		a := in.add("ip_address", s.Value)
		a.set("name", s.Value)
		a.set("heartbeat", strconv.FormatBool(s.Name == "heartbeat_ip"))
	}
}

// bareKey is a key as the vendor's cmviewcl has it.
func bareKey(k pr.Key) string { return fmt.Sprintf("%x", uint64(k)) }

// pkg makes one package.
func (p *portrait) pkg(pkg *cluster.Package) *object {
	o := &object{kind: kindPackage, name: pkg.Name}
	o.set("name", pkg.Name)
	o.set("type", string(pkg.Type))
	view := p.views[pkg.Name]
	if view != nil {
		summary := valueDegraded
		if view.Well() {
			summary = valueOK
		}
		o.set("status", string(view.Status))
		o.set("state", view.Status.State())
		o.set("summary", summary)
		if pkg.Type == cluster.Failover {
			o.set("owner", ownerWord(view))
		}
	}
	autorun := switchWord(pkg.Settings, "auto_run", true)
	if said := p.switches[pkg.Name].AutoRun; said != nil {
		autorun = enabledWord(*said)
	}
	o.set("autorun", autorun)
	o.set("highly_available", "yes")
	if mode := p.packageMode(pkg); mode != "" {
		o.set("pkg_pr_mode", string(mode))
	}
	p.packageNodes(o, pkg, view)
	if p.verbose {
		p.parameters(o, pkg)
	}
	return o
}

// ownerWord says who has a failover package.
func ownerWord(v *cluster.PackageView) string {
	switch owner := v.Owner(); {
	case owner != "":
		return owner
	case v.Status == cluster.StatusUnknown:
		return valueUnknown
	}
	return valueUnowned
}

// switchWord says a parameter of yes and no.
func switchWord(s cluster.Settings, name string, preset bool) string {
	on := preset
	if v, ok := s.Get(name); ok {
		on = strings.EqualFold(v, "yes")
	}
	return enabledWord(on)
}

func enabledWord(on bool) string {
	if on {
		return valueEnabled
	}
	return valueDisabled
}

// packageMode is empty if it was not found out and the config does not tell.
func (p *portrait) packageMode(pkg *cluster.Package) cluster.PRMode {
	if view := p.views[pkg.Name]; view != nil {
		return view.Mode
	}
	none := (*cluster.NoLUNError)(nil)
	switch err := pkg.DisksKnown(); {
	case p.conf.PRDisabled, pkg.HasNoLUNs(), errors.As(err, &none):
		return cluster.PRDisabled
	case err != nil:
		return cluster.PRUnknown
	}
	mode, _ := pkg.Settings.Get("pkg_pr_mode")
	return cluster.PRMode(strings.ToLower(mode))
}

// packageNodes adds the nodes of a package.
func (p *portrait) packageNodes(o *object, pkg *cluster.Package, view *cluster.PackageView) {
	node := func(name string) *object {
		n := o.add(kindNode, name)
		n.set("name", name)
		return n
	}
	if view == nil {
		for _, name := range pkg.Nodes {
			node(name).set("switching", valueEnabled)
		}
		return
	}
	for _, v := range view.Nodes {
		n := node(v.Node)
		n.set("status", string(v.Status))
		n.set("state", v.Status.State())
		switching := valueEnabled
		if !pkg.RunsOn(v.Node) {
			switching = valueDisabled
		}
		if on, said := p.switches[pkg.Name].Nodes[v.Node]; said {
			switching = enabledWord(on)
		}
		n.set("switching", switching)
	}
}

// parameters adds what the config says of a package.
func (p *portrait) parameters(o *object, pkg *cluster.Package) {
	style := "modular"
	if pkg.IsLegacy() {
		style = "legacy"
	}
	o.set("style", style)
	if d, ok := pkg.Settings.Get("package_description"); ok {
		o.set("description", d)
	}
	o.set("initial_autorun", switchWord(pkg.Settings, "auto_run", true))
	o.set("failfast", switchWord(pkg.Settings, "node_fail_fast_enabled", false))
	single, blocks := pkg.Outline()
	for _, s := range single {
		switch s.Name {
		case "package_name", "package_type", "pkg_pr_mode":
		case "owner":
			// What a saved copy of a running package says is of the past.
		default:
			o.set(s.Name, s.Value)
		}
	}
	if pkg.Type == cluster.Failover {
		o.set("failover_policy", "configured_node")
		o.set("failback_policy", "manual")
	}
	module, script := false, false
	for _, b := range blocks {
		switch {
		case b.Name == "node_name":
			continue
		case b.Name == kindModule && b.Value == prModule:
			module = true
			prModuleObject(o)
			continue
		case b.Name == "operation_sequence" && b.Value == prModuleScript:
			script = true
		}
		in := o.block(b)
		if b.Name == "service_name" {
			in.service(p.services[pkg.Name][b.Value])
		}
	}
	// A package that is protected has the module, whether it names it or not.
	if len(pkg.Groups)+len(pkg.Volumes) == 0 || p.packageMode(pkg) == cluster.PRDisabled {
		return
	}
	if !module {
		prModuleObject(o)
	}
	if !script {
		o.add("operation_sequence", prModuleScript).set("operation_sequence", prModuleScript)
	}
}

// service adds what is known of a service; nothing if it is nil.
func (o *object) service(s *runpkg.ServiceState) {
	if s == nil {
		return
	}
	status := valueUp
	if !s.Running {
		status = valueDown
	}
	o.set("status", status)
	o.set("restarts", fmt.Sprint(s.Restarts))
	// A control script says what a package file does not.
	limit := "unlimited"
	if s.Limit >= 0 {
		limit = fmt.Sprint(s.Limit)
	}
	o.set("service_restart", limit)
}

// prModuleObject adds the module that stands for reservations.
func prModuleObject(o *object) {
	m := o.add(kindModule, prModule)
	m.set("module_name", prModule)
	m.set("module_version", prModuleVersion)
	m.set("module_scripts", prModuleScript)
}
