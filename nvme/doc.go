// Package nvme speaks the part of NVM Express that reservations need: Reservation
// Register, Acquire, Release and Report, what Identify and Get Features tell of it, and
// the log page of notifications.
//
// A command is a struct, its answer is a struct, and a [Transport] is one method that
// carries a command to one namespace and brings the status back. The simulated namespace
// of package simns is just another Transport. A [Unit] is a [pr.Path] on one.
//
// Three rules hold everywhere:
//
//   - A status that is not success, and a system call that failed, is an error. It
//     never turns into an empty answer.
//   - NVMe tells of no answer how much of it arrived. So the buffer of each is filled
//     with FFh before, which no whole answer is made of, and lengths inside it are
//     checked against what is there.
//   - What a command did is known only after reading back; an error may leave its
//     outcome open ([pr.OutcomeUnknown]).
//
// A registrant is a host, told by its [HostID], whatever controller or path it came
// through: all paths of a host to a namespace are one registration.
//
// All fields of more than a byte are little-endian, but for a host identifier, whose
// bytes have the order of the UUID that it is. Sections are those of the NVM Express
// Base Specification, revision 2.1.
package nvme
