package probe_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"lunguard/nvme"
	"lunguard/pr"
	"lunguard/probe"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// life is how many commands a host still sends before it dies.
type life struct{ left atomic.Int64 }

func (l *life) dead() bool { return l.left.Add(-1) < 0 }

// mortalLUN and mortalNS are paths of such a host, and all that it opens.
type mortalLUN struct {
	scsi.Transport
	*life
}

func (m mortalLUN) Do(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
	if m.dead() {
		return scsi.Reply{}, errDead
	}
	return m.Transport.Do(ctx, req)
}

type mortalNS struct {
	nvme.Transport
	*life
}

func (m mortalNS) Do(ctx context.Context, req *nvme.Request) (nvme.Reply, error) {
	if m.dead() {
		return nvme.Reply{}, errDead
	}
	return m.Transport.Do(ctx, req)
}

// notebook is a host's memory. A host that is dead writes nothing.
type notebook struct {
	kept *probe.Held
	host *life
}

func (n *notebook) memory() *probe.Memory {
	set := func(k *probe.Held) error {
		if n.host.left.Load() <= 0 {
			return errDead
		}
		n.kept = k
		return nil
	}
	return &probe.Memory{Left: n.kept, Save: func(k probe.Held) error { return set(&k) }, Forget: func() error { return set(nil) }}
}

// trialOf tries a device by a host with two initiators, which sends so many commands, and
// blockOf is block 100 of it, to be read and written while nothing is reserved.
type trialOf func(o probe.Options, h *life) (*probe.Report, error)

type blockOf struct {
	read  func() []byte
	write func([]byte)
}

