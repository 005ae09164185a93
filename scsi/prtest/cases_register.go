package prtest

import "lunguard/scsi"

// registerCases are the rows of SPC-4 tables 67 and 68.
func registerCases() []*testCase {
	return []*testCase{
		{name: "REGISTER by an unregistered nexus", steps: []step{
			{by: a, do: register(0, 0)},
			{by: a, do: register(5, 0), want: conflict},
			{by: a, do: register(5, 1), want: conflict},
			{by: a, do: register(0, 1), after: "A:1", gen: 1},
			{by: b, do: register(1, 2), want: conflict},
			{by: b, do: register(0, 1), after: "A:1 B:1", gen: 1, name: "a key that another has"},
			{by: c, do: register(0, 0xffffffffffffffff), after: "A:1 B:1 C:ffffffffffffffff", gen: 1},
		}},
		{name: "REGISTER by a registrant", given: "A:1 B:2", steps: []step{
			{by: a, do: register(0, 9), want: conflict},
			{by: a, do: register(0, 1), want: conflict},
			{by: a, do: register(2, 9), want: conflict},
			{by: a, do: register(0, 0), want: conflict},
			{by: a, do: register(1, 9), after: "A:9 B:2", gen: 1},
			{by: a, do: register(9, 9), gen: 1, name: "the same key"},
			{by: a, do: unregister(9), after: "B:2", gen: 1},
			{by: a, do: register(9, 1), want: conflict},
		}},
		{name: "REGISTER AND IGNORE EXISTING KEY", steps: []step{
			{by: a, do: ignore(0, 0)},
			{by: a, do: ignore(7, 0)},
			{by: a, do: ignore(0, 1), after: "A:1", gen: 1},
			{by: a, do: ignore(0, 1), gen: 1, name: "the same key"},
			{by: a, do: ignore(0xdead, 2), after: "A:2", gen: 1},
			{by: b, do: ignore(0xdead, 3), after: "A:2 B:3", gen: 1},
			{by: a, do: ignoreUnregister(0xdead), after: "B:3", gen: 1},
			{by: b, do: ignoreUnregister(0), after: "-", gen: 1},
		}},
		{name: "REGISTER beside a reservation", given: "A:1* EA", steps: []step{
			{by: b, do: register(0, 2), after: "A:1* B:2 EA", gen: 1},
			{by: c, do: ignore(0, 3), after: "A:1* B:2 C:3 EA", gen: 1},
			{by: a, do: register(1, 7), after: "A:7* B:2 C:3 EA", gen: 1, name: "the holder changes its key"},
			{by: a, do: ignore(0, 8), after: "A:8* B:2 C:3 EA", gen: 1, name: "the holder changes its key"},
			{by: b, do: register(2, 8), after: "A:8* B:8 C:3 EA", gen: 1},
			{by: b, do: unregister(8), after: "A:8* C:3 EA", gen: 1},
		}},
		{name: "REGISTER ignores scope and type", steps: []step{
			{by: a, do: register(0, 1).spoiled("scope=F type=F", func(r *scsi.Request) { r.CDB[2] = 0xff }), after: "A:1", gen: 1},
			{by: a, do: ignore(0, 2).spoiled("scope=F type=F", func(r *scsi.Request) { r.CDB[2] = 0xff }), after: "A:2", gen: 1},
		}},
		{name: "APTPL", steps: []step{
			{by: a, do: register(0, 1).with(aptpl()), after: "A:1 APTPL", gen: 1},
			{by: b, do: register(0, 2), after: "A:1 B:2", gen: 1, name: "turns it off for all"},
			{by: b, do: register(2, 2).with(aptpl()), after: "A:1 B:2 APTPL", gen: 1},
			{by: a, do: reserve(1, scsi.WriteExclusive), after: "A:1* B:2 WE APTPL"},
			{by: a, do: release(1, scsi.WriteExclusive), after: "A:1 B:2 APTPL"},
			{by: a, do: ignore(0, 1).with(aptpl()), gen: 1},
			{by: a, do: unregister(1), after: "B:2", gen: 1},
			{by: b, do: ignore(0, 2).with(aptpl()), after: "B:2 APTPL", gen: 1},
			{by: b, do: clearAll(2), after: "APTPL", gen: 1},
			{by: b, do: ignore(0, 2), after: "B:2", gen: 1},
		}},
	}
}

