package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Binaries are what a run adds to the shared initramfs.
type Binaries struct {
	Init     string // the guest's test binary
	Lunguard string // the product, or nothing if it was not wanted
	Deb      string // its Debian package, likewise
	Rules    string // what the product wants udev to do, as make install writes it
	Ksh      string // the host's Korn shell, or nothing if it has none
}

// Build compiles the guest's tests and the product as it is shipped.
func Build(ctx context.Context, root, dest string, noBinary bool) (Binaries, error) {
	b := Binaries{Init: filepath.Join(dest, "guest.test")}
	// The guest has the host's release, and so its libraries. An entry of the cache need
	// not be made anew for one program.
	if ksh, err := exec.LookPath("ksh93"); err == nil {
		b.Ksh = ksh
	}
	rules, err := os.ReadFile(filepath.Join(root, "dist/udev/62-lunguard.rules.in"))
	if err != nil {
		return b, err
	}
	b.Rules = strings.ReplaceAll(string(rules), "@SBINDIR@", "/usr/local/sbin")
	if err := goTool(ctx, root, "test", "-c", "-trimpath", "-ldflags", "-s -w", "-tags", "lab",
		"-o", b.Init, "./lab/guest"); err != nil {
		return b, fmt.Errorf("building the guest's tests: %w", err)
	}
	if noBinary {
		return b, nil
	}
	b.Lunguard = filepath.Join(dest, "lunguard")
	if err := goTool(ctx, root, "build", "-trimpath", "-ldflags", "-s -w -funcalign=4",
		"-gcflags", "all=-l", "-gcflags", "runtime/...=", "-gcflags", "sync/...=", "-tags", "urfave_cli_no_docs", "-o", b.Lunguard, "."); err != nil {
		return b, fmt.Errorf("building lunguard: %w", err)
	}
	return b, nil
}

// goTool runs the go command for a static binary.
func goTool(ctx context.Context, dir string, args ...string) error {
	argv := append([]string{"env", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "go"}, args...)
	_, err := command(ctx, dir, argv...)
	return err
}

// WriteInitrd appends the run's own archive to the shared one. Nothing is compressed: to
// unpack costs the emulated processor more than to copy.
func WriteInitrd(dest string, cache Entry, b Binaries, args []string) error {
	return writeFile(dest, func(w io.Writer) error {
		base, err := os.Open(cache.base())
		if err != nil {
			return err
		}
		defer base.Close()
		if _, err := io.Copy(w, base); err != nil {
			return err
		}
		c := newCpioWriter(w)
		for _, dir := range []string{"dev", "lab", "lab/bin"} {
			c.dir(dir, 0o755)
		}
		c.charDev("dev/console", 0o600, 5, 1)
		c.file("init", b.Init, 0o755)
		if b.Lunguard != "" {
			c.file("lab/bin/lunguard", b.Lunguard, 0o755)
		} else {
			c.bytes("lab/no-binary", 0o644, nil)
		}
		if b.Ksh != "" {
			c.file("lab/bin/ksh93", b.Ksh, 0o755)
		}
		if b.Deb != "" {
			c.file("lab/lunguard.deb", b.Deb, 0o644)
		}
		if b.Rules != "" {
			c.bytes("lab/62-lunguard.rules", 0o644, []byte(b.Rules))
		}
		c.bytes("lab/args", 0o644, []byte(strings.Join(args, "\n")))
		return c.close()
	})
}
