// Package simlun is a simulated logical unit: a state machine that follows
// SPC-4's persistent reservations to the letter, in memory or in a file, with
// switches that make it err as real devices do.
//
//   - [Machine] is the state machine alone: one command, one indivisible step.
//     It can be copied ([Machine.Clone]) and compared ([Machine.Fingerprint]),
//     so that an explorer can walk through every interleaving of commands.
//   - [LUN] is a Machine in memory with a lock around it; [LUN.Nexus] gives a
//     scsi.Transport for one I_T nexus.
//   - [Device] is one I_T nexus of a Machine that lives in a file. Any number
//     of processes may use the file at once, and any of them may be killed at
//     any instant.
//
// [Quirks] say how the device differs from the standard (package model), [Plan] what
// goes wrong on the way to it (package fault). The persistent reservations are package
// registry's, the other commands and the task set are the Machine's.
//
// Nothing here stands for the performance of a device, and the medium has no
// volatile cache: what was written is there after a power cycle.
package simlun
