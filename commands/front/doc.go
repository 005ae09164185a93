// Package front is what every command has in common: how it starts, reads its
// options as getopt_long does, prints for people or programs, logs what it changes,
// says what went wrong, takes signals, and ends with an exit status; and the
// machinery of its help, its manual page and its completions.
//
// A command is an Applet, one run of it a Call. What a flag means is known to who
// makes it: front knows nothing of clusters, LUNs and packages.
package front
