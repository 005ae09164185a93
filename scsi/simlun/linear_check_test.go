package simlun

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"lunguard/scsi"
)

// TestLinearizableJudge gives the judge histories that were made by hand: it
// must not let a wrong one pass, nor refuse a right one.
func TestLinearizableJudge(t *testing.T) {
	// Each command takes from call to end; times are in tens.
	op := func(c order, answer string, call, end int64) porcupine.Operation {
		return porcupine.Operation{ClientId: c.From, Input: c, Call: 10 * call, Output: answer, Return: 10 * end}
	}
	register := func(from int) order {
		return order{From: from, What: "out", Action: scsi.OutRegister, ActionKey: scsi.Key(from + 1)}
	}
	out := func(from int, action scsi.OutAction, victim scsi.Key) order {
		return order{From: from, What: "out", Action: action, Type: wero, Key: scsi.Key(from + 1), ActionKey: victim}
	}
	status := order{From: 3, What: "status"}
	write := func(from int, value uint64) order { return order{From: from, What: "write", Value: value} }
	read := order{From: 3, What: "read"}
	const none, first = "GOOD gen 0", "GOOD gen 1 sas,0000000000000001/1=0x1"
	type list = []porcupine.Operation
	// held: 0 and 1 are registered, 0 holds the reservation.
	held := list{op(register(0), "GOOD", 0, 1), op(register(1), "GOOD", 2, 3), op(out(0, scsi.OutReserve, 0), "GOOD", 4, 5)}
	with := func(ops ...porcupine.Operation) list { return append(held[:len(held):len(held)], ops...) }
	preempt := op(out(1, scsi.OutPreemptAndAbort, 1), "GOOD", 6, 9)
	cut := list{op(register(0), unheard, 0, 2)}

	for name, c := range map[string]struct {
		ops, pending list
		ok           bool
		done, not    bool
	}{
		"killed, done":                    {list{op(status, first, 3, 4)}, cut, true, true, false},
		"killed, not done":                {list{op(status, none, 3, 4)}, cut, true, false, true},
		"killed, nobody looked":           {list{op(read, "GOOD 0", 3, 4)}, cut, true, true, true},
		"killed, done half":               {list{op(status, "GOOD gen 1", 3, 4)}, cut, false, false, false},
		"killed, done after death":        {list{op(status, none, 3, 4), op(status, first, 5, 6)}, cut, false, false, false},
		"killed, done before it began":    {list{op(status, first, -2, -1)}, cut, false, false, false},
		"killed, undone":                  {list{op(status, first, 1, 2), op(status, none, 5, 6)}, cut, false, false, false},
		"write during a preempt, before":  {ops: with(preempt, op(write(0, 7), "GOOD", 7, 8), op(read, "GOOD 7", 10, 11)), ok: true},
		"write during a preempt, after":   {ops: with(preempt, op(write(0, 7), "6/2A/05", 7, 8), op(read, "GOOD 0", 10, 11)), ok: true},
		"write refused and there":         {ops: with(preempt, op(write(0, 7), "6/2A/05", 7, 8), op(read, "GOOD 7", 10, 11))},
		"write done and not there":        {ops: with(preempt, op(write(0, 7), "GOOD", 7, 8), op(read, "GOOD 0", 10, 11))},
		"late write after a preempt":      {ops: with(preempt, op(write(0, 7), "GOOD", 10, 11))},
		"no unit attention":               {ops: with(preempt, op(write(0, 7), "RC", 10, 11))},
		"two unit attentions":             {ops: with(preempt, op(write(0, 7), "6/2A/05", 10, 11), op(write(0, 7), "6/2A/05", 12, 13))},
		"unit attention, then a conflict": {ops: with(preempt, op(write(0, 7), "6/2A/05", 10, 11), op(write(0, 7), "RC", 12, 13)), ok: true},
		"reset, then a unit attention":    {ops: with(op(order{From: 2, What: "reset"}, "GOOD", 6, 7), op(write(1, 7), "6/29/03", 8, 9), op(read, "6/29/03", 10, 11), op(read, "GOOD 0", 12, 13)), ok: true},
		"reset and no unit attention":     {ops: with(op(order{From: 2, What: "reset"}, "GOOD", 6, 7), op(write(1, 7), "GOOD", 8, 9))},
		"reset, and the reservation ends": {ops: with(op(order{From: 2, What: "reset"}, "GOOD", 6, 7), op(write(2, 7), "6/29/03", 8, 9), op(write(2, 7), "GOOD", 10, 11))},
		"unregistered writes":             {ops: with(op(write(2, 7), "GOOD", 6, 7))},
		"unregistered is refused":         {ops: with(op(write(2, 7), "RC", 6, 7)), ok: true},
		"refused for nothing":             {ops: with(op(write(1, 7), "RC", 6, 7))},
		"old value":                       {ops: list{op(write(0, 7), "GOOD", 0, 1), op(write(0, 8), "GOOD", 2, 3), op(read, "GOOD 7", 4, 5)}},
		"two values at once":              {ops: list{op(write(0, 7), "GOOD", 0, 9), op(write(1, 8), "GOOD", 0, 9), op(read, "GOOD 7", 1, 2), op(read, "GOOD 8", 3, 4)}, ok: true},
		"there and back":                  {ops: list{op(write(0, 7), "GOOD", 0, 9), op(write(1, 8), "GOOD", 0, 9), op(read, "GOOD 7", 1, 2), op(read, "GOOD 8", 3, 4), op(read, "GOOD 7", 5, 6)}},
	} {
		h := history{c.ops, c.pending}
		j := h.judge()
		if (j.result == porcupine.Ok) != c.ok || j.result == porcupine.Unknown {
			t.Errorf("%s: %s\n%s", name, j.result, h.explain())
		}
		if len(c.pending) == 1 && (j.done[0] != c.done || j.not[0] != c.not) {
			t.Errorf("%s: can be done %v, not done %v", name, j.done[0], j.not[0])
		}
	}
}
