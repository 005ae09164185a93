package simlun

import (
	"lunguard/scsi"
	"lunguard/scsi/simlun/fault"
	"lunguard/scsi/simlun/model"
)

// What a unit is made of, who speaks to it, and what goes wrong; see the packages
// model and fault.
type (
	// Config is what a simulated unit is made of.
	Config = model.Config
	// Quirks say where the device differs from SPC-4.
	Quirks = model.Quirks
	// NexusID names an I_T nexus.
	NexusID = model.NexusID
	// Plan lists what goes wrong on the way to a device.
	Plan = fault.Plan
	// Rule is one fault of a Plan.
	Rule = fault.Rule
	// Match picks the commands of a Rule.
	Match = fault.Match
	// Action is what a Rule does to a command.
	Action = fault.Action
)

var (
	// ErrBadConfig says that no unit can be made of a Config.
	ErrBadConfig = model.ErrBadConfig
	// ErrBadQuirk says that a text names no quirk.
	ErrBadQuirk = model.ErrBadQuirk
	// ErrBadNexus says that a text names no I_T nexus.
	ErrBadNexus = model.ErrBadNexus
	// ErrBadPlan says that a text is no fault plan.
	ErrBadPlan = fault.ErrBadPlan
)

// MakeNexus names the nexus of an initiator port and a RELATIVE TARGET PORT
// IDENTIFIER.
func MakeNexus(port scsi.TransportID, relative uint16) NexusID {
	return model.MakeNexus(port, relative)
}

// ParseNexus reads PORT or PORT/RELATIVEPORT. The error is ErrBadNexus.
func ParseNexus(text string) (NexusID, error) { return model.ParseNexus(text) }

// ParseQuirks reads quirks by their names, separated by commas.
func ParseQuirks(text string) (Quirks, error) { return model.ParseQuirks(text) }

// QuirkNames lists all quirks.
func QuirkNames() []string { return model.QuirkNames() }

// ParsePlan reads a fault plan. The error is ErrBadPlan.
func ParsePlan(text string) (Plan, error) { return fault.ParsePlan(text) }
