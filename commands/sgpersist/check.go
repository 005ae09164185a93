package sgpersist

import (
	"fmt"
	"slices"

	"lunguard/scsi"
)

// misuse is a command line that cannot be carried out.
type misuse struct {
	text string
	// usage says that the help follows.
	usage  bool
	status status
}

// check looks for what contradicts itself, in the order in which the original
// does, because only the first finding is printed. It prints warnings.
func (r *run) check() *misuse {
	o := r.opts
	if o.in && o.out {
		return &misuse{"choose '--in' _or_ '--out' (not both)\n", true, contradiction}
	}
	if bad := r.checkActions(); bad != nil {
		return bad
	}
	moves := slices.Contains(o.writes, scsi.OutRegisterAndMove)
	switch {
	case (o.unregister || o.port != 0) && !moves:
		return &misuse{"--unreg or --relative-target-port only useful with --register-move\n", true, contradiction}
	case moves && len(o.transportIDs) != 1:
		return &misuse{"with --register-move one (and only one) --transport-id should be given\n", true, contradiction}
	}
	if o.out && o.typ == 0 {
		switch o.writes[0] {
		case scsi.OutReserve, scsi.OutRelease, scsi.OutPreempt, scsi.OutPreemptAndAbort:
			r.errorf("warning>>> --prout-type probably needs to be given\n")
		}
	}
	return nil
}

// checkActions finds the one service action that is to be done.
func (r *run) checkActions() *misuse {
	o := r.opts
	switch {
	case o.out && (len(o.writes) != 1 || len(o.reads) != 0):
		return &misuse{">> For Persistent Reserve Out one and only one appropriate\n" +
			">> service action must be chosen (e.g. '--register')\n", false, contradiction}
	case o.out:
	case len(o.writes) > 0:
		return &misuse{">> When a service action for Persistent Reserve Out is chosen the\n" +
			">> '--out' option must be given (as a safeguard)\n", false, contradiction}
	case len(o.reads) == 0:
		r.errorf(">> No service action given; assume Persistent Reserve In command\n" +
			">> with Read Keys service action\n")
		o.reads = []scsi.InAction{scsi.InReadKeys}
	case len(o.reads) > 1:
		return &misuse{"Too many service actions given; choose one only\n", true, contradiction}
	}
	return nil
}

// tellParameters shows what was understood of the command line.
func (r *run) tellParameters() {
	o := r.opts
	if o.verbose < 3 {
		return
	}
	r.errorf("Number of PROUT parameters: %d\n", o.outParameters)
	if len(o.transportIDs) == 0 {
		return
	}
	// The spelling is the original's.
	r.errorf("number of tranport-ids decoded from command line (or stdin): %d\n", len(o.transportIDs))
	r.errorf("  Decode given transport-ids:\n")
	for _, id := range o.transportIDs {
		fmt.Fprint(r.Out, transportIDText("      ", id.Bytes()))
	}
}
