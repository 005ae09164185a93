//go:build tools

// Package tools pins the programs that check the project.
package tools

import (
	_ "golang.org/x/perf/cmd/benchstat"
	_ "gotest.tools/gotestsum"
	_ "honnef.co/go/tools/cmd/staticcheck"
)
