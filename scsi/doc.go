// Package scsi speaks the part of SCSI that persistent reservations need:
// PERSISTENT RESERVE IN and OUT, INQUIRY, TEST UNIT READY and the few block
// commands that show whether a reservation holds.
//
// A command is a struct, its response is a struct, and a [Transport] is one
// method that carries a CDB to one I_T nexus and brings the answer back. The
// simulated LUN of package simlun is just another Transport.
//
// Three rules hold everywhere:
//
//   - A transport error is an error. It never turns into an empty answer.
//   - Only the bytes that arrived are decoded, and then the length fields
//     inside them are checked against that.
//   - What a command did is known only after reading back; an error of a
//     PERSISTENT RESERVE OUT may leave its outcome open ([pr.OutcomeUnknown]).
//
// All multi-byte fields are big-endian. The clauses cited are SPC-4's.
package scsi
