package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Entry is a folder with what all runs share: the kernel, an initramfs with the
// Debian root and the modules, and the manifest that says which versions these are. It
// appears by one rename when it is complete, and is never changed after.
type Entry struct{ dir string }

// Kernel is the kernel image.
func (c Entry) Kernel() string   { return filepath.Join(c.dir, "vmlinuz") }
func (c Entry) base() string     { return filepath.Join(c.dir, "base.cpio") }
func (c Entry) manifest() string { return filepath.Join(c.dir, "manifest") }

// Open returns the entry for the guest's specification and builds it if it is missing
// or, with refresh, if the host's package sources have other versions by now.
func Open(ctx context.Context, dir, kernel string, set Set, refresh bool, log io.Writer) (Entry, error) {
	s, err := specOf(kernel, set)
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{dir: filepath.Join(dir, s.key())}
	if err := removeOld(filepath.Join(dir, "run-*"), keepRuns); err != nil {
		return entry, err
	}
	if !refresh && entry.complete() {
		return entry, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return entry, err
	}
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return entry, fmt.Errorf("%w: no %s to fetch the guest's packages with", ErrSkip, tool)
		}
	}
	unlock, err := lock(filepath.Join(dir, "lock"), log)
	if err != nil {
		return entry, err
	}
	defer unlock()
	if !refresh && entry.complete() {
		return entry, nil // another run has built it while this one waited
	}
	// Builders hold the lock, so whoever made these is dead.
	if err := removeOld(filepath.Join(dir, "tmp-*"), 0); err != nil {
		return entry, err
	}
	return entry, buildEntry(ctx, s, dir, entry, log)
}

// Has reports whether the entry is there, so that [Open] has nothing to fetch.
func Has(dir, kernel string, set Set) (bool, error) {
	s, err := specOf(kernel, set)
	return err == nil && Entry{dir: filepath.Join(dir, s.key())}.complete(), err
}

// complete reports whether the entry is there. Since it appears as a whole, one file tells.
func (c Entry) complete() bool {
	_, err := os.Stat(c.manifest())
	return err == nil
}

// lock serialises builders of the cache. The kernel releases it if this process dies.
func lock(path string, log io.Writer) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		fmt.Fprintln(log, "lab: waiting for another run that builds the cache")
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// removeOld removes the folders that match a pattern and are older than age: what killed
// builders and killed runs have left.
func removeOld(pattern string, age time.Duration) error {
	found, err := filepath.Glob(pattern)
	errs := []error{err}
	for _, d := range found {
		if info, err := os.Stat(d); err == nil && time.Since(info.ModTime()) > age {
			errs = append(errs, os.RemoveAll(d))
		}
	}
	return errors.Join(errs...)
}

// keepRuns is how long the folder of a run that was killed, or that -keep kept, stays. It
// is longer than any run.
const keepRuns = 24 * time.Hour

