package own

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// simWord is the word behind lunguard that makes and pokes simulated arrays.
const simWord = "sim"

const simUsage = `
usage: lunguard sim create DIR [--nodes A,B] [--luns N] [--namespaces N] [--nvme]
                               [--paths N] [--blocks N]
       lunguard sim vgextend DIR VG DEVICE...
       lunguard sim show [--json] DIR
       lunguard sim power-cycle DIR
       lunguard sim quirks LUN-FILE LIST
       lunguard sim faults LUN-FILE PLAN
   on a host, chosen by --sim DIR/NODE or $LUNGUARD_SIM:
       lunguard sim write DEVICE BLOCK TEXT
       lunguard sim read DEVICE BLOCK
       lunguard sim fail-path DEVICE
       lunguard sim restore-path DEVICE
       lunguard sim reset DEVICE

  create        make DIR/array with LUNs and a directory for each node, which is
                a host with device files; DIR/NODE/dev/sda is its /dev/sda.
                With --namespaces there are NVMe namespaces besides, such as
                /dev/nvme0n1, with --nvme all LUNs are namespaces
  vgextend      add volumes to a volume group, on every host; makes the group
  show          list the LUNs with their keys and reservations; with --json for a
                program, see json.md
  power-cycle   cut the power of the array and bring it back
  quirks        make a LUN err as some devices do (none: as the standard says)
  faults        answer certain commands wrongly, as in prout.register@2:busy
  write, read   one block, as the host
  fail-path     cut a path of the host; restore-path mends it
  reset         reset a LUN

exit status: 0 done; 1 failed; 2 the device failed, or refused as reserved`

// Sim is the applet behind lunguard sim.
func Sim() *front.Applet {
	return &front.Applet{
		Name: simWord, Summary: "make and poke a simulated array", Usage: simUsage,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "nodes", Value: "node1,node2"},
			&cli.StringFlag{Name: "luns", Value: "2"}, &cli.StringFlag{Name: "paths", Value: "1"},
			&cli.StringFlag{Name: "namespaces", Value: "0"}, &cli.BoolFlag{Name: "nvme"},
			&cli.StringFlag{Name: "blocks", Value: "2048"}, front.SimFlag(), front.JSONFlag(),
		},
		Operands: completeSim,
		Run:      runSim,
	}
}

// simTask is one word of lunguard sim.
type simTask struct {
	word string
	// operands are how many it takes; more says that the last may repeat.
	operands int
	more     bool
	run      func(c *front.Call, ops []string) error
}

func simTasks() []simTask {
	return []simTask{
		{"create", 1, false, simCreate},
		{"vgextend", 3, true, simExtend},
		{"show", 1, false, simShow},
		{"power-cycle", 1, false, simPower},
		{"quirks", 2, false, simQuirks},
		{"faults", 2, false, simFaults},
		{"write", 3, false, simWrite},
		{"read", 2, false, simRead},
		{"fail-path", 1, false, func(c *front.Call, ops []string) error { return simPath(c, ops[0], true) }},
		{"restore-path", 1, false, func(c *front.Call, ops []string) error { return simPath(c, ops[0], false) }},
		{"reset", 1, false, simReset},
	}
}

func runSim(c *front.Call) error {
	ops := c.Operands()
	if len(ops) == 0 {
		return front.Usagef("a word is missing: %s", simWords())
	}
	if c.Flags.Bool(front.JSONOption) && ops[0] != "show" {
		return front.Usagef("--json goes with show")
	}
	for _, t := range simTasks() {
		if t.word != ops[0] {
			continue
		}
		if ops = ops[1:]; len(ops) < t.operands || len(ops) > t.operands && !t.more {
			return front.Usagef("%s: %s expected, not %d", t.word, words.Plural(t.operands, "operand"), len(ops))
		}
		return t.run(c, ops)
	}
	return front.NotAmong(ops[0], strings.Split(simWords(), ", "), "%s: unknown; there are %s", ops[0], simWords())
}

func simWords() string {
	var names []string
	for _, t := range simTasks() {
		names = append(names, t.word)
	}
	return strings.Join(names, ", ")
}

// completeSim offers the words of lunguard sim, and what stands behind each.
func completeSim(l *front.Completion, word string) []front.Suggestion {
	if len(l.Operands) == 0 {
		var list []front.Suggestion
		for _, t := range simTasks() {
			list = append(list, front.Suggestion{Word: t.word})
		}
		return list
	}
	switch l.Operands[0] {
	case "write", "read", "fail-path", "restore-path", "reset":
		if len(l.Operands) == 1 {
			return session.CompleteDisks(l, word)
		}
	case "create", "vgextend", "show", "power-cycle":
		if len(l.Operands) == 1 {
			return front.WordList(front.ShellDirs)
		}
	case "quirks", "faults":
		if len(l.Operands) == 1 {
			return front.WordList(front.ShellFiles)
		}
	}
	return nil
}

func countOf(c *front.Call, flag string, least int) (int, error) {
	n, err := strconv.Atoi(c.Flags.String(flag))
	if err != nil || n < least {
		return 0, front.Usagef("--%s %s: a number from %d on was expected", flag, c.Flags.String(flag), least)
	}
	return n, nil
}

