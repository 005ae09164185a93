package main

import (
	"fmt"
	"regexp"
)

// packageTest is the guest's test that installs the Debian package.
const packageTest = "TestPackages"

// wantPackage reports whether that test is among what was asked for.
func wantPackage(o options) (bool, error) {
	pattern, err := regexp.Compile(o.run)
	if err != nil {
		return false, fmt.Errorf("-run: %w", err)
	}
	return !o.noBinary && !o.shell && (o.only == "" || o.only == onlyGuest) && pattern.MatchString(packageTest), nil
}
