package main

import (
	"context"
	"fmt"
	"path/filepath"
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

// buildPackage makes the Debian package of a binary, in a folder, and returns its path.
func buildPackage(ctx context.Context, root, dest, binary string) (string, error) {
	if _, err := command(ctx, root, "env", "BINARY="+binary, "OUT="+dest, "sh", "dist/package/build.sh", "deb"); err != nil {
		return "", fmt.Errorf("building the package: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(dest, "*.deb"))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("building the package: %d files, one was expected", len(found))
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}