func simCreate(c *front.Call, ops []string) error {
	namespaces, err := countOf(c, "namespaces", 0)
	if err != nil {
		return err
	}
	luns, err := countOf(c, "luns", max(0, 1-namespaces))
	if err != nil {
		return err
	}
	if c.Flags.Bool("nvme") {
		luns, namespaces = 0, luns+namespaces
	}
	paths, err := countOf(c, "paths", 1)
	if err != nil {
		return err
	}
	blocks, err := countOf(c, "blocks", 1)
	if err != nil {
		return err
	}
	_, err = simhost.CreateArray(ops[0], simhost.Spec{
		Nodes: strings.Split(c.Flags.String("nodes"), ","), LUNs: luns, Namespaces: namespaces, Paths: paths,
		LUN: simlun.Config{Blocks: uint64(blocks)},
	})
	return err
}

func simExtend(_ *front.Call, ops []string) error {
	a, err := simhost.OpenArray(ops[0])
	if err != nil {
		return err
	}
	return a.Extend(ops[1], ops[2:])
}

// forLUNs runs f on each LUN of the array in dir.
func forLUNs(dir string, f func(file string) error) error {
	return forFiles(dir, (*simhost.Array).LUNs, f)
}

// forFiles runs f on each file that a list of the array in dir has.
func forFiles(dir string, list func(*simhost.Array) ([]string, error), f func(file string) error) error {
	a, err := simhost.OpenArray(dir)
	if err != nil {
		return err
	}
	files, err := list(a)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := f(file); err != nil {
			return err
		}
	}
	return nil
}

func simPower(_ *front.Call, ops []string) error {
	return errors.Join(forLUNs(ops[0], simlun.PowerCycle), forNamespaces(ops[0], simns.PowerCycle))
}

func simShow(c *front.Call, ops []string) error {
	if c.Flags.Bool(front.JSONOption) {
		return simDocument(c, ops[0])
	}
	var lines []front.LUNLine
	err := forLUNs(ops[0], func(file string) error {
		d, err := simlun.Describe(file)
		if err != nil {
			return err
		}
		state := &pr.State{Identified: true}
		for _, r := range d.Registrations {
			state.Registrations = append(state.Registrations, pr.Registration{Key: r.Key, Holder: r.Holder})
			if r.Holder {
				state.Reservation = &pr.Reservation{Key: r.Key, Type: d.Type}
			}
		}
		if d.Type.AllRegistrants() {
			state.Reservation = &pr.Reservation{Type: d.Type}
		}
		lines = append(lines, simLine(file, d.Config.WWID, d.Config.Blocks*uint64(d.Config.BlockSize), state))
		return nil
	})
	if err == nil {
		err = forNamespaces(ops[0], func(file string) error {
			l, err := namespaceLine(file)
			lines = append(lines, l)
			return err
		})
	}
	return errors.Join(front.PrintLUNs(c.Out, lines), err)
}

// simLine is a LUN as pr_list shows it. An array has no paths of its own.
func simLine(file, wwid string, size uint64, s *pr.State) front.LUNLine {
	l := front.LUNLine{LUN: file, WWID: wwid, Size: front.Size(size), State: front.Standing(len(s.Registrations), s.Reservation != nil)}
	for _, k := range s.Keys() {
		holds := ""
		if s.HeldBy(k) {
			holds = s.Reservation.Type.String()
		}
		l.Keys = append(l.Keys, front.KeyLine(k.String(), s.Count(k), holds, words.LooksLike(k)))
	}
	return l
}

// simmedLUN is a LUN in the answer for programs.
type simmedLUN struct {
	LUN           string               `json:"lun"`
	WWID          string               `json:"wwid"`
	Generation    uint32               `json:"generation"`
	Type          *string              `json:"type"`
	Registrations []simmedRegistration `json:"registrations"`
}

type simmedRegistration struct {
	Key    string `json:"key"`
	Holder bool   `json:"holder"`
	Nexus  string `json:"nexus"`
}

// simDocument is simShow for programs.
func simDocument(c *front.Call, dir string) error {
	list := []simmedLUN{}
	err := forLUNs(dir, func(file string) error {
		d, err := simlun.Describe(file)
		if err != nil {
			return err
		}
		l := simmedLUN{LUN: file, WWID: d.Config.WWID, Generation: d.Generation, Registrations: []simmedRegistration{}}
		if d.Type != 0 {
			name := d.Type.String()
			l.Type = &name
		}
		for _, r := range d.Registrations {
			l.Registrations = append(l.Registrations, simmedRegistration{r.Key.String(), r.Holder, r.Nexus.String()})
		}
		list = append(list, l)
		return nil
	})
	if err == nil {
		err = forNamespaces(dir, func(file string) error {
			l, err := simmedNamespace(file)
			list = append(list, l)
			return err
		})
	}
	if err == nil {
		c.Document = front.Tree{"luns": list}
	}
	return err
}