func scratchLUN(t *testing.T) (trialOf, blockOf, *simlun.LUN) {
	// The search for a limit takes hundreds of commands that write nothing.
	lun := newLUN(t, "NoSpecIPT")
	admin := &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(9), 1), AfterStateChange: true}
	path := func(h *life, name string, isid uint64, port uint16) probe.LUNPath {
		p := pathOf(lun, name, scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", isid), port)
		nexus := mortalLUN{p.Transport, h}
		p.Transport, p.Open = nexus, func() (scsi.Transport, io.Closer, error) { return nexus, nothing{}, nil }
		return p
	}
	try := func(o probe.Options, h *life) (*probe.Report, error) {
		second := path(h, "/dev/sdb", 2, 2)
		trial := probe.NewLUNTrial(path(h, "/dev/sda", 1, 1), &second, o)
		state, err := trial.Look(t.Context())
		if err == nil && state != nil {
			err = trial.Run(t.Context())
		}
		return &trial.Report, err
	}
	return try, blockOf{
		read: func() []byte {
			b, err := scsi.Read{LBA: 100, Blocks: 1, BlockSize: 512}.Execute(t.Context(), admin)
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
		write: func(b []byte) {
			if err := (scsi.Write{LBA: 100, BlockSize: 512, Data: b}).Execute(t.Context(), admin); err != nil {
				t.Fatal(err)
			}
		},
	}, lun
}

func scratchNamespace(t *testing.T) (trialOf, blockOf) {
	ns := newNamespace(t, "")
	admin := hostPath(t, ns, 9).Transport
	send := func(op nvme.Opcode, b []byte) []byte {
		if _, err := nvme.Exec(t.Context(), admin, &nvme.Request{Opcode: op, Words: [6]uint32{100}, Data: b}); err != nil {
			t.Fatal(err)
		}
		return b
	}
	path := func(h *life, n int) probe.NamespacePath {
		p := hostPath(t, ns, n)
		host := mortalNS{p.Transport, h}
		p.Transport, p.Open = host, func() (nvme.Transport, io.Closer, error) { return host, nothing{}, nil }
		return p
	}
	try := func(o probe.Options, h *life) (*probe.Report, error) {
		second := path(h, 2)
		trial := probe.NewNamespaceTrial(path(h, 1), &second, o)
		state, err := trial.Look(t.Context())
		if err == nil && state != nil {
			err = trial.Run(t.Context())
		}
		return &trial.Report, err
	}
	return try, blockOf{
		read:  func() []byte { return send(nvme.OpRead, make([]byte, 512)) },
		write: func(b []byte) { send(nvme.OpWrite, b) },
	}
}

// alive is a host that lives.
func alive() *life {
	h := &life{}
	h.left.Store(1 << 40)
	return h
}

// more says how many commands a test of all of them leaves out if it is to be short.
func more() int64 {
	if testing.Short() {
		return 400
	}
	return 0
}

// TestScratchOfKilled kills a host behind each command of a run that writes a block which
// was not empty. Another host takes it for what it is, and leaves it; a run on the same host,
// which was told of no block, restores it.
func TestScratchOfKilled(t *testing.T) {
	precious := bytes.Repeat([]byte("precious"), 64)
	for name, make := range map[string]func(*testing.T) (trialOf, blockOf){
		"LUN":       func(t *testing.T) (trialOf, blockOf) { try, block, _ := scratchLUN(t); return try, block },
		"namespace": scratchNamespace,
	} {
		t.Run(name, func(t *testing.T) {
			restored := 0
			for commands := int64(1); ; commands += 37 + more() {
				try, block := make(t)
				block.write(precious)
				host := &life{}
				host.left.Store(commands)
				book := &notebook{host: host}
				o := options()
				o.Scratch, o.Memory = &probe.Scratch{LBA: 100, Anything: true}, book.memory()
				_, err := try(o, host)
				if err == nil {
					break
				}
				book.host = alive()
				o = options()
				o.Memory = (&notebook{host: alive()}).memory()
				if _, err := try(o, alive()); !errors.Is(err, probe.ErrScratchInUse) && !errors.Is(err, probe.ErrScratchElsewhere) {
					t.Fatalf("killed after %d commands, on another host: %v", commands, err)
				}
				o = options()
				o.Scratch, o.Memory = nil, book.memory()
				r, err := try(o, alive())
				if err != nil {
					t.Fatalf("killed after %d commands, then: %v", commands, err)
				}
				if r.Left != nil {
					restored++
				}
				if got := block.read(); !bytes.Equal(got, precious) || book.kept != nil {
					t.Fatalf("killed after %d commands, then: %.60q, kept %v, %+v", commands, got, book.kept, r.Left)
				}
			}
			if restored == 0 {
				t.Error("nothing was to be restored")
			}
		})
	}
}

// What was empty is empty again, though the next run is told of no block.
func TestEmptyScratchOfKilled(t *testing.T) {
	for commands := int64(1); ; commands += 41 + more() {
		try, block, _ := scratchLUN(t)
		host := &life{}
		host.left.Store(commands)
		book := &notebook{host: host}
		o := options()
		o.Memory = book.memory()
		if _, err := try(o, host); err == nil {
			break
		}
		book.host = alive()
		o.Scratch, o.Memory = nil, book.memory()
		if _, err := try(o, alive()); err != nil {
			t.Fatalf("killed after %d commands, then: %v", commands, err)
		}
		if got := block.read(); !bytes.Equal(got, make([]byte, 512)) || book.kept != nil {
			t.Fatalf("killed after %d commands, then: %.60q, kept %v", commands, got, book.kept)
		}
	}
}

// What somebody else has written since stays.
func TestScratchWrittenSince(t *testing.T) {
	try, block, _ := scratchLUN(t)
	theirs := bytes.Repeat([]byte("theirs "), 74)[:512]
	block.write(theirs)
	book := &notebook{host: alive(), kept: &probe.Held{LBA: 100, Block: make([]byte, 512)}}
	o := options()
	o.Scratch, o.Memory = nil, book.memory()
	r, err := try(o, alive())
	if err != nil || r.Left == nil || !r.Left.Since || book.kept != nil || !bytes.Equal(block.read(), theirs) {
		t.Errorf("%v, %+v, %v, %.20q", err, r.Left, book.kept, block.read())
	}
}

// A block that cannot be kept is not written, and one that cannot be restored is told of.
func TestScratchNotKept(t *testing.T) {
	precious := bytes.Repeat([]byte("precious"), 64)
	try, block, _ := scratchLUN(t)
	block.write(precious)
	o := options()
	o.Scratch = &probe.Scratch{LBA: 100, Anything: true}
	if _, err := try(o, alive()); !errors.Is(err, probe.ErrScratchInUse) || !bytes.Equal(block.read(), precious) {
		t.Errorf("without a memory: %v", err)
	}
	full := errors.New("no space left on device")
	o.Scratch = &probe.Scratch{LBA: 100, Anything: true}
	o.Memory = &probe.Memory{Save: func(probe.Held) error { return full }, Forget: func() error { return nil }}
	if _, err := try(o, alive()); !errors.Is(err, full) || !bytes.Equal(block.read(), precious) {
		t.Errorf("with one that is full: %v", err)
	}
	// Somebody registers in the middle, or another run: what was written is restored all the
	// same.
	for _, key := range []pr.Key{0xdead, 0x1b0be5<<40 | 3<<38 | 0x155<<28 | 1} {
		disturbed(t, key)
	}
}

// disturbed has somebody register with a key in the middle.
func disturbed(t *testing.T, key pr.Key) {
	t.Helper()
	precious := bytes.Repeat([]byte("precious"), 64)
	try, block, lun := scratchLUN(t)
	block.write(precious)
	o := options()
	book := &notebook{host: alive()}
	memory := book.memory()
	save := memory.Save
	stranger := scsi.NewUnit("", &scsi.Retry{Transport: lun.Nexus(scsi.SASTransportID(8), 1), AfterStateChange: true})
	o.Scratch, o.Memory = &probe.Scratch{LBA: 100, Anything: true}, memory
	o.Say = func(c probe.Check) {
		if c == probe.Releases {
			if err := stranger.Register(t.Context(), 0, key, false); err != nil {
				t.Error(err)
			}
		}
	}
	written := false
	memory.Save = func(k probe.Held) error { written = true; return save(k) }
	if _, err := try(o, alive()); !errors.Is(err, probe.ErrDisturbed) || !written || !bytes.Equal(block.read(), precious) || book.kept != nil {
		t.Errorf("disturbed: %v, %v, %.20q, %v", err, written, block.read(), book.kept)
	}
}

// A device that says GOOD to the last write, and does not do it, is found out; what stood
// there stays kept.
func TestScratchNotRestored(t *testing.T) {
	precious := bytes.Repeat([]byte("precious"), 64)
	_, block, lun := scratchLUN(t)
	block.write(precious)
	first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 1), 1)
	second := pathOf(lun, "/dev/sdb", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 2), 2)
	on := true
	first.Transport = lunLiar{first.Transport, lun, &lunLie{match: func(req *scsi.Request) bool {
		return req.Opcode() == scsi.OpWrite10 && bytes.Equal(req.Data, precious)
	}}, false, &on}
	book := &notebook{host: alive()}
	o := options()
	o.Scratch, o.Memory = &probe.Scratch{LBA: 100, Anything: true}, book.memory()
	trial := probe.NewLUNTrial(first, &second, o)
	_, err := trial.Look(t.Context())
	if err == nil {
		err = trial.Run(t.Context())
	}
	var left *probe.ScratchError
	if !errors.As(err, &left) || left.LBA != 100 || trial.Verdict() != probe.Unknown || book.kept == nil {
		t.Errorf("%v, %v, %v", err, trial.Verdict(), book.kept)
	}
}

