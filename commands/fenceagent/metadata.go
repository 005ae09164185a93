package fenceagent

import (
	"fmt"
	"strings"
)

// about is what the agent does, for the metadata.
const about = `fence_lunguard fences a node by taking its registrations off shared disks: persistent reservations of the type Write Exclusive - Registrants Only then keep it from writing. Nodes are let in by unfencing, which each does for itself. It needs no list of disks if there is a config of lunguard; else devices or vgs name what all nodes share.`

// escaped is a text as XML has it.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}

// metadata describes the agent as the fence agent API wants it.
func metadata() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`<?xml version="1.0" ?>`)
	line(`<resource-agent name="fence_lunguard" shortdesc="Fence agent for SCSI-3 persistent reservations">`)
	line("<longdesc>%s</longdesc>", escaped(about))
	line("<vendor-url></vendor-url>")
	line("<parameters>")
	for _, p := range parameters() {
		line("%s", p.xml())
	}
	line("</parameters>")
	line("<actions>")
	for _, a := range actions() {
		attributes := ""
		if a == actionOn {
			// The cluster lets a node in by itself, and each node does it for itself.
			attributes = ` on_target="1" automatic="1"`
		}
		line(`<action name="%s"%s/>`, a, attributes)
	}
	line("</actions>")
	line("</resource-agent>")
	return b.String()
}

// xml is the parameter's line in the metadata.
func (p parameter) xml() string {
	attributes := `unique="0" required="0"`
	if p.obsoletes != "" {
		attributes += fmt.Sprintf(` obsoletes="%s"`, p.obsoletes)
	}
	option := "--" + p.option()
	if p.kind != boolean {
		option += "=[" + p.name + "]"
	}
	if p.short != "" {
		option = "-" + p.short + ", " + option
	}
	content := fmt.Sprintf(`type="%s"`, p.kind)
	if p.initial != "" {
		content += fmt.Sprintf(` default="%s"`, escaped(p.initial))
	}
	choices := "/>"
	if len(p.choices) > 0 {
		choices = ">"
		for _, c := range p.choices {
			choices += fmt.Sprintf(`<option value="%s"/>`, escaped(c))
		}
		choices += "</content>"
	}
	return fmt.Sprintf("<parameter name=\"%s\" %s>\n<getopt mixed=\"%s\"/>\n<content %s%s\n<shortdesc lang=\"en\">%s</shortdesc>\n</parameter>",
		p.name, attributes, escaped(option), content, choices, escaped(p.about))
}

// usage is the help.
func usage() string {
	var b strings.Builder
	b.WriteString(`
usage: fence_lunguard [OPTION...]
       fence_lunguard < PARAMETERS

Fences a node of a Pacemaker cluster: takes its registrations off the shared
disks, so that it cannot write. Without options it reads parameters from the
standard input, NAME=VALUE lines, as the cluster writes them.

`)
	for _, p := range parameters() {
		option := "--" + p.option()
		if p.kind != boolean {
			option += " " + strings.ToUpper(string(p.kind))
		}
		if p.short != "" {
			option = "-" + p.short + ", " + option
		}
		fmt.Fprintf(&b, "  %-29s %s\n", option, wrapped(p.about, 48, 32))
	}
	fmt.Fprintf(&b, "\nTaken and not looked at, since other agents have them:\n  %s\n", wrapped(ignoredWords(), 74, 2))
	b.WriteString(`
exit status: 0 done, and read back (status: the node is on); 1 failed, or not
known; 2 status alone: the node is off; 128 + N ended by signal N
`)
	return b.String()
}

// ignoredWords are the options that mean nothing here.
func ignoredWords() string {
	var list []string
	for _, p := range append(accepted(), parameter{name: paramPort}) {
		option := "--" + p.option()
		if p.short != "" {
			option += " -" + p.short
		}
		list = append(list, option)
	}
	return strings.Join(list, ", ")
}

// wrapped breaks a text into lines of a width, the second and all others indented.
func wrapped(text string, width, indent int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
