package words

import (
	"errors"
	"strings"

	"lunguard/cluster"
)

// configWords says what is wrong with the config or with what was asked of it.
func configWords(err error) (Message, bool) {
	var (
		conf   *cluster.ConfigError
		node   *cluster.UnknownNodeError
		pkg    *cluster.UnknownPackageError
		member *cluster.NotMemberError
		script *cluster.ControlError
		none   *cluster.NoLUNError
	)
	switch {
	case errors.As(err, &script):
		return Message{What: script.Error(), Hint: controlHint(script), Status: ExitFailed}, true
	case errors.As(err, &none):
		return Message{What: none.Error(), Hint: "nothing of it would be protected: name its LUNs by vg or pv lines, or say no_luns yes if it has none", Status: ExitFailed}, true
	case errors.As(err, &conf):
		m := Message{What: conf.Error(), Status: ExitFailed}
		if conf.Near != "" {
			m.Hint = "did you mean " + conf.Near + "?"
		}
		return m, true
	case errors.As(err, &node):
		return Message{What: node.Error(), Hint: "name this node with -n NODE or SG_NODE; " + nodeNames(node.Config), Status: ExitFailed}, true
	case errors.As(err, &pkg):
		return Message{What: pkg.Error(), Hint: packageNames(pkg), Status: ExitFailed}, true
	case errors.As(err, &member):
		return Message{What: member.Error(), Hint: "it runs on " + strings.Join(member.Package.Nodes, ", "), Status: ExitFailed}, true
	}
	return Message{}, false
}

// controlHint says which line makes a disk of a control script the package's.
func controlHint(e *cluster.ControlError) string {
	name := e.Group
	if name == "" {
		name = "NAME"
	}
	hint := "add the line vg " + name + " to the package"
	if e.Group == "" {
		hint += ", for each of its volume groups"
	}
	return hint + ", or correct the script"
}

// NodeNames says which node may have been meant by a name that is none's, and which
// there are.
func NodeNames(e *cluster.UnknownNodeError) string {
	names := make([]string, len(e.Config.Nodes))
	for i, n := range e.Config.Nodes {
		names[i] = n.Name
	}
	near := cluster.Nearest(e.Name, names)
	if near == "" {
		return nodeNames(e.Config)
	}
	return "is " + near + " meant? " + nodeNames(e.Config)
}

// Nearest is the name that may have been meant by one that is none; empty if none is near.
func Nearest(name string, names []string) string { return cluster.Nearest(name, names) }

// nodeNames says which nodes a config has.
func nodeNames(c *cluster.Config) string {
	names := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		names[i] = n.Name
	}
	return c.Path + " has " + strings.Join(names, ", ")
}

// packageNames says which package may have been meant, and which a config has.
func packageNames(e *cluster.UnknownPackageError) string {
	c := e.Config
	if len(c.Packages) == 0 {
		return c.Path + " has no package"
	}
	names := make([]string, len(c.Packages))
	for i, p := range c.Packages {
		names[i] = p.Name
	}
	text := c.Path + " has " + strings.Join(names, ", ")
	if near := cluster.Nearest(e.Name, names); near != "" {
		text = "is " + near + " meant? " + text
	}
	return text
}
