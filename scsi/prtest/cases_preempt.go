package prtest

import "lunguard/scsi"

// preemptCases are PREEMPT and, line by line the same, PREEMPT AND ABORT,
// without and beside a reservation of one holder. SPC-4 5.13.11.2.4 to 6.
func preemptCases() []*testCase {
	const we, wero, ea = scsi.WriteExclusive, scsi.WriteExclusiveRegistrantsOnly, scsi.ExclusiveAccess
	return both([]*testCase{
		{name: "PREEMPT without a reservation", given: "A:1 B:2 C:3", steps: []step{
			{by: a, do: preempt(1, 9, wero), want: conflict, name: "nobody has the key"},
			{by: a, do: preempt(1, 0, wero), want: conflict, name: "key 0"},
			{by: a, do: preempt(2, 3, wero), want: conflict, name: "wrong key"},
			{by: a, do: preempt(1, 2, wero), after: "A:1 C:3", gen: 1, ua: "B=2A/05"},
			{by: b, do: preempt(2, 1, wero), want: conflict, name: "unregistered"},
			{by: a, do: preempt(1, 1, wero), after: "C:3", gen: 1, name: "itself"},
		}},
		{name: "PREEMPT without a reservation, invalid type", given: "A:1 B:2", steps: []step{
			{by: a, do: preempt(1, 2, 0), after: "A:1", gen: 1, ua: "B=2A/05"},
		}},
		{name: "PREEMPT by nobody at all", steps: []step{
			{by: a, do: preempt(0, 0, wero), want: conflict},
			{by: a, do: preempt(1, 2, wero), want: conflict},
		}},
		{name: "PREEMPT a key that several have", given: "A:1 B:2 C:2", steps: []step{
			{by: a, do: preempt(1, 2, wero), after: "A:1", gen: 1, ua: "B=2A/05 C=2A/05"},
		}},
		{name: "PREEMPT the sender's own key without a reservation", given: "A:2 B:2 C:3", steps: []step{
			{by: a, do: preempt(2, 2, wero), after: "C:3", gen: 1, ua: "B=2A/05"},
		}},
		{name: "PREEMPT the holder", given: "A:1* B:2 C:3 WERO", steps: []step{
			{by: b, do: preempt(2, 1, wero), after: "B:2* C:3 WERO", gen: 1, ua: "A=2A/05"},
			{by: c, do: preempt(3, 2, ea), after: "C:3* EA", gen: 1, ua: "B=2A/05", name: "with another type"},
		}},
		{name: "PREEMPT the holder with another type", given: "A:1* B:2 C:3 WERO", steps: []step{
			{by: b, do: preempt(2, 1, we), after: "B:2* C:3 WE", gen: 1, ua: "A=2A/05 C=2A/04"},
		}},
		{name: "PREEMPT the holder to all registrants", given: "A:1* B:2 C:3 EA", steps: []step{
			{by: b, do: preempt(2, 1, scsi.WriteExclusiveAllRegistrants), after: "B:2 C:3 WEAR", gen: 1, ua: "A=2A/05 C=2A/04"},
		}},
		{name: "PREEMPT the holder and its other paths", given: "A:1* B:1 C:3 WERO", steps: []step{
			{by: c, do: preempt(3, 1, wero), after: "C:3* WERO", gen: 1, ua: "A=2A/05 B=2A/05"},
		}},
		{name: "PREEMPT the holder with its own key on another path", given: "A:1* B:1 C:3 WERO", steps: []step{
			{by: b, do: preempt(1, 1, wero), after: "B:1* C:3 WERO", gen: 1, ua: "A=2A/05"},
		}},
		{name: "PREEMPT another than the holder", given: "A:1* B:2 C:3 EA", steps: []step{
			{by: a, do: preempt(1, 2, ea), after: "A:1* C:3 EA", gen: 1, ua: "B=2A/05", name: "by the holder"},
			{by: c, do: preempt(3, 3, ea), after: "A:1* EA", gen: 1, name: "itself"},
		}},
		{name: "PREEMPT another by another", given: "A:1* B:2 C:3 EA", steps: []step{
			{by: b, do: preempt(2, 3, we), after: "A:1* B:2 EA", gen: 1, ua: "C=2A/05"},
		}},
		{name: "PREEMPT by the holder of itself", given: "A:1* B:2 C:3 WERO", steps: []step{
			{by: a, do: preempt(1, 1, wero), gen: 1, name: "same type"},
			{by: a, do: preempt(1, 1, ea), after: "A:1* B:2 C:3 EA", gen: 1, ua: "B=2A/04 C=2A/04"},
		}},
		{name: "PREEMPT by the holder of its other path", given: "A:1* B:1 C:3 WERO", steps: []step{
			{by: a, do: preempt(1, 1, wero), after: "A:1* C:3 WERO", gen: 1, ua: "B=2A/05"},
		}},
		{name: "PREEMPT refused beside a reservation", given: "A:1* B:2 WE", steps: []step{
			{by: a, do: preempt(1, 0, we), want: "5/26/00", name: "key 0"},
			{by: b, do: preempt(2, 0, we), want: "5/26/00", name: "key 0"},
			{by: b, do: preempt(2, 9, we), want: conflict, name: "nobody has the key"},
			{by: b, do: preempt(1, 1, we), want: conflict, name: "wrong key"},
			{by: c, do: preempt(0, 1, we), want: conflict, name: "unregistered"},
			{by: c, do: preempt(1, 1, we), want: conflict, name: "unregistered"},
			{by: b, do: preempt(2, 1, 0), want: "5/24/00", name: "type 0"},
			{by: b, do: preempt(2, 1, 9), want: "5/24/00", name: "type 9"},
			{by: b, do: preempt(2, 1, we).with(scope(1)), want: "5/24/00"},
		}},
	})
}

