package image

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// checkPrograms makes sure that each program exists in the tree and that every shared
// library it needs does too, so that a package too many in spec.skip is found when the
// cache is built and not by a test that fails strangely.
func checkPrograms(tree string, programs []string) error {
	libs := libraryIndex(tree)
	for _, program := range programs {
		file := findProgram(tree, program)
		if file == "" {
			return fmt.Errorf("no %s in the guest's root", program)
		}
		if err := checkLibraries(file, libs, map[string]bool{}); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
	}
	return nil
}

// findProgram returns the host path of a program in the tree, or nothing.
func findProgram(tree, program string) string {
	for _, dir := range []string{"usr/sbin", "usr/bin", "sbin", "bin"} {
		file := filepath.Join(tree, dir, program)
		if _, err := os.Lstat(file); err == nil {
			return file
		}
	}
	return ""
}

// libraryIndex maps the file names of all shared libraries in the tree to their paths.
func libraryIndex(tree string) map[string]string {
	libs := map[string]string{}
	for _, pattern := range []string{
		"lib/*.so*", "lib64/*.so*", "lib/*-linux-gnu/*.so*",
		"usr/lib/*.so*", "usr/lib64/*.so*", "usr/lib/*-linux-gnu/*.so*",
		"lib/multipath/*.so*", "usr/lib/multipath/*.so*",
	} {
		// The only error Glob has is a bad pattern, and these are constants.
		found, _ := filepath.Glob(filepath.Join(tree, pattern))
		for _, f := range found {
			libs[filepath.Base(f)] = f
		}
	}
	return libs
}

// checkLibraries follows the needed libraries of a file. Links between packages may point
// outside the tree when read on the host; those files are taken as present.
func checkLibraries(file string, libs map[string]string, seen map[string]bool) error {
	if data, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		return nil
	}
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, lib := range needed {
		if seen[lib] || strings.HasPrefix(lib, "ld-linux") {
			continue
		}
		seen[lib] = true
		path, ok := libs[lib]
		if !ok {
			return fmt.Errorf("needs %s, which no package of the guest has", lib)
		}
		if err := checkLibraries(path, libs, seen); err != nil {
			return fmt.Errorf("%s: %w", lib, err)
		}
	}
	return nil
}
