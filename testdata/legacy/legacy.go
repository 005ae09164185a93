// Package legacy has a package control script of the kind that administrators
// of Serviceguard have, for tests that run it.
package legacy

import _ "embed"

// Script is the control script. It takes start or stop.
//
//go:embed control.sh
var Script string
