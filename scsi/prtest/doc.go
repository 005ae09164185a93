// Package prtest is one conformance suite for persistent reservations, run on
// the simulated unit and on real ones alike, so that the simulated unit
// cannot drift away from what it stands for.
//
// A case is a table of commands. After every command the suite looks at all
// there is: status and sense data, READ KEYS, READ RESERVATION, READ FULL
// STATUS, whether APTPL is active, how far PRGENERATION moved and which unit
// attention each of three nexuses finds. What a case wants is what SPC-4
// says. A device that does otherwise has its [Deviations], each with a
// reason; the suite insists on a deviation as it does on the standard, so an
// entry that no longer holds fails.
//
// The commands overwrite block 0 of the unit.
package prtest
