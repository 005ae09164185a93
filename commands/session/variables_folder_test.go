package session

import (
	"os"
	"path/filepath"
	"testing"
)

// $SGSBIN/cmrunserv is there, however the commands were installed.
func TestCommandsFolder(t *testing.T) {
	root := t.TempDir()
	exe := filepath.Join(root, "sbin", "lunguard")
	own := filepath.Join(root, "lib", "lunguard", "bin")
	if got := commandsFolder(exe); got != filepath.Dir(exe) {
		t.Errorf("without links: %s", got)
	}
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "cmrunserv"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := commandsFolder(exe); got != own {
		t.Errorf("with links: %s", got)
	}
}