// preemptSharedCases are PREEMPT under the all-registrants types.
func preemptSharedCases() []*testCase {
	var list []*testCase
	const wero = scsi.WriteExclusiveRegistrantsOnly
	for _, n := range typeNames() {
		if !n.typ.AllRegistrants() {
			continue
		}
		all := "A:1 B:2 C:3 " + n.name
		list = append(list,
			&testCase{name: "PREEMPT one under " + n.name, given: all, steps: []step{
				{by: a, do: preempt(1, 9, n.typ), want: conflict, name: "nobody has the key"},
				{by: a, do: preempt(1, 2, n.typ), after: "A:1 C:3 " + n.name, gen: 1, ua: "B=2A/05"},
				{by: a, do: preempt(1, 3, wero), after: "A:1 " + n.name, gen: 1, ua: "C=2A/05", name: "the type does not count"},
			}},
			&testCase{name: "PREEMPT all under " + n.name, given: all, steps: []step{
				{by: b, do: preempt(2, 0, wero).with(scope(1)), want: "5/24/00"},
				{by: b, do: preempt(2, 0, 9), want: "5/24/00", name: "type 9"},
				{by: b, do: preempt(2, 0, wero), after: "B:2* WERO", gen: 1, ua: "A=2A/05 C=2A/05"},
			}},
			&testCase{name: "PREEMPT all to the same under " + n.name, given: all, steps: []step{
				{by: c, do: preempt(3, 0, n.typ), after: "C:3 " + n.name, gen: 1, ua: "A=2A/05 B=2A/05"},
			}},
			// The standard reads as if the sender removed itself; LIO, SCST
			// and tgtd keep it, and so do we.
			&testCase{name: "PREEMPT the sender's own key under " + n.name, given: "A:1 B:1 C:3 " + n.name, steps: []step{
				{by: a, do: preempt(1, 1, n.typ), after: "A:1 C:3 " + n.name, gen: 1, ua: "B=2A/05"},
			}})
	}
	return both(list)
}

