// Package session is what commands about LUNs work with: the config, the machine and
// which node it is; it finds and opens LUNs, runs protocols on them or rehearses that,
// and tells what they do: to people, to the log, and on a terminal how far they are.
//
// A command begins a Session, opens what it works on with WithPackage or LookAt, and
// has Perform run what changes something, so that a dry run, a signal and the log are
// seen to. Flags about LUNs are made here, each with its completion.
package session