// buildEntry makes an entry in a temporary folder and moves it into place.
func buildEntry(ctx context.Context, s spec, dir string, entry Entry, log io.Writer) (err error) {
	tmp, err := os.MkdirTemp(dir, "tmp-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()

	fmt.Fprintln(log, "lab: fetching the guest's packages")
	dest := filepath.Join(tmp, "debs")
	debs, err := fetch(ctx, s, filepath.Join(tmp, "apt"), dest, log)
	if err != nil {
		return err
	}
	if s.suite != "" {
		kernel, err := fetchKernel(ctx, s, filepath.Join(tmp, "apt-kernel"), dest)
		if err != nil {
			return err
		}
		debs = append(debs, kernel...)
	}
	for _, f := range s.foreign {
		more, err := fetchForeign(ctx, f, filepath.Join(tmp, "apt-"+f.suite), filepath.Join(tmp, "debs-"+f.suite))
		if err != nil {
			return err
		}
		debs = append(debs, more...)
	}
	var manifest bytes.Buffer
	for _, d := range debs {
		fmt.Fprintln(&manifest, d)
	}
	if old, err := os.ReadFile(entry.manifest()); err == nil && bytes.Equal(old, manifest.Bytes()) {
		fmt.Fprintln(log, "lab: the cache is up to date")
		return nil
	}

	kernelTree, rootTree := filepath.Join(tmp, "kernel"), filepath.Join(tmp, "root")
	if err := unpack(ctx, dest, kernelTree, rootTree); err != nil {
		return err
	}
	for _, f := range s.foreign {
		if err := unpackForeign(ctx, f, filepath.Join(tmp, "debs-"+f.suite), rootTree); err != nil {
			return err
		}
	}
	if err := checkPrograms(rootTree, s.programs); err != nil {
		return err
	}
	built := Entry{dir: filepath.Join(tmp, "entry")}
	if err := os.Mkdir(built.dir, 0o755); err != nil {
		return err
	}
	if err := copyKernel(kernelTree, built.Kernel()); err != nil {
		return err
	}
	if err := writeBase(ctx, s, kernelTree, rootTree, built.base(), tmp); err != nil {
		return err
	}
	if err := os.WriteFile(built.manifest(), manifest.Bytes(), 0o644); err != nil {
		return err
	}
	// A run that uses an old entry may be about to read it: its files stay in the
	// temporary folder until the new ones are in place, and open files live on.
	if err := os.Rename(entry.dir, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(built.dir, entry.dir)
}

// copyKernel finds the one kernel image in a tree.
func copyKernel(tree, dest string) error {
	var images []string
	for _, pattern := range []string{"boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"} {
		found, err := filepath.Glob(filepath.Join(tree, pattern))
		if err != nil {
			return err
		}
		images = append(images, found...)
	}
	if len(images) != 1 {
		return fmt.Errorf("want one kernel image, have %q", images)
	}
	return os.Rename(images[0], dest)
}

// writeBase writes the initramfs that all runs share.
func writeBase(ctx context.Context, s spec, kernelTree, rootTree, dest, scratch string) error {
	tree, err := openModules(kernelTree)
	if err != nil {
		return err
	}
	first, err := tree.closure(ctx, s.perhaps, true, scratch)
	if err != nil {
		return err
	}
	boot, err := tree.closure(ctx, s.modules, false, scratch)
	if err != nil {
		return err
	}
	boot = append(first, boot...)
	all, err := tree.closure(ctx, slices.Concat(s.perhaps, s.modules, s.lazy), true, scratch)
	if err != nil {
		return err
	}
	var load strings.Builder
	for _, m := range boot {
		fmt.Fprintln(&load, m.path)
	}

	return writeFile(dest, func(w io.Writer) error {
		c := newCpioWriter(w)
		c.tree(rootTree, s.prune)
		for _, t := range s.texts {
			c.bytes(t.name, 0o644, []byte(t.content))
		}
		libDir := filepath.Join("lib/modules", tree.version())
		dirs := map[string]bool{}
		addDirs(c, dirs, libDir)
		for _, m := range all {
			addDirs(c, dirs, filepath.Dir(filepath.Join(libDir, m.path)))
			c.file(filepath.Join(libDir, m.path), m.data, 0o644)
		}
		c.bytes(filepath.Join(libDir, "modules.dep"), 0o644, []byte(modulesDep(all)))
		c.file(filepath.Join(libDir, "modules.builtin"), filepath.Join(tree.dir, "modules.builtin"), 0o644)
		c.dir("lab", 0o755)
		c.bytes("lab/modules", 0o644, []byte(load.String()))
		return c.close()
	})
}

// addDirs adds a folder and its parents, each once: the kernel makes no parents itself.
func addDirs(c *cpioWriter, have map[string]bool, dir string) {
	if dir == "." || dir == "/" || dir == "lib" || have[dir] {
		return
	}
	addDirs(c, have, filepath.Dir(dir))
	have[dir] = true
	c.dir(dir, 0o755)
}

// writeFile creates a file through a buffer and reports errors of closing it too.
func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}
