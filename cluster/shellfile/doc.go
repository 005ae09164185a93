// Package shellfile reads assignments of shell files, and executes nothing. What a
// shell might do otherwise than a plain assignment says is a doubt, not a guess.
package shellfile
