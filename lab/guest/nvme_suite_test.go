//go:build lab

package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lunguard/nvme"
	"lunguard/nvme/nvmetest"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/pr/pathtest"
	"lunguard/probe"
)

// suiteControllers are the controllers of the suites, by the names of nvmetest.
func suiteControllers() []string { return []string{"A", "A2", "B", "C"} }

// suiteBlock is the block size of namespaces on files.
const suiteBlock = 4096

// suiteBench is a namespace of Linux's target with three hosts, each of which has disks
// of its own: this kernel joins no paths.
type suiteBench struct {
	disks   map[string]string // by the controller's name
	devices map[string]*nvme.Device
}

// newSuiteBench makes it.
func newSuiteBench(t *testing.T) *suiteBench {
	t.Helper()
	if _, err := makeSubsystem(suiteNQN, 1); err != nil {
		t.Fatal(err)
	}
	b := &suiteBench{disks: map[string]string{}, devices: map[string]*nvme.Device{}}
	for i, name := range suiteControllers() {
		address := fmt.Sprintf("127.0.1.%d", i+1)
		if err := openNVMePort(fmt.Sprint(i+1), address, suiteNQN); err != nil {
			t.Fatal(err)
		}
		b.disks[name] = connectDisk(t, address, nvmeHostID(name[:1]))
		d, err := nvme.Open(b.disks[name])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		b.devices[name] = d
	}
	return b
}

// connectDisk connects a host to the suite's namespace and returns its disk.
func connectDisk(t *testing.T, address, hostid string) string {
	t.Helper()
	controller, err := connectNVMe(suiteNQN, address, hostid)
	if err != nil {
		t.Fatal(err)
	}
	disk := "/dev/" + controller + "n1"
	if err := waitDisk(disk); err != nil {
		t.Fatal(err)
	}
	return disk
}

