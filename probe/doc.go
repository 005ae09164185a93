// Package probe tries whether a device keeps the promises that persistent reservations
// rest on. It works with two initiators, this host's two paths or two hosts, which each
// do what a small order says ([Deed]), and compares what is answered and what is there
// afterwards with SPC-4 and NVM Express.
//
// All keys that it registers are marks: they tell which run made them, and carry the
// orders and answers of two runs that meet on the device. See [IsMark].
package probe
