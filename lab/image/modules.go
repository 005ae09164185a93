package image

import (
	"context"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// moduleTree is the module folder of one kernel. Debian's packages come without the
// modules.dep that installing them would make, so dependencies are read from the modules.
type moduleTree struct {
	dir     string            // .../lib/modules/VERSION
	files   map[string]string // module name -> path relative to dir
	builtin map[string]bool   // modules that are part of the kernel image
}

// openModules indexes the only kernel version in a tree.
func openModules(tree string) (*moduleTree, error) {
	var dirs []string
	for _, pattern := range []string{"lib/modules/*", "usr/lib/modules/*"} {
		found, err := filepath.Glob(filepath.Join(tree, pattern))
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, found...)
	}
	if len(dirs) != 1 {
		return nil, fmt.Errorf("want the modules of one kernel, have %q", dirs)
	}
	m := &moduleTree{dir: dirs[0], files: map[string]string{}, builtin: map[string]bool{}}
	data, err := os.ReadFile(filepath.Join(m.dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		m.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	err = filepath.WalkDir(filepath.Join(m.dir, "kernel"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".ko") {
			return err
		}
		rel, err := filepath.Rel(m.dir, p)
		m.files[moduleName(p)] = rel
		return err
	})
	return m, err
}

// version is the kernel's release as uname -r prints it.
func (m *moduleTree) version() string { return filepath.Base(m.dir) }

// module is one loadable module, uncompressed.
type module struct {
	path string   // relative to lib/modules/VERSION, ends in .ko
	data string   // host file with the content
	deps []string // paths of all it needs, in load order
}

// closure returns the named modules and all they need, in an order in which they can be
// loaded. Names that are built into the kernel need nothing; with optional, names that do
// not exist are left out. Compressed modules are unpacked into the folder scratch.
func (m *moduleTree) closure(ctx context.Context, names []string, optional bool, scratch string) ([]module, error) {
	var out []module
	done := map[string][]string{} // name -> load order, itself last
	var visit func(name string) ([]string, error)
	visit = func(name string) ([]string, error) {
		name = moduleName(name)
		if order, ok := done[name]; ok || m.builtin[name] {
			return order, nil
		}
		rel, ok := m.files[name]
		if !ok {
			return nil, fmt.Errorf("module %s: %w", name, fs.ErrNotExist)
		}
		file, err := plainModule(ctx, filepath.Join(m.dir, rel), scratch)
		if err != nil {
			return nil, err
		}
		needs, err := moduleNeeds(file)
		if err != nil {
			return nil, err
		}
		var order []string
		for _, need := range needs {
			sub, err := visit(need)
			if err != nil {
				return nil, fmt.Errorf("needed by %s: %w", name, err)
			}
			for _, s := range sub {
				if !slices.Contains(order, s) {
					order = append(order, s)
				}
			}
		}
		path := strings.TrimSuffix(strings.TrimSuffix(rel, ".xz"), ".zst")
		out = append(out, module{path: path, data: file, deps: order})
		done[name] = append(slices.Clone(order), path)
		return done[name], nil
	}
	for _, name := range names {
		if optional && m.files[moduleName(name)] == "" {
			continue
		}
		if _, err := visit(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// moduleName is the name the kernel knows a module file by.
func moduleName(p string) string {
	base, _, _ := strings.Cut(filepath.Base(p), ".ko")
	return strings.ReplaceAll(base, "-", "_")
}

// plainModule returns a file with the uncompressed module.
func plainModule(ctx context.Context, file, scratch string) (string, error) {
	var tool, pkg string
	switch filepath.Ext(file) {
	case ".ko":
		return file, nil
	case ".xz":
		tool, pkg = "xz", "xz-utils"
	case ".zst":
		tool, pkg = "zstd", "zstd"
	default:
		return "", fmt.Errorf("%s: unknown compression", file)
	}
	if err := EnsureProgram(ctx, os.Stderr, tool, pkg); err != nil {
		return "", err
	}
	data, err := command(ctx, "", tool, "-dc", file)
	if err != nil {
		return "", err
	}
	plain := filepath.Join(scratch, moduleName(file)+".ko")
	return plain, os.WriteFile(plain, data, 0o644)
}

// moduleNeeds reads the names of the modules a module imports symbols from.
func moduleNeeds(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s: no .modinfo section", file)
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return parseModinfo(string(data)), nil
}

// parseModinfo finds the depends field among the NUL-separated name=value strings.
func parseModinfo(data string) []string {
	for _, field := range strings.Split(data, "\x00") {
		if list, ok := strings.CutPrefix(field, "depends="); ok && list != "" {
			return strings.Split(list, ",")
		}
	}
	return nil
}

// modulesDep writes the modules in the format of modules.dep: a path, a colon, and what it
// needs, the one to load first at the end.
func modulesDep(mods []module) string {
	var b strings.Builder
	for _, m := range mods {
		b.WriteString(m.path + ":")
		for _, d := range slices.Backward(m.deps) {
			b.WriteString(" " + d)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
