// Package words says to people what happened: errors of the packages below, which
// know nothing of people, and what protocols did and found. An error that a room of
// commands makes brings its message by a method Message.
//
// A message is what it is about, what happened there, and what can be done about
// it. It is made of the fields of an error; nobody takes the text of another apart.
package words
