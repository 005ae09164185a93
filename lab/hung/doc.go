// Package hung is what the host and the guests of the hung-node test have in common: the
// lines they exchange, and the blocks that the nodes write.
//
// # The test
//
// Three machines: target has the LUNs, jack3 and jack4 use them over iSCSI. One node owns
// the LUNs and writes; the host stops its machine at a random instant, so that the node
// neither writes nor answers nor knows. The other node takes the LUNs over and writes. Then
// the host lets the first node go on, in the belief that no time has passed.
//
// # The line
//
// Each guest's second serial port is a line to the host that nothing else uses. The host
// sends a [Request], the guest answers with one [Reply] of the same number, in the order of
// the requests. Each is one line of JSON behind a prefix; what has no prefix is noise and
// is passed over. The first line is the guest's: a Reply of number 0, when it has booted.
package hung
