package prtest

import "lunguard/scsi"

func read() command {
	return plain("READ(10)", scsi.DataIn, blockSize, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0).passes()
}

func write() command {
	return plain("WRITE(10)", scsi.DataOut, blockSize, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0)
}

// blockSize is what the suite expects of the unit.
const blockSize = 512

// accessed is one command of SPC-4 table 65 or SBC-4 table 13.
type accessed struct {
	do command
	// conflicts under the write exclusive and the exclusive access types, if
	// the nexus has no rights by the reservation.
	writeExclusive, exclusiveAccess bool
}

func accessTable() []accessed {
	const no, yes = false, true
	return []accessed{
		{plain("TUR", scsi.NoData, 0, 0, 0, 0, 0, 0, 0).passes(), no, no},
		{plain("REQUEST SENSE", scsi.DataIn, 18, 0x03, 0, 0, 0, 18, 0).passes(), no, no},
		{plain("INQUIRY", scsi.DataIn, 36, 0x12, 0, 0, 0, 36, 0).passes(), no, no},
		{plain("REPORT LUNS", scsi.DataIn, 64, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0).passes(), no, no},
		{plain("READ CAPACITY(10)", scsi.DataIn, 8, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0).passes(), no, no},
		{plain("READ CAPACITY(16)", scsi.DataIn, 32, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0).passes(), no, no},
		{plain("READ KEYS", scsi.DataIn, 256, prInCDB(scsi.InReadKeys, 256)...).passes(), no, no},
		{plain("MODE SENSE(6)", scsi.DataIn, 192, 0x1a, 0, 0x3f, 0, 192, 0).passes(), no, yes},
		{read(), no, yes},
		{plain("READ(16)", scsi.DataIn, blockSize, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0).passes(), no, yes},
		{plain("VERIFY(10)", scsi.NoData, 0, 0x2f, 0, 0, 0, 0, 0, 0, 0, 1, 0).passes(), no, yes},
		{write().passes(), yes, yes},
		{plain("WRITE(16)", scsi.DataOut, blockSize, 0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0).passes(), yes, yes},
		{plain("SYNCHRONIZE CACHE(10)", scsi.NoData, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0).passes(), yes, yes},
	}
}

// accessCases are who may do what under which type: the holder all, a
// registrant all under the types that share, nobody else what conflicts.
func accessCases() []*testCase {
	free := &testCase{name: "access without a reservation", given: "A:1"}
	for _, x := range accessTable() {
		free.steps = append(free.steps, step{by: a, do: x.do}, step{by: b, do: x.do})
	}
	list := []*testCase{free}
	for _, n := range typeNames() {
		tc := &testCase{name: "access under " + n.name, given: "A:1" + star(n) + " B:2 " + n.name}
		for _, x := range accessTable() {
			outsider := good
			if x.writeExclusive && !n.typ.Exclusive() || x.exclusiveAccess && n.typ.Exclusive() {
				outsider = conflict
			}
			registrant := outsider
			if shared(n) {
				registrant = good
			}
			tc.steps = append(tc.steps,
				step{by: a, do: x.do},
				step{by: b, do: x.do, want: registrant},
				step{by: c, do: x.do, want: outsider})
		}
		list = append(list, tc)
	}
	return list
}

// afterPower is what B's RELEASE leaves: nothing changes under a type with
// one holder, A; B is a holder of the others.
func afterPower(n namedType) string {
	if n.typ.AllRegistrants() {
		return "A:1 B:2 APTPL"
	}
	return "A:1* B:2 " + n.name + " APTPL"
}

func uaAfterPower(n namedType) string {
	if n.typ.AllRegistrants() {
		return "A=2A/04"
	}
	return ""
}
