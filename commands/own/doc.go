// Package own has the commands that are about the binary itself: lunguard, which
// lists and installs the others, and the words behind it: sim, man and complete.
package own