// clear leaves nobody registered.
func (b *suiteBench) clear(t *testing.T) {
	t.Helper()
	for _, req := range []*nvme.Request{
		(&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: true, New: 99}).Encode(),
		(&nvme.Releasing{Action: nvme.Clear, Current: 99}).Encode(),
	} {
		if _, err := nvme.Exec(t.Context(), b.devices["C"], req); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range b.devices {
		for n := (&nvme.Notification{Event: 1}); n.Event != nvme.NoEvent; {
			var err error
			if n, err = nvme.ReadNotification(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// nvmeSuites runs the conformance suites on Linux's target, through the product's own
// transport, and what else it does otherwise than the standard.
func nvmeSuites(t *testing.T) error {
	if !t.Run("NVMe", func(t *testing.T) {
		b := newSuiteBench(t)
		t.Run("Conformance", func(t *testing.T) {
			nvmetest.Run(t, nvmetest.NVMet(), func(t *testing.T) *nvmetest.Bench {
				b.clear(t)
				controllers := map[string]nvme.Transport{}
				for name, d := range b.devices {
					controllers[name] = d
				}
				return &nvmetest.Bench{Controllers: controllers, BlockSize: suiteBlock}
			})
		})
		t.Run("Path", func(t *testing.T) {
			pathtest.Run(t, func(t *testing.T) *pathtest.Bench {
				b.clear(t)
				return b.paths(t)
			})
		})
		t.Run("Probe", func(t *testing.T) { nvmetProbed(t, b) })
		t.Run("Target", func(t *testing.T) { nvmetDiffers(t, b) })
	}) {
		return errors.New("the suites have failed")
	}
	return nil
}

// nvmetProbed tries Linux's target as pr_probe does, by two hosts: it is fit, and does
// otherwise just what the simulated one of that name does.
func nvmetProbed(t *testing.T, b *suiteBench) {
	b.clear(t)
	path := func(name string) probe.NamespacePath {
		return probe.NamespacePath{Name: b.disks[name], Transport: b.devices[name], Timeout: 10 * time.Second,
			Open: func() (nvme.Transport, io.Closer, error) {
				d, err := nvme.Open(b.disks[name])
				return d, d, err
			}}
	}
	second := path("B")
	trial := probe.NewNamespaceTrial(path("A"), &second, probe.Options{
		Run: 1, ID: 1, Scratch: &probe.Scratch{LBA: 7}, Now: time.Now,
		Wait: probe.Wait{Patience: 100, Pause: func(ctx context.Context) error { return ctx.Err() }},
	})
	if _, err := trial.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := trial.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%v, %s, preempt and abort under load in %v after %d writes", trial.Verdict(), trial.Quirks(), trial.Preemption, trial.Writes)
	if v := trial.Verdict(); v != probe.Fit && v != probe.FitWith {
		t.Errorf("%v: %+v", v, trial.Findings)
	}
	seen, err := simns.ParseQuirks(trial.Quirks())
	if err != nil {
		t.Fatal(err)
	}
	want := simns.NVMet()
	// How many controllers a host has is not known here, and the other one is hidden by
	// HolderPreemptsNobody.
	want.OneEntry, want.NamesakesStay = false, false
	if seen != want {
		t.Errorf("it does otherwise: %v; the simulated one: %v", seen, want)
	}
}

// paths are those of the three hosts.
func (b *suiteBench) paths(t *testing.T) *pathtest.Bench {
	t.Helper()
	bench := &pathtest.Bench{Traits: pathtest.Traits{SecondConflicts: true, HolderPreemptsNobody: true}}
	var transports [3]nvme.Transport
	for i, name := range []string{"A", "B", "C"} {
		transports[i] = &nvme.Retry{Transport: b.devices[name]}
		id, err := nvme.ReadHostID(t.Context(), transports[i])
		if err != nil {
			t.Fatal(err)
		}
		bench.Paths[i] = nvme.NewUnit(b.disks[name], transports[i]).WithIdentity(func() pr.Identity { return id.Identity() })
	}
	bench.Write = func(ctx context.Context, path int) error {
		_, err := nvme.Exec(ctx, transports[path], &nvme.Request{Opcode: nvme.OpWrite, Data: make([]byte, suiteBlock)})
		return err
	}
	return bench
}

// nvmetDiffers checks what Linux's target does otherwise beyond what one command can
// show; it fails where that no longer holds.
func nvmetDiffers(t *testing.T, b *suiteBench) {
	b.clear(t)
	ctx, a := t.Context(), b.devices["A"]
	register := func(d *nvme.Device, key pr.Key) {
		t.Helper()
		if _, err := nvme.Exec(ctx, d, (&nvme.Register{Action: nvme.ReplaceKey, IgnoreKey: true, New: key}).Encode()); err != nil {
			t.Fatal(err)
		}
	}
	report := func(d *nvme.Device) *nvme.Report {
		t.Helper()
		r, err := nvme.ReadReport(ctx, d, nvme.ExtendedReport)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	namespaceDir := filepath.Join(nvmetFS, "subsystems", suiteNQN, "namespaces/1")
	for _, row := range []struct {
		name string
		see  func() string
		want string
	}{
		{"a host by two controllers is one entry, with none of them", func() string {
			register(a, 1)
			register(b.devices["A2"], 1)
			r := report(a)
			return fmt.Sprintf("%d entries, controller %04Xh", len(r.Entries), r.Entries[0].Controller)
		}, "1 entries, controller FFFFh"},
		{"a report of host identifiers of 8 bytes", func() string {
			_, err := nvme.ReadReport(ctx, a, nvme.ShortReport)
			return fmt.Sprint(errors.Is(err, nvme.ErrOtherFormat))
		}, "true"},
		{"nothing is kept through a restart", func() string {
			n, err := nvme.IdentifyNamespace(ctx, a)
			if err != nil {
				return err.Error()
			}
			return fmt.Sprint(n.Reserves.Persists(), " ", report(a).Persisting)
		}, "false false"},
		{"two who state no host identifier are one host", func() string {
			const none = "00000000-0000-0000-0000-000000000000"
			d, err := nvme.Open(connectDisk(t, "127.0.1.1", none))
			if err != nil {
				return err.Error()
			}
			defer d.Close()
			id, err := nvme.ReadHostID(ctx, d)
			return fmt.Sprint(id, " ", err)
		}, "00000000-0000-0000-0000-000000000000 <nil>"},
		{"without reservations the controller says that it has them", func() string {
			if err := errors.Join(writeAttr(filepath.Join(namespaceDir, "enable"), "0"), writeAttr(filepath.Join(namespaceDir, "resv_enable"), "0"),
				writeAttr(filepath.Join(namespaceDir, "enable"), "1")); err != nil {
				return err.Error()
			}
			d, n := b.again(t, "A", func(n *nvme.Namespace) bool { return n.Reserves == 0 })
			c, err := nvme.IdentifyController(ctx, d)
			if err != nil {
				return err.Error()
			}
			_, err = nvme.ReadReport(ctx, d, nvme.ExtendedReport)
			return fmt.Sprintf("%t, RESCAP %02Xh, %v", c.Reservations, uint8(n.Reserves), nvme.StatusOf(err))
		}, "true, RESCAP 00h, Invalid Command Opcode"},
		{"who restarts the target lifts every fence", func() string {
			if err := errors.Join(writeAttr(filepath.Join(namespaceDir, "enable"), "0"), writeAttr(filepath.Join(namespaceDir, "resv_enable"), "1"),
				writeAttr(filepath.Join(namespaceDir, "enable"), "1")); err != nil {
				return err.Error()
			}
			reserves := func(n *nvme.Namespace) bool { return n.Reserves != 0 }
			d, _ := b.again(t, "B", reserves)
			register(d, 7)
			before := len(report(d).Entries)
			if err := errors.Join(writeAttr(filepath.Join(namespaceDir, "enable"), "0"), writeAttr(filepath.Join(namespaceDir, "enable"), "1")); err != nil {
				return err.Error()
			}
			d, _ = b.again(t, "B", reserves)
			r := report(d)
			return fmt.Sprintf("%d before, %d after, generation %d", before, len(r.Entries), r.Generation)
		}, "1 before, 0 after, generation 0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.see(); got != row.want {
				t.Errorf("%s, expected %s", got, row.want)
			}
		})
	}
}

// again waits until a host sees the namespace as it is to be, after it was gone, and opens
// it. Its disk may have another name.
func (b *suiteBench) again(t *testing.T, name string, is func(*nvme.Namespace) bool) (*nvme.Device, *nvme.Namespace) {
	t.Helper()
	controller, _, _ := strings.Cut(strings.TrimPrefix(b.disks[name], "/dev/nvme"), "n")
	for deadline := time.Now().Add(diskTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		found, err := filepath.Glob("/dev/nvme" + controller + "n*")
		if err != nil {
			t.Fatal(err)
		}
		for _, disk := range found {
			d, err := nvme.Open(disk)
			if err != nil {
				continue
			}
			if n, err := nvme.IdentifyNamespace(t.Context(), d); err == nil && is(n) {
				t.Cleanup(func() {
					if err := d.Close(); err != nil {
						t.Error(err)
					}
				})
				return d, n
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatalf("%s does not see the namespace as it is", name)
	return nil, nil
}
