package prtest

import (
	"fmt"

	"lunguard/scsi"
)

// inCases are PERSISTENT RESERVE IN: short allocation lengths are no error and
// change no length field. SPC-4 4.2.5.6, 6.15.
func inCases() []*testCase {
	var list []*testCase
	for _, given := range []string{"", "A:1 B:2* C:3 EA", "A:1 B:2 WEAR"} {
		tc := &testCase{name: "PR IN with " + normal(given), given: given}
		for action := scsi.InReadKeys; action <= scsi.InReadFullStatus; action++ {
			for _, alloc := range []int{0, 1, 4, 7, 8, 12, 16, 20, 23, 24, 36, 64, 255, 256, 8192} {
				tc.steps = append(tc.steps, step{by: c, do: prIn(action, alloc)})
			}
		}
		list = append(list, tc)
	}
	reserved := &testCase{name: "PR IN service actions that are reserved", given: "A:1"}
	for action := 4; action < 32; action++ {
		do := plain(fmt.Sprintf("service action %02X", action), scsi.DataIn, 256, prInCDB(scsi.InAction(action), 256)...)
		reserved.steps = append(reserved.steps, step{by: c, do: do, want: "5/24/00"})
	}
	return append(list, reserved)
}

// fieldCases are list lengths, scopes, types and service actions that no
// device may take. SPC-4 6.16.1 to 6.16.3.
func fieldCases() []*testCase {
	const we = scsi.WriteExclusive
	lengths := &testCase{name: "PR OUT list length", given: "A:1 B:2"}
	for _, n := range []int{0, 8, 20, 23, 25, 28, 32, 48} {
		for _, do := range []command{register(1, 3), reserve(1, we), release(1, we), clearAll(1), preempt(1, 2, we), ignore(0, 3)} {
			lengths.steps = append(lengths.steps, step{by: a, do: do.spoiled(fmt.Sprintf("list=%d", n), listOf(n)), want: "5/1A/00"})
		}
	}
	// 08h, REPLACE LOST RESERVATION, needs RLR_C, which no device was seen to set.
	actions := &testCase{name: "PR OUT service actions that are reserved", given: "A:1"}
	for action := 8; action < 32; action++ {
		do := register(1, 3).spoiled(fmt.Sprintf("action=%02X", action), func(r *scsi.Request) { r.CDB[1] = byte(action) })
		actions.steps = append(actions.steps, step{by: a, do: do, want: "5/24/00"})
	}
	return []*testCase{lengths, actions,
		{name: "PR OUT scope", given: "A:1 B:2", steps: []step{
			{by: a, do: reserve(1, we).with(scope(1)), want: "5/24/00"},
			{by: a, do: reserve(1, we).with(scope(2)), want: "5/24/00"},
			{by: a, do: reserve(1, we).with(scope(15)), want: "5/24/00"},
			{by: a, do: reserve(9, we).with(scope(1)), want: conflict, name: "wrong key"},
			{by: a, do: reserve(1, we), after: "A:1* B:2 WE"},
			{by: a, do: release(1, we).with(scope(1)), want: "5/24/00"},
		}},
		{name: "PR OUT type", given: "A:1 B:2", steps: []step{
			{by: a, do: reserve(1, 0), want: "5/24/00"},
			{by: a, do: reserve(1, 2), want: "5/24/00"},
			{by: a, do: reserve(1, 4), want: "5/24/00"},
			{by: a, do: reserve(1, 9), want: "5/24/00"},
			{by: a, do: reserve(1, 15), want: "5/24/00"},
		}},
	}
}

// attentionCases are unit attentions that are not fetched at once: they come
// before the command is looked at, one a command, and INQUIRY, REPORT LUNS
// and REQUEST SENSE go by other rules. SAM-5 5.14, SPC-4 6.39.
func attentionCases() []*testCase {
	const wero = scsi.WriteExclusiveRegistrantsOnly
	inquiry := plain("INQUIRY", scsi.DataIn, 36, 0x12, 0, 0, 0, 36, 0)
	return []*testCase{
		{name: "UA comes before the conflict", given: "A:1* B:2 EA", steps: []step{
			{by: a, do: preempt(1, 2, scsi.ExclusiveAccess), blind: true},
			{by: b, do: inquiry, blind: true},
			{by: b, do: write(), want: "6/2A/05", blind: true},
			{by: b, do: write(), want: conflict, after: "A:1* EA", gen: 1, name: "again"},
		}},
		{name: "UA comes before PR OUT", given: "A:1 B:2", steps: []step{
			{by: a, do: preempt(1, 2, wero), blind: true},
			{by: b, do: register(0, 5), want: "6/2A/05", blind: true},
			{by: b, do: register(0, 5), after: "A:1 B:5", gen: 2, name: "again"},
		}},
		{name: "UA comes before PR IN", given: "A:1 B:2", steps: []step{
			{by: a, do: clearAll(1), blind: true},
			{by: b, do: plain("READ KEYS", scsi.DataIn, 256, prInCDB(scsi.InReadKeys, 256)...), want: "6/2A/03", after: "-", gen: 1},
		}},
		{name: "UA by REQUEST SENSE", given: "A:1 B:2", steps: []step{
			{by: a, do: clearAll(1), blind: true},
			{by: b, do: requestSense(), want: "GOOD 6/2A/03", after: "-", gen: 1},
			{by: b, do: requestSense(), want: "GOOD 0/00/00", name: "again"},
		}},
		{name: "UA queue", given: "A:1* B:2 WERO", steps: []step{
			{by: a, do: release(1, wero), blind: true},
			{by: a, do: clearAll(1), after: "-", gen: 1, ua: "B=2A/04+2A/03"},
		}},
		{name: "UA once", given: "A:1 B:2", steps: []step{
			{by: a, do: reserve(1, wero), blind: true},
			{by: a, do: release(1, wero), blind: true},
			{by: a, do: reserve(1, wero), blind: true, name: "again"},
			{by: a, do: release(1, wero), ua: "B=2A/04", name: "again"},
		}},
	}
}