// both doubles the cases: PREEMPT AND ABORT does the same to registrations.
func both(list []*testCase) []*testCase {
	for _, tc := range list {
		twin := &testCase{name: "P&A" + tc.name[len("PREEMPT"):], given: tc.given}
		for _, s := range tc.steps {
			s.do = s.do.aborting()
			twin.steps = append(twin.steps, s)
		}
		list = append(list, twin)
	}
	return list
}

// moveCases are REGISTER AND MOVE. SPC-4 5.13.8.
func moveCases() []*testCase {
	const unreg, keep = true, false
	list := []*testCase{
		{name: "MOVE without a reservation", given: "A:1 B:2", steps: []step{
			{by: a, do: move(1, 2, b, keep), want: "5/24/00"},
			{by: c, do: move(0, 2, b, keep), want: conflict, name: "unregistered"},
		}},
		{name: "MOVE refused", given: "A:1* B:2 WERO", steps: []step{
			{by: c, do: move(0, 3, b, keep), want: conflict, name: "unregistered"},
			{by: a, do: move(2, 3, b, keep), want: conflict, name: "wrong key"},
			{by: b, do: move(2, 3, c, keep), want: conflict, name: "not the holder"},
			{by: a, do: move(1, 0, b, keep), want: "5/26/00", name: "key 0"},
			{by: a, do: move(1, 3, a, keep), want: "5/26/00", name: "to itself"},
			{by: a, do: move(1, 3, b, keep, listOf(16)), want: "5/1A/00", name: "list of 16"},
			{by: a, do: move(1, 3, b, keep, func(r *scsi.Request) { r.Data[23] += 4 }), want: "5/26/00", name: "TransportID cut short"},
			{by: a, do: move(1, 3, b, keep, func(r *scsi.Request) { r.Data[23] = 16; listOf(40)(r) }), want: "5/26/00", name: "TransportID of 16"},
		}},
		{name: "MOVE to a registrant", given: "A:1* B:2 WERO", steps: []step{
			{by: a, do: move(1, 2, b, keep), after: "A:1 B:2* WERO", gen: 1},
			{by: a, do: move(1, 2, b, keep), want: conflict, name: "again"},
			{by: b, do: move(2, 1, a, unreg), after: "A:1* WERO", gen: 1},
		}},
		{name: "MOVE changes the key of the destination", given: "A:1* B:2 WE", steps: []step{
			{by: a, do: move(1, 7, b, keep), after: "A:1 B:7* WE", gen: 1},
		}},
		{name: "MOVE registers the destination", given: "A:1* EA", steps: []step{
			{by: a, do: move(1, 2, b, keep), after: "A:1 B:2* EA", gen: 1},
			{by: b, do: move(2, 3, c, unreg), after: "A:1 C:3* EA", gen: 1},
		}},
		{name: "MOVE to an unknown port", given: "A:1* EA", steps: []step{
			{by: a, do: move(1, 2, x, keep), after: "A:1 X:2* EA", gen: 1},
		}},
		{name: "MOVE and APTPL", given: "A:1* B:2 EA", steps: []step{
			{by: a, do: move(1, 2, b, keep, func(r *scsi.Request) { r.Data[17] |= 1 }), after: "A:1 B:2* EA APTPL", gen: 1, name: "APTPL"},
			{by: b, do: move(2, 1, a, keep), after: "A:1* B:2 EA", gen: 1},
		}},
		{name: "MOVE ignores scope and type", given: "A:1* B:2 EA", steps: []step{
			{by: a, do: move(1, 2, b, keep, func(r *scsi.Request) { r.CDB[2] = 0x0f }), after: "A:1 B:2* EA", gen: 1},
		}},
	}
	for _, n := range typeNames() {
		tc := &testCase{name: "MOVE of " + n.name, given: "A:1" + star(n) + " B:2 C:3 " + n.name}
		if n.typ.AllRegistrants() {
			tc.steps = []step{{by: a, do: move(1, 2, b, keep), want: conflict}}
		} else {
			tc.steps = []step{{by: a, do: move(1, 2, b, unreg), after: "B:2* C:3 " + n.name, gen: 1}}
		}
		list = append(list, tc)
	}
	return list
}
