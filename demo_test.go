package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The transcript of the README is what the commands print.
func TestDemo(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "lunguard")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	demo := exec.Command("sh", "testdata/demo/demo.sh", "--check", "README.md")
	demo.Env = append(os.Environ(), "LUNGUARD="+binary)
	if out, err := demo.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
