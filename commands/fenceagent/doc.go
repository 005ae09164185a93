// Package fenceagent is fence_lunguard, a fence agent for Pacemaker and for whoever
// else speaks the fence agent API: parameters on standard input or as options, words
// on standard output, and exit statuses of its own.
//
// 0 is that what was asked for is so and was read back; for status, that the node is on.
// 2 is, for status alone, that it is off. All else is 1: what is not known is never off.
package fenceagent
