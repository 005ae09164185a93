package image

import (
	"context"
	"fmt"
	"path/filepath"
)

// BuildPackage makes the Debian package of a binary, in a folder, and returns its path.
func BuildPackage(ctx context.Context, root, dest, binary string) (string, error) {
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