// A run that fails while the other initiator writes waits for those writes, and then
// restores the block.
func TestLoadEnds(t *testing.T) {
	precious := bytes.Repeat([]byte("precious"), 64)
	_, block, lun := scratchLUN(t)
	block.write(precious)
	first := pathOf(lun, "/dev/sda", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 1), 1)
	second := pathOf(lun, "/dev/sdb", scsi.ISCSIPortTransportID("iqn.2026-01.sim:one", 2), 2)
	on := false
	opened, all, open := 0, 0, second.Open
	writing := func(req *scsi.Request) bool { return opened > 0 && out(scsi.OutRegisterAndIgnoreExistingKey)(req) }
	lie := lunLie{second: true, match: writing, do: func(*simlun.LUN, scsi.Transport, *scsi.Request) (scsi.Reply, error) {
		return scsi.Reply{}, errDead
	}}
	second.Open = func() (scsi.Transport, io.Closer, error) {
		p, _, err := open()
		opened++
		all++
		return p, closerFunc(func() { opened-- }), err
	}
	second.Transport = lunLiar{second.Transport, lun, &lie, true, &on}
	book := &notebook{host: alive()}
	o := options()
	o.Scratch, o.Memory = &probe.Scratch{LBA: 100, Anything: true}, book.memory()
	o.Say = func(c probe.Check) { on = c == probe.AbortsWrites }
	trial := probe.NewLUNTrial(first, &second, o)
	_, err := trial.Look(t.Context())
	if err == nil {
		err = trial.Run(t.Context())
	}
	if !errors.Is(err, errDead) || !bytes.Equal(block.read(), precious) || book.kept != nil || opened != 0 || all == 0 {
		t.Errorf("%v, %.60q, %v, %d of %d writers", err, block.read(), book.kept, opened, all)
	}
}

// closerFunc is a Closer of a function.
type closerFunc func()

func (f closerFunc) Close() error { f(); return nil }
