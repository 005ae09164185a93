package probe

import "strings"

// way is what the commands do where a device has a quirk; empty where nothing is done
// otherwise.
func way(quirk string) string {
	name, _, _ := strings.Cut(quirk, "=")
	switch name {
	case "NoCapabilities":
		return "what it can do is tried and not asked; whether registrations survive a power loss is not known"
	case "NoOpcodes":
		return "whether it has PREEMPT AND ABORT is not known before it is needed"
	case "NoFullStatus":
		return "keys are read by READ KEYS; who has registered them is not known"
	case "NoRegIgnore":
		return "paths are registered by REGISTER"
	case "NoRegisterMove":
		return "the reservation is handed over in several steps"
	case "NoSpecIPT", "SpecIPTKnownOnly":
		return "each path registers by itself, and one that is away stays without"
	case "NoAPTPL", "NoPersistence":
		return "after a power loss of the array nobody is registered; pr_watchdog restores it"
	case "AllTgPtImplicit":
		return "one registration stands for all paths"
	case "ReserveAnyKey":
		return "a RESERVE that comes late is done, whatever was registered since: who holds is read back"
	case "NoReset":
		return "a command that hangs cannot be ended"
	case "MaxRegs":
		return "there cannot be more nodes times paths than that"
	case "OnlyTypes", "NoAllRegistrants":
		return "only these types can be configured"
	}
	return ""
}
