//go:build lab

package guest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// PowerCycle switches the array off and on: all sessions die, the target goes, and comes
// back with the LUNs' content and with the registrations that it has on disk. Nodes have to
// log in again. LIO keeps registrations made with APTPL in a file, but it is for user space
// to give them back, before a LUN is exported.
func (a *Array) PowerCycle(t testing.TB) {
	t.Helper()
	if err := a.powerCycle(); err != nil {
		t.Fatalf("array %s: %v", a.Name, err)
	}
}

func (a *Array) powerCycle() error {
	var errs []error
	for _, n := range a.nodes {
		errs = append(errs, disconnect(n))
	}
	errs = append(errs, a.removeTarget(), a.removeBackends())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for lun := range a.luns {
		if err := errors.Join(a.addBackend(lun), a.restoreRegistrations(lun)); err != nil {
			return err
		}
	}
	ports := a.ports
	a.ports = 0
	if err := a.open(ports); err != nil {
		return err
	}
	for _, n := range a.nodes {
		for path := range n.paths {
			if err := a.admit(n.IQN(), path); err != nil {
				return err
			}
		}
	}
	return connectAll(a.nodes)
}

// restoreRegistrations gives the kernel what it has written about a LUN.
func (a *Array) restoreRegistrations(lun int) error {
	f, err := os.Open(a.APTPLFile(lun))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var fields []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\x00")
		switch {
		case strings.HasPrefix(line, "PR_REG_START:"):
			fields = nil
		case strings.HasPrefix(line, "PR_REG_END:"):
			attr := filepath.Join(a.backend(lun), "pr/res_aptpl_metadata")
			if err := writeAttr(attr, strings.Join(fields, ",")); err != nil {
				return fmt.Errorf("LUN %d: %w", lun, err)
			}
		default:
			fields = append(fields, line)
		}
	}
	return lines.Err()
}
