package prtest

import "lunguard/scsi"

// reserveCases are RESERVE. SPC-4 5.13.9.
func reserveCases() []*testCase {
	list := []*testCase{
		{name: "RESERVE by an unregistered nexus", given: "B:2", steps: []step{
			{by: a, do: reserve(0, scsi.WriteExclusive), want: conflict},
			{by: a, do: reserve(2, scsi.WriteExclusive), want: conflict},
			{by: b, do: reserve(0, scsi.WriteExclusive), want: conflict, name: "wrong key"},
			{by: b, do: reserve(3, scsi.WriteExclusive), want: conflict, name: "wrong key"},
			{by: b, do: reserve(2, scsi.WriteExclusive), after: "B:2* WE"},
			{by: a, do: reserve(2, scsi.WriteExclusive), want: conflict, name: "again"},
		}},
		{name: "RESERVE by nobody at all", steps: []step{
			{by: a, do: reserve(1, scsi.WriteExclusive), want: conflict},
		}},
	}
	for _, n := range typeNames() {
		other := scsi.WriteExclusive
		if n.typ == other {
			other = scsi.ExclusiveAccess
		}
		tc := &testCase{name: "RESERVE " + n.name, given: "A:1 B:2", steps: []step{
			{by: a, do: reserve(1, n.typ), after: "A:1" + star(n) + " B:2 " + n.name},
			{by: a, do: reserve(1, n.typ), name: "again"},
			{by: a, do: reserve(1, other), want: conflict, name: "other type"},
			{by: b, do: reserve(2, other), want: conflict, name: "other type"},
			{by: c, do: reserve(0, n.typ), want: conflict},
		}}
		same := step{by: b, do: reserve(2, n.typ), want: conflict}
		if n.typ.AllRegistrants() {
			same.want = good // it holds the reservation already
		}
		tc.steps = append(tc.steps, same)
		list = append(list, tc)
	}
	return list
}

// releaseCases are RELEASE. SPC-4 5.13.11.2.2.
func releaseCases() []*testCase {
	list := []*testCase{
		{name: "RELEASE without a reservation", given: "A:1", steps: []step{
			{by: a, do: release(1, scsi.WriteExclusive)},
			{by: a, do: release(2, scsi.WriteExclusive), want: conflict},
			{by: b, do: release(0, scsi.WriteExclusive), want: conflict},
		}},
		{name: "RELEASE by nobody at all", steps: []step{
			{by: a, do: release(1, scsi.WriteExclusive), want: conflict},
		}},
	}
	for _, n := range typeNames() {
		held := "A:1" + star(n) + " B:2 " + n.name
		other := scsi.WriteExclusiveRegistrantsOnly
		if n.typ == other {
			other = scsi.ExclusiveAccessAllRegistrants
		}
		tc := &testCase{name: "RELEASE " + n.name, given: held, steps: []step{
			{by: c, do: release(0, n.typ), want: conflict},
			{by: a, do: release(2, n.typ), want: conflict, name: "wrong key"},
			{by: a, do: release(1, other), want: "5/26/04", name: "other type"},
		}}
		last := step{by: a, do: release(1, n.typ), after: "A:1 B:2"}
		if shared(n) {
			last.ua = "B=2A/04"
		}
		if n.typ.AllRegistrants() {
			tc.steps = append(tc.steps,
				step{by: b, do: release(2, other), want: "5/26/04", name: "other type"},
				step{by: b, do: release(2, n.typ), after: "A:1 B:2", ua: "A=2A/04"},
				step{by: a, do: reserve(1, n.typ), after: held})
		} else {
			tc.steps = append(tc.steps,
				step{by: b, do: release(2, n.typ), name: "no holder"},
				step{by: b, do: release(2, other), name: "no holder and not the type"})
		}
		tc.steps = append(tc.steps, last, step{by: a, do: release(1, n.typ), name: "again"})
		list = append(list, tc)
	}
	return list
}

// clearCases are CLEAR. SPC-4 5.13.11.2.8.
func clearCases() []*testCase {
	list := []*testCase{
		{name: "CLEAR", given: "A:1 B:2 C:3", steps: []step{
			{by: a, do: clearAll(2), want: conflict},
			{by: a, do: clearAll(0), want: conflict},
			{by: a, do: clearAll(1), after: "-", gen: 1, ua: "B=2A/03 C=2A/03"},
			{by: a, do: clearAll(1), want: conflict, name: "again"},
		}},
		{name: "CLEAR by an unregistered nexus", given: "A:1* EA", steps: []step{
			{by: b, do: clearAll(0), want: conflict},
			{by: b, do: clearAll(1), want: conflict},
		}},
	}
	for _, n := range typeNames() {
		held := "A:1" + star(n) + " B:2 " + n.name
		list = append(list,
			&testCase{name: "CLEAR by the holder of " + n.name, given: held, steps: []step{
				{by: a, do: clearAll(1), after: "-", gen: 1, ua: "B=2A/03"},
			}},
			&testCase{name: "CLEAR by another than the holder of " + n.name, given: held, steps: []step{
				{by: b, do: clearAll(2), after: "-", gen: 1, ua: "A=2A/03"},
			}})
	}
	return list
}
