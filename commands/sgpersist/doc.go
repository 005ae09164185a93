// Package sgpersist is the command sg_persist of sg3_utils, by its interface:
// the same options, the same bytes on both streams, the same exit status as
// version 1.48, save where that version is wrong or dangerous. The manual
// page lunguard-sg_persist(7) lists these differences, with reasons.
//
// It is the only command that sends one SCSI command and says what came
// back. What it prints is read by programs, so its words are an interface,
// made here and not with those of the other commands.
package sgpersist