// specifyCases are REGISTER with SPEC_I_PT. SPC-4 6.16.3, table 68.
func specifyCases() []*testCase {
	emptyList := option{"SPEC_I_PT=none", func(_ *Bench, p *scsi.PROut) { p.TransportIDs = []scsi.TransportID{} }}
	return []*testCase{
		{name: "SPEC_I_PT", steps: []step{
			{by: a, do: register(0, 5).with(specify(b, c)), after: "A:5 B:5 C:5", gen: 1},
			{by: b, do: register(5, 6), after: "A:5 B:6 C:5", gen: 1},
			{by: a, do: register(5, 5).with(specify(c)), want: "5/26/00"},
			{by: a, do: register(4, 5).with(specify(c)), want: conflict},
			{by: c, do: unregister(5), after: "A:5 B:6", gen: 1},
			{by: c, do: register(0, 7).with(specify(b)), want: "5/26/00", name: "named port is registered"},
			{by: c, do: register(0, 7).with(specify(x, b)), want: "5/26/00", name: "all or nothing"},
			{by: c, do: register(0, 7).with(emptyList), after: "A:5 B:6 C:7", gen: 1},
		}},
		{name: "SPEC_I_PT with an unknown port", steps: []step{
			{by: a, do: register(0, 5).with(specify(x)), after: "A:5 X:5", gen: 1},
		}},
		{name: "SPEC_I_PT with key 0", steps: []step{
			{by: a, do: register(0, 0).with(specify(b))},
		}},
		{name: "SPEC_I_PT with the sender", steps: []step{
			{by: a, do: register(0, 5).with(specify(a)), want: "5/26/00"},
			{by: a, do: register(0, 5).with(specify(b, b)), want: "5/26/00"},
		}},
		{name: "SPEC_I_PT where it may not be", given: "A:1 B:2", steps: []step{
			{by: a, do: ignore(0, 5).with(specify(c)), want: "5/26/00"},
			{by: a, do: reserve(1, scsi.WriteExclusive).with(specify(c)), want: "5/26/00"},
			{by: a, do: release(1, scsi.WriteExclusive).with(specify(c)), want: "5/26/00"},
			{by: a, do: clearAll(1).with(specify(c)), want: "5/26/00"},
			{by: a, do: preempt(1, 2, scsi.WriteExclusive).with(specify(c)), want: "5/26/00"},
			{by: c, do: reserve(1, scsi.WriteExclusive).with(specify(c)), want: "5/26/00", name: "unregistered"},
		}},
		{name: "SPEC_I_PT with a broken list", steps: []step{
			{by: a, do: register(0, 5).with(specify(b)).spoiled("length short", func(r *scsi.Request) { r.Data[27] -= 4 }), want: "5/26/00"},
			{by: a, do: register(0, 5).with(specify(b)).spoiled("length long", func(r *scsi.Request) { r.Data[27] += 4 }), want: "5/26/00"},
			{by: a, do: register(0, 5).with(specify(b)).spoiled("list of 20", func(r *scsi.Request) {
				r.Data[27] = 20
				listOf(48)(r)
			}), want: "5/26/00"},
		}},
	}
}

// allPortsCases are REGISTER with ALL_TG_PT. SPC-4 6.16.3.
func allPortsCases() []*testCase {
	return []*testCase{
		{name: "ALL_TG_PT", steps: []step{
			{by: a, do: register(0, 1).with(allPorts()), after: "A:1@", gen: 1},
			{by: b, do: register(0, 2), after: "A:1@ B:2", gen: 1},
			{by: a, do: register(1, 3).with(allPorts()), after: "A:3@ B:2", gen: 1},
			{by: a, do: reserve(3, scsi.WriteExclusive), after: "A:3@* B:2 WE"},
			{by: a, do: unregister(3).with(allPorts()), after: "B:2", gen: 1},
		}},
	}
}

// unregisterCases are REGISTER to key 0 under each type. SPC-4 5.13.11.2.3.
func unregisterCases() []*testCase {
	var list []*testCase
	for _, n := range typeNames() {
		s := star(n)
		ua := ""
		if n.typ.RegistrantsOnly() {
			ua = "B=2A/04 C=2A/04"
		}
		holder := &testCase{name: "unregister the holder of " + n.name, given: "A:1" + s + " B:2 C:3 " + n.name, steps: []step{
			{by: a, do: unregister(1), after: "B:2 C:3", gen: 1, ua: ua},
			{by: b, do: unregister(2), after: "C:3", gen: 1},
		}}
		if n.typ.AllRegistrants() {
			holder.steps = []step{
				{by: a, do: unregister(1), after: "B:2 C:3 " + n.name, gen: 1},
				{by: c, do: ignoreUnregister(0), after: "B:2 " + n.name, gen: 1},
				{by: b, do: unregister(2), after: "-", gen: 1},
			}
		}
		list = append(list, holder, &testCase{
			name: "unregister another than the holder of " + n.name, given: "A:1" + s + " B:2 C:3 " + n.name, steps: []step{
				{by: b, do: unregister(2), after: "A:1" + s + " C:3 " + n.name, gen: 1},
				{by: c, do: ignoreUnregister(3), after: "A:1" + s + " " + n.name, gen: 1},
			}})
	}
	return list
}
