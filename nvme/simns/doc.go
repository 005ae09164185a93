// Package simns is a simulated NVMe namespace: a state machine that follows the
// reservations of NVM Express to the letter, with switches that make it err as real
// targets do.
//
//   - [Machine] is the state machine alone: one command, one indivisible step.
//   - [Namespace] is a Machine in memory with a lock around it; [Namespace.Connect] gives
//     a nvme.Transport for one controller of one host.
//
// [Quirks] say how the target differs from the standard. Two kinds of target that there
// are stand ready: [NVMet] is Linux's, [SPDK] that of the Storage Performance
// Development Kit.
package simns
