//go:build lab

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// loadBootModules loads what the host says every run needs.
func loadBootModules() error {
	data, err := os.ReadFile(modulesFile)
	if err != nil {
		return err
	}
	dir, err := moduleDir()
	if err != nil {
		return err
	}
	for path := range strings.Lines(string(data)) {
		if err := insertModule(filepath.Join(dir, strings.TrimSpace(path))); err != nil {
			return err
		}
	}
	return nil
}

// LoadModule loads a kernel module and what it needs, such as "softdog" or "dm-multipath".
// Only modules that the host's specification names are in the guest, and those that are
// built into its kernel, for which there is nothing to do.
func LoadModule(t testing.TB, name string) {
	t.Helper()
	if err := loadModule(name); err != nil {
		t.Fatalf("loading %s: %v", name, err)
	}
}

func loadModule(name string) error {
	dir, err := moduleDir()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		path, deps, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || moduleName(path) != moduleName(name) {
			continue
		}
		// The file lists what must be loaded first at the end.
		for _, dep := range slices.Backward(strings.Fields(deps)) {
			if err := insertModule(filepath.Join(dir, dep)); err != nil {
				return err
			}
		}
		return insertModule(filepath.Join(dir, path))
	}
	data, err = os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return err
	}
	for path := range strings.Lines(string(data)) {
		if moduleName(strings.TrimSpace(path)) == moduleName(name) {
			return nil
		}
	}
	return fmt.Errorf("module %s is not in the guest", name)
}

// insertModule loads one module; a loaded one is fine.
func insertModule(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("module %s: %w", filepath.Base(path), err)
	}
	return nil
}

// moduleDir is the folder of the running kernel's modules.
func moduleDir() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	return filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:])), nil
}

func moduleName(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
}
