package watchdog

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg"
)

// memoryHost has simulated LUNs in memory, with two paths each.
type memoryHost struct {
	paths map[string]*simlun.Path
}

func (h *memoryHost) Paths(name string) (*vg.Disk, error) {
	return &vg.Disk{Device: name, WWID: "naa." + name, Paths: []vg.Device{{Name: name + "/1"}, {Name: name + "/2"}}}, nil
}

func (h *memoryHost) Open(dev vg.Device) (Path, error) {
	return memoryPath{scsi.NewUnit(dev.Name, h.paths[dev.Name])}, nil
}

type memoryPath struct{ *scsi.Unit }

func (memoryPath) Close() error { return nil }

func (memoryPath) Idle() bool { return true }

func (memoryPath) Expect(string, string) {}

// newMemoryHost makes LUNs on which this node is registered on all paths.
func newMemoryHost(tb testing.TB, luns int) (*memoryHost, []*LUN) {
	tb.Helper()
	h := &memoryHost{paths: map[string]*simlun.Path{}}
	var list []*LUN
	for i := range luns {
		unit, err := simlun.NewMemory(simlun.Config{Blocks: 16})
		if err != nil {
			tb.Fatal(err)
		}
		name := fmt.Sprintf("/dev/lun%d", i)
		for port := 1; port <= 2; port++ {
			id := scsi.ISCSIPortTransportID("iqn.2026-01.sim:jack3", uint64(0x800000000000+port))
			path := unit.Nexus(id, uint16(port))
			h.paths[fmt.Sprintf("%s/%d", name, port)] = path
			u := scsi.NewUnit(name, &scsi.Retry{Transport: path})
			if err := u.RegisterAndIgnore(context.Background(), ownKey, false); err != nil {
				tb.Fatal(err)
			}
		}
		d, err := h.Paths(name)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, NewLUN(h, d, "pkg", Boottime, func(Event) {}))
	}
	return h, list
}

// 64 LUNs, once a second, cost little more than one command for each, and no thread
// stays behind. What is allocated stands for the work, and is the same wherever it runs.
func TestCost(t *testing.T) {
	const luns, passes = 64, 100
	h, list := newMemoryHost(t, luns)
	device := &fakeDevice{clock: Boottime}
	w := &Watch{Timing: times(), Key: ownKey, Clock: Boottime, Device: device, Log: func(Event) {}, Alive: func() {}, Alarm: func() { t.Error("an alarm") }}
	w.Watch(list)
	tick := func() {
		_, now, ok := w.pass(t.Context(), list)
		if !ok || w.decide(now) {
			t.Fatal("not healthy")
		}
		w.feed()
	}
	tick()
	goroutines := runtime.NumGoroutine()
	each := testing.AllocsPerRun(passes, tick)
	bare := testing.AllocsPerRun(passes, func() {
		for _, p := range h.paths {
			if _, err := scsi.NewUnit("bare", p).Keys(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}) / 2
	t.Logf("a pass over %d LUNs: %.0f allocations, one command for each: %.0f", luns, each, bare)
	if each > 3*bare && !raceEnabled {
		t.Errorf("a pass over %d LUNs costs %.0f allocations, one command for each %.0f", luns, each, bare)
	}
	if n := runtime.NumGoroutine(); n > goroutines+2 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	for i := range w.watched {
		if w.watched[i].state != StatePresent {
			t.Errorf("LUN %d is %s", i, w.watched[i].state)
		}
	}
	w.Watch(nil)
}
