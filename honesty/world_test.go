package honesty

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lunguard/commands"
	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg/simhost"
)

// The hosts, each of which sees every LUN through two paths. The first runs the
// commands; the second is a node, too, which may be fenced; the third is none.
const (
	here     = "jack3"
	there    = "jack4"
	stranger = "jack5"
	paths    = 2
)

// Keys of the nodes, and one that is nobody's.
const (
	keyHere    pr.Key = 0xbcb00001
	keyThere   pr.Key = 0xbcb00002
	keyForeign pr.Key = 0xdead
)

// config is the cluster. The package has its LUNs by their names; the volume group
// is for commands that take one.
func config(packageType string, luns int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CLUSTER_NAME bla\nCLUSTER_PR_TAG 0xbcb0\nNODE_NAME %s\nNODE_ID 1\nNODE_NAME %s\nNODE_ID 2\n", here, there)
	fmt.Fprintf(&b, "package_name pkg1\npackage_type %s\n", packageType)
	for i := range luns {
		fmt.Fprintf(&b, "pv %s\n", volume(i))
	}
	return b.String()
}

func volume(lun int) string { return "/dev/mapper/mpath" + string(rune('a'+lun)) }

// disk is the device of one path.
func disk(lun, path int) string { return "/dev/sd" + string(rune('a'+lun*paths+path)) }

// nexus is what the LUN knows a path of a host by.
func nexus(host string, path int) simlun.NexusID {
	port := scsi.ISCSIPortTransportID("iqn.2026-01.sim:"+host, uint64(0x800000000001+path))
	return simlun.MakeNexus(port, uint16(path+1))
}

// site is an array with its hosts in a folder.
type site struct {
	dir  string
	luns int
}

func (s site) lun(i int) string        { return filepath.Join(s.dir, "array", fmt.Sprintf("lun%d", i)) }
func (s site) host(name string) string { return filepath.Join(s.dir, name) }
func (s site) config() string          { return filepath.Join(s.dir, "cluster.conf") }
func (s site) getenv(host string) func(string) string {
	return func(name string) string {
		switch name {
		case front.SimVariable:
			return s.host(host)
		case session.ConfigVariable:
			return s.config()
		}
		return ""
	}
}

// newSite makes an array whose LUNs are free.
func newSite(dir, packageType string, luns int) (site, error) {
	s := site{dir, luns}
	a, err := simhost.CreateArray(dir, simhost.Spec{Nodes: []string{here, there, stranger}, LUNs: luns, Paths: paths, LUN: simlun.Config{Blocks: 16}})
	if err != nil {
		return s, err
	}
	var volumes []string
	for i := range luns {
		volumes = append(volumes, volume(i))
	}
	if err := a.Extend("vg1", volumes); err != nil {
		return s, err
	}
	return s, os.WriteFile(s.config(), []byte(config(packageType, luns)), 0o600)
}

// run runs a command on a host, which must succeed.
func (s site) run(host string, argv ...string) error {
	var out bytes.Buffer
	if status := commands.Run(context.Background(), front.Streams{Out: &out, Err: &out}, s.getenv(host), argv); status != 0 {
		return fmt.Errorf("%v on %s: exit status %d\n%s", argv, host, status, &out)
	}
	return nil
}

// act sends commands through a path of a host, whatever the product thinks of it.
func (s site) act(host string, lun, path int, f func(context.Context, *scsi.Unit) error) error {
	d, err := simlun.Open(s.lun(lun), nexus(host, path))
	if err != nil {
		return err
	}
	defer d.Close()
	return f(context.Background(), scsi.NewUnit(disk(lun, path), &scsi.Retry{Transport: d, AfterStateChange: true}))
}