// legacyCases are RESERVE(6) and RELEASE(6). SPC-4 5.13.3 with CRH=1, SPC-2
// 5.5.1.
func legacyCases() []*testCase {
	legacyReserve := plain("RESERVE(6)", scsi.NoData, 0, 0x16, 0, 0, 0, 0, 0)
	legacyRelease := plain("RELEASE(6)", scsi.NoData, 0, 0x17, 0, 0, 0, 0, 0)
	keys := plain("READ KEYS", scsi.DataIn, 256, prInCDB(scsi.InReadKeys, 256)...)
	inquiry := plain("INQUIRY", scsi.DataIn, 36, 0x12, 0, 0, 0, 36, 0)
	list := []*testCase{
		{name: "RESERVE(6)", steps: []step{
			{by: a, do: legacyReserve, blind: true},
			{by: a, do: legacyReserve, blind: true, name: "again"},
			{by: b, do: legacyReserve, want: conflict, blind: true},
			{by: b, do: legacyRelease, blind: true, name: "of another's"},
			{by: b, do: testUnitReady(), want: conflict, blind: true},
			{by: b, do: read(), want: conflict, blind: true},
			{by: b, do: write(), want: conflict, blind: true},
			{by: b, do: inquiry, blind: true},
			{by: a, do: read(), blind: true},
			{by: a, do: write(), blind: true},
			{by: a, do: keys, want: conflict, blind: true, name: "by the owner"},
			{by: b, do: keys, want: conflict, blind: true},
			{by: a, do: ignore(0, 1), want: conflict, blind: true, name: "by the owner"},
			{by: b, do: ignore(0, 1), want: conflict, blind: true},
			{by: a, do: legacyRelease, after: "-"},
			{by: b, do: legacyReserve, blind: true, name: "after the release"},
			{by: b, do: legacyRelease, after: "-", name: "its own"},
		}},
		{name: "RESERVE(6) beside registrations", given: "A:1 B:2", steps: []step{
			{by: a, do: legacyReserve, want: conflict},
			{by: c, do: legacyReserve, want: conflict},
			{by: a, do: legacyRelease, want: conflict},
			{by: c, do: legacyRelease, want: conflict},
		}},
	}
	for _, n := range typeNames() {
		registrant := conflict
		if shared(n) {
			registrant = good
		}
		list = append(list, &testCase{name: "RESERVE(6) under " + n.name, given: "A:1" + star(n) + " B:2 " + n.name, steps: []step{
			{by: a, do: legacyReserve}, {by: a, do: legacyRelease},
			{by: b, do: legacyReserve, want: registrant}, {by: b, do: legacyRelease, want: registrant},
			{by: c, do: legacyReserve, want: conflict}, {by: c, do: legacyRelease, want: conflict},
		}})
	}
	return list
}

// eventCases are resets, power cycles and logouts. SPC-4 5.13.5, 6.15.2.
func eventCases() []*testCase {
	var list []*testCase
	for _, n := range typeNames() {
		s := star(n)
		list = append(list,
			&testCase{name: "power cycle with APTPL under " + n.name, given: "A:1" + s + " B:2 " + n.name + " APTPL", steps: []step{
				{do: powerCycle(), ua: "A=29/00 B=29/00 C=29/00"},
				{by: b, do: release(2, n.typ), after: afterPower(n), ua: uaAfterPower(n)},
			}},
			&testCase{name: "power cycle without APTPL under " + n.name, given: "A:1" + s + " B:2 " + n.name, steps: []step{
				{do: powerCycle(), after: "-", ua: "A=29/00 B=29/00 C=29/00"},
			}})
	}
	return append(list,
		&testCase{name: "LU reset", given: "A:1 B:2* WERO", steps: []step{
			{do: resetLU(), ua: "A=29/03 B=29/03 C=29/03"},
			{by: b, do: reserve(2, scsi.WriteExclusiveRegistrantsOnly)},
		}},
		&testCase{name: "LU reset ends RESERVE(6)", steps: []step{
			{by: a, do: plain("RESERVE(6)", scsi.NoData, 0, 0x16, 0, 0, 0, 0, 0), blind: true},
			{do: resetLU(), ua: "A=29/03 B=29/03 C=29/03", after: "-"},
		}},
		&testCase{name: "logout", given: "A:1 B:2* WERO", steps: []step{
			{do: relogin(b), ua: "B=29/07"},
			{by: b, do: write()},
			{by: b, do: register(2, 3), after: "A:1 B:3* WERO", gen: 1},
		}},
	)
}
