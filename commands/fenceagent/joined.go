package fenceagent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"lunguard/cluster/ownfile"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/vg"
)

// joined is what a node remembers of having been let in: it is gone after a boot, and
// says nothing of who is protected. A node that was let in, and whose key has gone since,
// was fenced.
type joined struct {
	// Boot is the kernel's boot id.
	Boot string `json:"boot"`
	Key  string `json:"key"`
	// LUNs are the worldwide names of those to which it was let in.
	LUNs []string `json:"luns"`
}

// joinedFile is its name in the folder of what a host remembers.
const joinedFile = "joined"

// maxJoined is how large the file may be.
const maxJoined = 1 << 20

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// readJoined reads it; none is one without LUNs, and so is one of an earlier boot or of
// another key. The error is that it cannot be read or understood: then it is not known.
func readJoined(folder, boot string, key pr.Key) (joined, error) {
	path := filepath.Join(folder, joinedFile)
	text, err := readOwn(path, maxJoined)
	if errors.Is(err, fs.ErrNotExist) {
		return joined{}, nil
	}
	var j joined
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	if err != nil {
		return joined{}, &joinedError{path, err}
	}
	if j.Boot != boot || j.Key != key.String() {
		return joined{}, nil
	}
	return j, nil
}

// write remembers it.
func (j joined) write(folder string) error {
	path := filepath.Join(folder, joinedFile)
	text, err := json.Marshal(j)
	if err == nil {
		err = ownfile.MakeFolder(folder, 0o755)
	}
	if err == nil {
		err = ownfile.Publish(path, append(text, '\n'))
	}
	if err != nil {
		return &joinedError{path, err}
	}
	return nil
}

// entry is the way in for this node.
type entry struct {
	folder, boot string
	// was is what this node remembers.
	was joined
}

// newEntry reads what this node remembers. There is an entry with an error, too.
func (a *agent) newEntry() (*entry, error) {
	folder, _, err := session.RunFolders(a.Call)
	boot, bootErr := bootID()
	e := &entry{folder: folder, boot: boot}
	if err := errors.Join(err, bootErr); err != nil {
		return e, err
	}
	e.was, err = readJoined(folder, boot, a.s.Node.Key)
	return e, err
}

// mayJoin refuses to let a node in that was fenced in this life, or that uses what it is
// not registered on: what it has in memory would go over what others have written since.
func (a *agent) mayJoin(e *entry, run *session.PackageRun, o *session.Opened) error {
	var errs []error
	var absent []*vg.Disk
	for i, lun := range run.Show(a.Ctx) {
		switch {
		case lun.Err != nil:
			errs = append(errs, lun.Err)
		case lun.Present:
		case slices.Contains(e.was.LUNs, run.LUNs[i].WWID):
			errs = append(errs, &fencedError{lun: lun.LUN, node: a.s.Node.Name})
		default:
			absent = append(absent, o.DiskOf(run.LUNs[i]))
		}
	}
	if len(errs) > 0 || len(absent) == 0 {
		return errors.Join(errs...)
	}
	for i, u := range a.s.Host.InUse(absent) {
		switch {
		case len(u.Uses) > 0:
			errs = append(errs, &usedError{lun: absent[i].Device, use: words.Use(u.Uses[0])})
		case u.Err != nil:
			errs = append(errs, u.Err)
		}
	}
	return errors.Join(errs...)
}

// remember writes down to which LUNs this node was let in.
func (e *entry) remember(run *session.PackageRun) error {
	j := joined{Boot: e.boot, Key: run.Node.Key.String(), LUNs: e.was.LUNs}
	for _, l := range run.LUNs {
		if !slices.Contains(j.LUNs, l.WWID) {
			j.LUNs = append(j.LUNs, l.WWID)
		}
	}
	return j.write(e.folder)
}