// each does a thing to every LUN.
func (s site) each(f func(lun int) error) error {
	for i := range s.luns {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// plan sets the fault plan of a LUN; NEXUS in it is a path of the host that runs the
// commands.
func (s site) plan(lun, path int, text string) error {
	p, err := simlun.ParsePlan(strings.ReplaceAll(text, "NEXUS", nexus(here, path).String()))
	if err != nil {
		return err
	}
	return simlun.SetFaults(s.lun(lun), p)
}

// world is what a command finds.
type world string

const (
	// free: nobody has anything.
	free world = "free"
	// mine: this node has it up; run: by cmrunpkg.
	mine world = "up here"
	run  world = "run here"
	// theirs: the other node has it up.
	theirs world = "up there"
	// theirsAmong and both are of a multi-node package.
	theirsAmong world = "one of several up there"
	both        world = "up on both"
	// lost: this node had it up, and the array has forgotten all.
	lost world = "up here, forgotten by the array"
	// lostRun: the same, by cmrunpkg.
	lostRun world = "run here, forgotten by the array"
	// pathless: the second path of each LUN is not registered.
	pathless world = "up here, one path unregistered"
	// open: this node is registered and nobody holds the reservation.
	open world = "registered here, not reserved"
	// foreign: a host that is no node has registered, too.
	foreign world = "up here, a foreign key beside"
	// fenced: the other node has taken this node's LUNs.
	fenced world = "taken by the other node"
	// grown: the group has got a LUN more, on which nobody is registered.
	grown world = "up here, one LUN more"
)

// make brings the world about on a free site.
func (w world) make(s site) error {
	forget := func(lun int) error { return simlun.PowerCycle(s.lun(lun)) }
	start := func(host string) error { return s.run(host, "pr_start", "pkg1") }
	second := func(change func(context.Context, *scsi.Unit) error) func(int) error {
		return func(lun int) error { return s.act(here, lun, 1, change) }
	}
	switch w {
	case mine:
		return start(here)
	case run:
		return s.run(here, "cmrunpkg", "pkg1")
	case theirs, theirsAmong:
		return start(there)
	case lost, lostRun:
		if err := s.each(func(lun int) error { return simlun.SetQuirks(s.lun(lun), simlun.Quirks{NoAPTPL: true}) }); err != nil {
			return err
		}
		how := map[world]string{lost: "pr_start", lostRun: "cmrunpkg"}[w]
		if err := s.run(here, how, "pkg1"); err != nil {
			return err
		}
		return s.each(forget)
	case pathless:
		if err := start(here); err != nil {
			return err
		}
		return s.each(second(func(ctx context.Context, u *scsi.Unit) error { return u.Register(ctx, keyHere, 0, false) }))
	case open:
		return s.each(func(lun int) error {
			for path := range paths {
				if err := s.act(here, lun, path, func(ctx context.Context, u *scsi.Unit) error { return u.RegisterAndIgnore(ctx, keyHere, true) }); err != nil {
					return err
				}
			}
			return nil
		})
	case foreign:
		if err := start(here); err != nil {
			return err
		}
		return s.act(stranger, s.luns-1, 0, func(ctx context.Context, u *scsi.Unit) error { return u.RegisterAndIgnore(ctx, keyForeign, true) })
	case fenced:
		if err := start(here); err != nil {
			return err
		}
		return start(there)
	case both:
		if err := start(there); err != nil {
			return err
		}
		return start(here)
	case grown:
		if err := os.WriteFile(s.config(), []byte(config(w.packageType(), s.luns-1)), 0o600); err != nil {
			return err
		}
		if err := start(here); err != nil {
			return err
		}
		return os.WriteFile(s.config(), []byte(config(w.packageType(), s.luns)), 0o600)
	}
	return nil
}

// packageType is that of the package in this world.
func (w world) packageType() string {
	switch w {
	case theirsAmong, both:
		return "multi_node"
	}
	return "failover"
}

// templates are worlds that were made once, for copies. A world is needed by one
// goroutine at a time.
type templates struct {
	root string
	made map[string]site
}

// of is the folder of a world, made if need be.
func (t *templates) of(w world, luns int) (site, error) {
	name := fmt.Sprintf("%d %s", luns, w)
	if s, ok := t.made[name]; ok {
		return s, nil
	}
	s, err := newSite(filepath.Join(t.root, name), w.packageType(), luns)
	if err == nil {
		err = w.make(s)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	t.made[name] = s
	return s, nil
}

// copyTo makes a copy of a site.
func (s site) copyTo(dir string) (site, error) {
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, s.dir))
		info, err := d.Info()
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.MkdirAll(to, info.Mode().Perm())
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, info.Mode().Perm())
	})
	return site{dir, s.luns}, err
}

// shm is a file system in memory: nothing there waits for a disk.
const shm = "/dev/shm"

// scratch is a folder for sites, in memory if that can be.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(shm, "honesty")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
