package session

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	gocmp "github.com/google/go-cmp/cmp"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/vg"
)

// ownersHost has disks, counts how often it is asked for groups, and for some of
// them gives no answer.
type ownersHost struct {
	vg.Host
	disks  map[string]*vg.Disk
	groups map[string][]string
	asked  atomic.Int64
	hang   chan struct{}
}

func (h *ownersHost) Paths(device string) (*vg.Disk, error) {
	if d := h.disks[device]; d != nil {
		return d, nil
	}
	return nil, &vg.DeviceError{Device: device, Err: vg.ErrNotSCSIDisk}
}

func (h *ownersHost) Group(ctx context.Context, name string) (*vg.Group, error) {
	h.asked.Add(1)
	volumes, ok := h.groups[name]
	switch {
	case !ok:
		return nil, &vg.GroupError{Group: name, Err: vg.ErrNoGroup}
	case volumes == nil:
		// lvm2 hangs on a disk and cannot be ended.
		<-h.hang
	}
	return &vg.Group{Name: name, Volumes: volumes}, nil
}

// LUNs of two packages are known by their names in the world or, where one has
// none, by their paths.
func TestTwoPackages(t *testing.T) {
	host := &ownersHost{
		disks: map[string]*vg.Disk{
			"/dev/sda": {Device: "/dev/sda", WWID: "naa.1", Paths: []vg.Device{{Name: "/dev/sda"}}},
			"/dev/dm1": {Device: "/dev/dm1", WWID: "naa.1", Paths: []vg.Device{{Name: "/dev/sdq"}, {Name: "/dev/sdr"}}},
			"/dev/sdb": {Device: "/dev/sdb", Paths: []vg.Device{{Name: "/dev/sdb"}}},
			"/dev/dm2": {Device: "/dev/dm2", Paths: []vg.Device{{Name: "/dev/sdc"}, {Name: "/dev/sdb"}}},
			"/dev/sdd": {Device: "/dev/sdd", Paths: []vg.Device{{Name: "/dev/sdd"}}},
			"/dev/sde": {Device: "/dev/sde", WWID: "naa.2", Paths: []vg.Device{{Name: "/dev/sde"}}},
		},
		groups: map[string][]string{"vg1": {"/dev/dm1", "/dev/dm2", "/dev/nothere"}},
	}
	conf := &cluster.Config{Packages: []cluster.Package{
		{Name: "a", Volumes: []string{"/dev/sda", "/dev/sdb", "/dev/sdd", "/dev/sde"}},
		{Name: "b", Groups: []string{"vg1", "absent"}},
	}}
	c := quietCall(t)
	s := On(c, conf, host, cluster.Node{})
	got := map[string]string{}
	for _, name := range []string{"/dev/sda", "/dev/sdb", "/dev/sdd", "/dev/sde"} {
		if err := s.Owners().TwoPackages(&conf.Packages[0], host.disks[name]); err != nil {
			got[name] = err.Error()
		}
	}
	want := map[string]string{
		"/dev/sda": "/dev/sda: the LUN (naa.1) is in package a and as /dev/dm1 in package b",
		"/dev/sdb": "/dev/sdb: the LUN (no worldwide name) is in package a and as /dev/dm2 in package b",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := host.asked.Load(); n != 2 {
		t.Errorf("asked for groups %d times, each once expected", n)
	}
}

// A group of another package that cannot be found, because lvm2 hangs, keeps no
// package from a take-over for long; what pv lines say is compared all the same.
func TestOwnersHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &ownersHost{
			disks:  map[string]*vg.Disk{"/dev/sda": {Device: "/dev/sda", WWID: "naa.1", Paths: []vg.Device{{Name: "/dev/sda"}}}},
			groups: map[string][]string{"vg1": nil}, hang: make(chan struct{}),
		}
		defer close(host.hang)
		conf := &cluster.Config{Packages: []cluster.Package{{Name: "a", Volumes: []string{"/dev/sda"}}, {Name: "b", Groups: []string{"vg1"}}}}
		c := quietCall(t)
		s := On(c, conf, host, cluster.Node{})
		if err := s.SoleOwner(&conf.Packages[0], []*vg.Disk{host.disks["/dev/sda"]}); err != nil {
			t.Error(err)
		}
		conf.Packages = append(conf.Packages, cluster.Package{Name: "c", Volumes: []string{"/dev/sda"}})
		s.ForgetOwners()
		var two *twoPackagesError
		if err := s.SoleOwner(&conf.Packages[0], []*vg.Disk{host.disks["/dev/sda"]}); !errors.As(err, &two) {
			t.Errorf("error %v, a LUN of two packages expected", err)
		}
	})
}

// quietCall is a call whose messages go nowhere.
func quietCall(t *testing.T) *front.Call {
	return front.NewCall(t.Context(), &front.Applet{Name: "pr_start"}, front.Streams{Out: io.Discard, Err: io.Discard}, func(string) string { return "" })
}
