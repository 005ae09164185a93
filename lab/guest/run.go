//go:build lab

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// RunTimeout is how long a program on a node may take.
const RunTimeout = 60 * time.Second

// killGrace is how long a killed program may take to go. One that waits in the kernel for
// a disk does not go at all.
const killGrace = 10 * time.Second

// Result is what a program on a node left.
type Result struct {
	Stdout, Stderr string
	Exit           int // exit status, or 128 plus the signal that ended it
}

// String shows a result in a test's log.
func (r Result) String() string {
	return fmt.Sprintf("exit %d\nstdout: %s\nstderr: %s", r.Exit, r.Stdout, r.Stderr)
}

// Env is the environment of programs on the node.
func (n *Node) Env() []string {
	return append(baseEnv(n.path()),
		"LVM_SYSTEM_DIR="+n.dir(),
		"SG_NODE="+n.Name,
		"LUNGUARD_CONF="+n.ConfigFile(),
		"LUNGUARD_RUN="+filepath.Join(n.dir(), "run"),
	)
}

// ConfigFile is where the product looks for the cluster's config on the node. The nodes'
// files differ, for the same LUN has another device name on each of them.
func (n *Node) ConfigFile() string { return filepath.Join(n.dir(), "cluster.conf") }

// path is where the node's programs are looked up.
func (n *Node) path() string { return appletDir + ":" + systemPath }

// Run runs a program on the node and returns what came of it, whatever that is. A program
// that does not end within RunTimeout fails the test. Applets hide Debian's programs of
// the same name; call those by their full path.
func (n *Node) Run(t testing.TB, args ...string) Result {
	t.Helper()
	return n.RunInput(t, "", args...)
}

// RunInput is Run with something to read on standard input.
func (n *Node) RunInput(t testing.TB, stdin string, args ...string) Result {
	t.Helper()
	r, err := runProgram(n.Env(), n.path(), stdin, args)
	if err != nil {
		t.Fatalf("on %s: %s: %v", n.Name, strings.Join(args, " "), err)
	}
	return r
}

// MustRun is Run for a program that has to succeed. It returns its standard output.
func (n *Node) MustRun(t testing.TB, args ...string) string {
	t.Helper()
	r := n.Run(t, args...)
	if r.Exit != 0 {
		t.Fatalf("on %s: %s: %v", n.Name, strings.Join(args, " "), r)
	}
	return r.Stdout
}

// Shell runs a script on the node.
func (n *Node) Shell(t testing.TB, script string) Result {
	t.Helper()
	return n.Run(t, "/bin/bash", "-c", script)
}

// NeedLunguard fails a test if an applet that it is about is missing. It skips only if the
// laboratory was asked to run without the binary.
func NeedLunguard(t testing.TB, applets ...string) {
	t.Helper()
	if _, err := os.Stat(noBinaryFile); err == nil {
		t.Skip("the laboratory was told to run without lunguard")
	}
	for _, applet := range append(applets, "lunguard") {
		if _, err := os.Stat(filepath.Join(appletDir, applet)); err != nil {
			t.Fatalf("lunguard has no %s: %v", applet, err)
		}
	}
}

// runProgram runs a program to its end, with a deadline.
func runProgram(env []string, path, stdin string, args []string) (Result, error) {
	p, err := start(program{env: env, path: path, stdin: stdin, args: args})
	if err != nil {
		return Result{}, err
	}
	return p.wait()
}

// findInPath looks a program up in the PATH that it will have, not in this process's.
func findInPath(path, name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return name // starting it will fail and say so
}
