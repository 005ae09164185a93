package main

// repairMutants are of repair and readmission.
func repairMutants() []*mutant {
	f := file("protocol/repair.go")
	const readmit, repair = "readmitRows", "repairRows"
	return []*mutant{
		f.never(readmit, "another node has removed this one"),
		f.never(readmit, "nothing of this node is registered"),
		f.never(readmit, "this node leaves"),
		f.never(readmit, "another node has it, or is taking it"),
		f.never(readmit, "a path is not registered, and does not answer"),
		f.never(readmit, "a path is not registered"),
		f.never(repair, "another node has it, or is taking it"),
		f.never(repair, "another node has removed this one"),
		f.never(repair, "a path is not registered, and does not answer"),
		f.never(repair, "a path is not registered"),
		f.never(repair, "the witness was not looked at since"),
		f.never(repair, "nobody holds"),
		f.edit("asksWitness", `look.removed || len(look.Own()) == 0`, `look == nil`, "the witness is read, and not judged"),
		f.edit("repair", `errors.Is(err, ErrRemoved) && t.touched`, `false && t.touched`, "a node that was removed meanwhile gives nothing up"),
		f.edit("repair", `if !t.isIn(p) {`, `if false {`, "a readmission is not looked at again"),
		f.edit("repair", `t.retry()`, ``, "a path on which a REGISTER got lost is not tried again"),
		f.edit("Run.Repair", `if len(t.Own()) > 0 {
			member`, `if len(t.Own()) > 0 || len(targets) > 1 {
			member`, "no witness is asked for"),
		f.never(readmit, "another node has taken it"),
		f.edit("Run.Repair", `if err := r.each(targets, notFenced); err != nil {
		return err
	}`, ``, "who was fenced is let in by a repair"),
		f.edit("Run.Repair", `len(member) == 0`, `false && len(member) == 0`, "a node that has the package not up is repaired"),
	}
}

// copyMutants are of a copy.
func copyMutants() []*mutant {
	f := file("protocol/copy.go")
	return []*mutant{
		f.edit("copier.copy", `nodes := c.blocking(t, plan); len(nodes) > 0`, `nodes := c.blocking(t, plan); len(nodes) > 99`, "what another node's killed copy has left is copied over"),
		f.edit("copier.copy", `c.withdraw(ctx, t, plan)`, `nil`, "a copy that failed leaves other nodes' keys on this node's ports"),
		f.edit("copier.freePaths", `|| Plain(t.State.Registrations[at].Key) == t.Me()`, ``, "a copy takes this node's own key off"),
		f.edit("copier.carryOut", `if err := t.send(ctx, t.unregisters(s.path, s.key)); err != nil {
			return err
		}`, ``, "the path keeps the key that it was introduced with"),
		f.edit("copier.lastLook", `if err := c.dropDeparted(ctx, t, now); err != nil {
		return err
	}`, ``, "who has left the model is not removed before the reservation is moved"),
		f.edit("copier.settle", `plan.member && len(now.Own()) == 0`, `false && len(now.Own()) == 0`, "a node that was fenced meanwhile stays on the copy"),
		f.edit("copier.settle", `len(c.departed(&t.position, now)) == 0`, `true`, "who has left the model stays on the copy"),
		f.edit("copier.verify", `if stays && !slices`, `if false && stays && !slices`, "it is not read back who was registered"),
		f.edit("copier.verify", `if now.State.Reservation != nil && (!t.RightType()`, `if false && (!t.RightType()`, "it is not read back whether the copy is reserved"),
		f.edit("lacking", `len(extra) > 0 || stays && !alone`, `false && alone`, "two LUNs that disagree are copied to each other"),
		f.edit("target.staying", `!unit.IsLeaving(k) && `, ``, "who leaves is copied"),
		file("protocol/copyplan.go").edit("copier.ports", `byName[portName(port)] = port.Relative`, `byName[portName(port)] = 1`, "target ports are not matched by name"),
		file("protocol/copyplan.go").edit("copier.plan", `r.Key = Plain(r.Key)`, ``, "a mark is copied"),
		f.edit("copier.withdraw", `plan.member && !stays`, `false && plan.member`, "a copy that failed takes a node off that runs"),
		f.edit("copier.withdraw", `if !stays {`, `if false {`, "a copy that failed leaves this node where it has no business"),
		f.edit("copier.lastLook", `if !slices.Contains(now.staying(), plan.holder.Key) {`, `if false {`, "the reservation of a copy goes to who has left the model"),
		f.edit("copier.reserve", `other || t.State.HeldBy(c.run.Node.Key)`, `true || other`, "a copy that was not reserved goes on"),
		f.edit("copier.carryOut", `if len(ids) == 0 {
			continue
		}`, ``, "a copy registers again who is registered"),
		file("protocol/copyplan.go").never("copier.dropDeparted", "somebody has left the model, and the seat is not marked"),
		file("protocol/copyplan.go").never("copier.dropDeparted", "another node has removed this one"),
		file("protocol/copyplan.go").edit("copier.dropDeparted", `unresolvedRow(), doubtRow(), suspectRow(),`, ``, "who has left the model and is removed from the copy may have commands under way"),
	}
}

// cleanUpMutants are of a clean-up.
func cleanUpMutants() []*mutant {
	f := file("protocol/cleanup.go")
	const rows = "Clearing.rows"
	return []*mutant{
		f.never(rows, "it is empty"),
		f.edit(rows, `(t.sent || c.Only == 0) }, finish}`, `(t.sent || c.Only == 0) }, func(*target) action { return action{kind: paused} }}`, "a clean-up does not read back"),
		f.never(rows, "it is empty, and it is not known whether commands are over"),
		f.never(rows, "it is empty, and somebody was taking it"),
		f.never(rows, "it was cleared, and is not empty"),
		f.never(rows, "the key asked for is not there"),
		f.never(rows, "a node of the cluster has come, and that is not forced"),
		f.edit("Run.Cleanup", `refused = append(refused, c.refuses(&t.position))`, `_, _ = refused, t`, "a clean-up begins before all LUNs are looked at"),
		f.edit("Clearing.refuses", `!c.isAsked(t) || `, ``, "a clean-up is refused for a LUN that it would leave alone"),
		f.edit("position.mayRun", ` && k&LeavingMark == 0`, ``, "who has stopped counts as one that runs"),
		f.edit("clearsAll", `t.doubt = t.doubt || t.sent && (takers || comes)`, `t.doubt, _ = t.doubt || t.sent && comes, takers`, "a mark that is cleared is forgotten"),
		f.edit("registersFor", `return t.registersAnew(p, Taking(Leaving(key)))`, `return t.registersAnew(p, key)`, "a clean-up clears with the plain key"),
		f.edit("registersFor", `key := t.Me()`, `key := pr.Key(0)`, "another node's key is registered in order to clear"),
	}
}
