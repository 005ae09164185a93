// Package runpkg starts and halts one package on this host: scripts,
// reservations, volume groups, file systems and services, in order and in
// reverse. It knows nothing of SCSI: the reservations are two functions that it
// is given.
//
// What it runs writes into the log of the package, to the file itself: a
// script that leaves children behind holds nobody up. All that it needs to know
// later, in another process, lies in a folder that a reboot empties.
package runpkg
