//go:build lab

package guest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// blockBackendDir is where backends live that are block devices.
const blockBackendDir = targetFS + "/core/iblock_0"

// media are the LUNs' content where it can be stopped: each file under a map of device-mapper,
// which the target's block backend works on. A map that is suspended keeps what comes, in
// order, until it is resumed: a write that the target was given is neither done nor
// failed, as on a disk that does not answer.
type media struct {
	maps, loops []string
}

// NewStoppableArray is NewArray with media that can be stopped.
func NewStoppableArray(t testing.TB, name string, nLUNs, sizeMB int) *Array {
	t.Helper()
	for _, module := range []string{"loop", "target_core_iblock"} {
		LoadModule(t, module)
	}
	return (&Array{Name: name, media: &media{}}).make(t, nLUNs, sizeMB)
}

// add makes a disk of a file.
func (m *media) add(name, file string, size int64) (string, error) {
	loop, err := tool("losetup", "--find", "--show", file)
	if err != nil {
		return "", err
	}
	m.loops = append(m.loops, loop)
	name = "medium-" + name
	if _, err := tool("dmsetup", "create", name, "--table", fmt.Sprintf("0 %d linear %s 0", size>>9, loop)); err != nil {
		return "", err
	}
	m.maps = append(m.maps, name)
	return "/dev/mapper/" + name, nil
}

// remove takes all disks down. One that was stopped goes on before, or what waits for it
// would wait forever.
func (m *media) remove() error {
	var errs []error
	for _, name := range m.maps {
		_, err := tool("dmsetup", "remove", "--retry", name)
		errs = append(errs, err)
	}
	for _, loop := range m.loops {
		_, err := tool("losetup", "--detach", loop)
		errs = append(errs, err)
	}
	m.maps, m.loops = nil, nil
	return errors.Join(errs...)
}

// Stop stops all media, until Resume, or the end of the test. Commands that the target
// answers by itself are answered.
func (a *Array) Stop(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { a.Resume(t) })
	for _, name := range a.media.maps {
		if _, err := tool("dmsetup", "suspend", "--nolockfs", "--noflush", name); err != nil {
			t.Fatal(err)
		}
	}
}

// Resume lets all media go on.
func (a *Array) Resume(t testing.TB) {
	t.Helper()
	for _, name := range a.media.maps {
		if _, err := tool("dmsetup", "resume", name); err != nil {
			t.Error(err)
		}
	}
}

// sessionParams are what sessions to the array need besides.
func (a *Array) sessionParams() []string {
	if a.media == nil {
		return nil
	}
	// The kernel gives a session up whose ABORT TASK is not answered, and nobody here would
	// log in again.
	return []string{"node.session.err_timeo.abort_timeout=120"}
}

// tool runs a program that belongs to no node, and returns what it prints.
func tool(args ...string) (string, error) {
	r, err := runProgram(baseEnv(systemPath), systemPath, "", args)
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("%s: %v", strings.Join(args, " "), r)
	}
	return strings.TrimSpace(r.Stdout), err
}
