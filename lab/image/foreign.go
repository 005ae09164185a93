package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// debianKeyring is what all releases are signed with, as Debian and Ubuntu ship it.
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// fetchForeign downloads the packages of another release into dest and returns what they
// are. The host has no package lists of that release, so they are fetched first.
func fetchForeign(ctx context.Context, f foreign, work, dest string) ([]deb, error) {
	a, err := aptOf(ctx, f.suite, work)
	if err != nil {
		return nil, err
	}
	debs, err := a.versions(ctx, f.packages)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.suite, err)
	}
	return debs, a.download(ctx, debs, dest)
}

// aptOf asks another release, with package lists of its own.
func aptOf(ctx context.Context, suite, work string) (apt, error) {
	host := apt{dir: work}
	mirror, err := host.mirror(ctx)
	if err != nil {
		return apt{}, err
	}
	a := apt{dir: work, lists: true, sources: filepath.Join(work, "sources.list")}
	line := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", debianKeyring, mirror, suite)
	if err := os.WriteFile(a.sources, []byte(line), 0o644); err != nil {
		return apt{}, err
	}
	// Without Error-Mode, lists that cannot be fetched are no error to apt.
	if _, err := a.run(ctx, "", "update", "-qq", "-o", "APT::Update::Error-Mode=any"); err != nil {
		return apt{}, fmt.Errorf("fetching package lists of %s: %w", suite, err)
	}
	return a, nil
}

// kernelPackage are the packages that a kernel's meta-package stands for.
var kernelPackage = regexp.MustCompile(`^linux-(image|binary|modules|base)-[0-9]`)

// fetchKernel downloads the kernel of another release into dest and returns what it is.
func fetchKernel(ctx context.Context, s spec, work, dest string) ([]deb, error) {
	a, err := aptOf(ctx, s.suite, work)
	if err != nil {
		return nil, err
	}
	out, err := a.run(ctx, "", "install", "-y", "-qq", "--print-uris", s.kernels[0])
	if err != nil {
		return nil, fmt.Errorf("resolving the kernel of %s: %w", s.suite, err)
	}
	debs, err := parseURIs(string(out), nil)
	if err != nil {
		return nil, err
	}
	debs = slices.DeleteFunc(debs, func(d deb) bool { return !kernelPackage.MatchString(d.name) })
	return debs, a.download(ctx, debs, dest)
}

// errNoMirror says that the host's package sources name no Debian, so that nobody can be
// asked for another release of it.
var errNoMirror = errors.New("the host's package sources have no Debian main archive")

// mirror is where the host gets its Debian packages from.
func (a apt) mirror(ctx context.Context) (string, error) {
	out, err := a.run(ctx, "", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
	if err != nil {
		return "", fmt.Errorf("reading the host's package sources: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		// Security updates have a mirror of their own, which has no releases.
		if len(words) == 3 && words[0] == "Debian" && words[1] == "main" && !strings.Contains(words[2], "security") {
			return strings.TrimSuffix(words[2], "/"), nil
		}
	}
	return "", errNoMirror
}

// unpackForeign puts what is wanted of the downloaded packages into the guest's root.
func unpackForeign(ctx context.Context, f foreign, debs, rootTree string) error {
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	tree := filepath.Join(debs, "tree")
	for _, file := range files {
		if _, err := command(ctx, "", "dpkg-deb", "--extract", file, tree); err != nil {
			return fmt.Errorf("unpacking %s: %w", filepath.Base(file), err)
		}
	}
	for _, pattern := range f.files {
		found, err := filepath.Glob(filepath.Join(tree, pattern))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("no %s in %s of %s", pattern, strings.Join(f.packages, ", "), f.suite)
		}
		for _, src := range found {
			if err := moveInto(src, tree, filepath.Join(rootTree, f.dir)); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveInto moves a file from one tree to the same place in another. A link is followed:
// what it points at may not be among the files that are wanted.
func moveInto(src, from, to string) error {
	rel, err := filepath.Rel(from, src)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(src)
	if err != nil {
		return err
	}
	dest := filepath.Join(to, rel)
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return err
	}
	return os.Rename(real, dest)
}
