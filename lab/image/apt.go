package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// apt asks the host's package sources without touching what is installed on the host: the
// state it works on is an empty system of its own.
type apt struct {
	dir     string // private caches and lists
	lists   bool   // use the private package lists instead of the host's
	sources string // use this file with package sources instead of the host's
}

// deb is one package as the resolver chose it.
type deb struct {
	name, version string
}

func (d deb) String() string { return d.name + "=" + d.version }

// options are the apt configuration that all calls share.
func (a apt) options() []string {
	opts := []string{
		"-o", "Dir::State::status=/dev/null",
		"-o", "Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"-o", "APT::Sandbox::User=root",
		"-o", "APT::Install-Recommends=false",
		"-o", "Debug::NoLocking=true",
	}
	if a.lists {
		opts = append(opts, "-o", "Dir::State::lists="+filepath.Join(a.dir, "lists"))
	}
	if a.sources != "" {
		opts = append(opts, "-o", "Dir::Etc::sourcelist="+a.sources, "-o", "Dir::Etc::sourceparts=/dev/null")
	}
	return opts
}

// run calls apt-get in a folder.
func (a apt) run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	for _, d := range []string{"cache/archives/partial", "lists/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	return command(ctx, dir, slices.Concat([]string{"apt-get"}, a.options(), args)...)
}

// fetch downloads all packages of the specification into dest and returns what they are.
// The host's package lists may be missing or older than its mirror; then it fetches lists
// of its own, once.
func fetch(ctx context.Context, s spec, work, dest string, log io.Writer) ([]deb, error) {
	a := apt{dir: work}
	debs, err := a.resolve(ctx, s)
	if err == nil {
		if err = a.download(ctx, debs, dest); err == nil {
			return debs, nil
		}
	}
	if ctx.Err() != nil {
		return nil, err
	}
	fmt.Fprintln(log, "lab: fetching package lists")
	a.lists = true
	if _, err := a.run(ctx, "", "update", "-qq"); err != nil {
		return nil, fmt.Errorf("fetching package lists: %w", err)
	}
	if debs, err = a.resolve(ctx, s); err != nil {
		return nil, err
	}
	return debs, a.download(ctx, debs, dest)
}

// resolve returns the packages with all they depend on, without those that only an
// installation needs, sorted by name.
func (a apt) resolve(ctx context.Context, s spec) ([]deb, error) {
	var errs []error
	kernels := s.kernels
	if s.suite != "" {
		kernels = []string{""} // it comes from elsewhere
	}
	for _, kernel := range kernels {
		args := append([]string{"install", "-y", "-qq", "--print-uris"}, s.packages...)
		if kernel != "" {
			args = append(args, kernel)
		}
		out, err := a.run(ctx, "", args...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		debs, err := parseURIs(string(out), s.skip)
		if err != nil {
			return nil, err
		}
		bare, err := a.versions(ctx, s.bare)
		return append(debs, bare...), err
	}
	return nil, fmt.Errorf("resolving the guest's packages: %w", errors.Join(errs...))
}

// versions returns packages as the sources offer them, without what they depend on.
func (a apt) versions(ctx context.Context, packages []string) ([]deb, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	out, err := a.run(ctx, "", append([]string{"download", "-qq", "--print-uris"}, packages...)...)
	if err != nil {
		return nil, fmt.Errorf("resolving packages: %w", err)
	}
	return parseURIs(string(out), nil)
}

// parseURIs reads the output of apt-get --print-uris: 'URI' name_version_arch.deb size hash.
func parseURIs(out string, skip []string) ([]deb, error) {
	var debs []deb
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasSuffix(fields[1], ".deb") {
			return nil, fmt.Errorf("apt-get --print-uris: unexpected line %q", strings.TrimSpace(line))
		}
		parts := strings.Split(fields[1], "_")
		if len(parts) != 3 {
			return nil, fmt.Errorf("apt-get --print-uris: unexpected file name %q", fields[1])
		}
		version, err := url.PathUnescape(parts[1])
		if err != nil {
			return nil, fmt.Errorf("apt-get --print-uris: file name %q: %w", fields[1], err)
		}
		if !matchAny(skip, parts[0]) {
			debs = append(debs, deb{name: parts[0], version: version})
		}
	}
	if len(debs) == 0 {
		return nil, errors.New("apt-get --print-uris: no packages")
	}
	slices.SortFunc(debs, func(a, b deb) int { return strings.Compare(a.name, b.name) })
	return debs, nil
}

// download fetches exactly these packages; apt checks them against its signed lists.
func (a apt) download(ctx context.Context, debs []deb, dest string) error {
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return err
	}
	args := []string{"download", "-qq"}
	for _, d := range debs {
		args = append(args, d.String())
	}
	if _, err := a.run(ctx, dest, args...); err != nil {
		return fmt.Errorf("downloading packages: %w", err)
	}
	return nil
}

// unpack extracts the downloaded packages: kernels into one tree, all others into another.
// Nothing of them is executed.
func unpack(ctx context.Context, dest, kernelTree, rootTree string) error {
	files, err := filepath.Glob(filepath.Join(dest, "*.deb"))
	if err != nil {
		return err
	}
	// base-files first: where /lib is a link to /usr/lib, it is the package that says so.
	slices.SortStableFunc(files, func(a, b string) int {
		return boolCompare(isBaseFiles(b), isBaseFiles(a))
	})
	for _, tree := range []string{kernelTree, rootTree} {
		if err := os.MkdirAll(tree, 0o755); err != nil {
			return err
		}
	}
	for _, f := range files {
		tree := rootTree
		if strings.HasPrefix(filepath.Base(f), "linux-") {
			tree = kernelTree
		}
		if _, err := command(ctx, "", "dpkg-deb", "--extract", f, tree); err != nil {
			return fmt.Errorf("unpacking %s: %w", filepath.Base(f), err)
		}
	}
	return nil
}

func isBaseFiles(file string) bool {
	return strings.HasPrefix(filepath.Base(file), "base-files_")
}

// boolCompare orders false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}