func simQuirks(_ *front.Call, ops []string) error {
	if isNamespace(ops[0]) {
		return namespaceQuirks(ops)
	}
	q, err := simlun.ParseQuirks(strings.TrimPrefix(ops[1], "none"))
	if err != nil {
		return front.Usagef("%v", err)
	}
	return simlun.SetQuirks(ops[0], q)
}

func simFaults(_ *front.Call, ops []string) error {
	if isNamespace(ops[0]) {
		return errNotOfNamespaces
	}
	p, err := simlun.ParsePlan(strings.TrimPrefix(ops[1], "none"))
	if err != nil {
		return front.Usagef("%v", err)
	}
	return simlun.SetFaults(ops[0], p)
}

// chosenHost is the simulated host that was chosen.
func chosenHost(c *front.Call) (*simhost.Host, error) {
	host, err := session.OpenHost(c)
	if err != nil {
		return nil, err
	}
	h, ok := host.(*simhost.Host)
	if !ok {
		return nil, front.Usagef("a simulated host is missing: --sim DIR/NODE, or %s", front.SimVariable)
	}
	return h, nil
}

func simPath(c *front.Call, device string, failed bool) error {
	h, err := chosenHost(c)
	if err != nil {
		return err
	}
	if done, err := failNamespace(h, device, failed); done || err != nil {
		return err
	}
	lun, nexus, err := h.Nexus(device)
	if err != nil {
		return err
	}
	return simlun.FailPath(lun, nexus, failed)
}

func simReset(c *front.Call, ops []string) error {
	h, err := chosenHost(c)
	if err != nil {
		return err
	}
	if _, _, is, err := h.Namespace(ops[0]); is || err != nil {
		return errors.Join(err, errNotOfNamespaces)
	}
	lun, _, err := h.Nexus(ops[0])
	if err != nil {
		return err
	}
	return simlun.ResetLU(lun)
}

// block is one that is written and read as a host does.
type block interface {
	size(ctx context.Context) (int, error)
	write(ctx context.Context, lba uint32, data []byte) error
	read(ctx context.Context, lba uint32, data []byte) error
	io.Closer
}

// scsiBlock is that of a SCSI LUN.
type scsiBlock struct {
	// As a block layer does, whatever attention is pending is passed over.
	scsi.Retry
	io.Closer
}

func (b *scsiBlock) size(ctx context.Context) (int, error) {
	c, err := scsi.ReadCapacity{}.Execute(ctx, &b.Retry)
	if err != nil {
		return 0, err
	}
	return int(c.BlockSize), nil
}

func (b *scsiBlock) write(ctx context.Context, lba uint32, data []byte) error {
	return scsi.Write{LBA: lba, BlockSize: len(data), Data: data}.Execute(ctx, &b.Retry)
}

func (b *scsiBlock) read(ctx context.Context, lba uint32, data []byte) error {
	got, err := scsi.Read{LBA: lba, Blocks: 1, BlockSize: len(data)}.Execute(ctx, &b.Retry)
	copy(data, got)
	return err
}

// openBlocks opens a device's first path.
func openBlocks(h *simhost.Host, device string) (block, error) {
	d, err := h.Disk(device)
	if err != nil {
		return nil, err
	}
	if d.Paths[0].Namespace {
		return openNamespaceBlocks(h, d.Paths[0])
	}
	p, err := h.Open(d.Paths[0])
	if err != nil {
		return nil, err
	}
	return &scsiBlock{scsi.Retry{Transport: p, AfterStateChange: true}, p}, nil
}

// onBlock opens a device and runs f with a buffer of the size of a block.
func onBlock(c *front.Call, device, number string, f func(b block, lba uint32, data []byte) error) error {
	lba, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return front.Usagef("%q: the number of a block was expected", number)
	}
	h, err := chosenHost(c)
	if err != nil {
		return err
	}
	b, err := openBlocks(h, device)
	if err != nil {
		return err
	}
	defer b.Close()
	size, err := b.size(c.Ctx)
	if err == nil {
		err = f(b, uint32(lba), make([]byte, size))
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, pr.ErrReservationConflict) {
		err = errors.New("refused, the LUN is reserved (RESERVATION CONFLICT)")
	}
	return &vg.DeviceError{Device: device, Err: err}
}

func simWrite(c *front.Call, ops []string) error {
	return onBlock(c, ops[0], ops[1], func(b block, lba uint32, data []byte) error {
		if len(ops[2]) > len(data) {
			return front.Usagef("%d bytes do not fit into a block of %d", len(ops[2]), len(data))
		}
		copy(data, ops[2])
		if err := b.write(c.Ctx, lba, data); err != nil {
			return err
		}
		c.Printf("%s: block %d written\n", ops[0], lba)
		return nil
	})
}

func simRead(c *front.Call, ops []string) error {
	return onBlock(c, ops[0], ops[1], func(b block, lba uint32, data []byte) error {
		if err := b.read(c.Ctx, lba, data); err != nil {
			return err
		}
		c.Printf("%s: block %d: %q\n", ops[0], lba, strings.TrimRight(string(data), "\x00"))
		return nil
	})
}
