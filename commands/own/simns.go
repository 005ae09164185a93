package own

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/statefile"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// errNotOfNamespaces says that a word is for SCSI LUNs.
var errNotOfNamespaces = errors.New("an NVMe namespace has none of this: it is for SCSI LUNs")

// isNamespace reports whether a file is that of a simulated namespace.
func isNamespace(file string) bool { return statefile.Is(file, simns.Magic) }

// forNamespaces runs f on each namespace of the array in dir.
func forNamespaces(dir string, f func(file string) error) error {
	return forFiles(dir, (*simhost.Array).Namespaces, f)
}

// simmedNamespace is a namespace in the answer for programs: its nexuses are hosts.
func simmedNamespace(file string) (simmedLUN, error) {
	d, err := simns.Describe(file)
	if err != nil {
		return simmedLUN{}, err
	}
	l := simmedLUN{LUN: file, WWID: d.Config.Names.WWIDs()[0], Generation: d.Report.Generation, Registrations: []simmedRegistration{}}
	typ := d.Report.Type.Common()
	if typ != 0 {
		name := typ.String()
		l.Type = &name
	}
	for _, e := range d.Report.Entries {
		r := simmedRegistration{e.Key.String(), e.Holder || typ.AllRegistrants(), e.Host.String()}
		if !slices.Contains(l.Registrations, r) {
			l.Registrations = append(l.Registrations, r)
		}
	}
	return l, nil
}

// namespaceLine is a namespace in the table.
func namespaceLine(file string) (front.LUNLine, error) {
	d, err := simns.Describe(file)
	if err != nil {
		return front.LUNLine{}, err
	}
	state, err := d.Report.State()
	if err != nil {
		// Key 0, which no state has.
		l := simLine(file, d.Config.Names.WWIDs()[0], d.Config.Blocks*uint64(d.Config.BlockSize), &pr.State{})
		l.State, l.Trouble = words.Unknown, err.Error()
		return l, nil
	}
	return simLine(file, d.Config.Names.WWIDs()[0], d.Config.Blocks*uint64(d.Config.BlockSize), state), nil
}

func namespaceQuirks(ops []string) error {
	q, err := simns.ParseQuirks(strings.TrimPrefix(ops[1], "none"))
	if err != nil {
		return front.Usagef("%v", err)
	}
	return simns.SetQuirks(ops[0], q)
}

// failNamespace cuts all controllers of the host from a namespace, or mends them; not
// done if the device is none.
func failNamespace(h *simhost.Host, device string, failed bool) (done bool, err error) {
	file, controllers, is, err := h.Namespace(device)
	if err != nil || !is {
		return false, err
	}
	for _, c := range controllers {
		if err := simns.FailController(file, c.ID, failed); err != nil {
			return false, err
		}
	}
	return true, nil
}

// namespaceBlock is a block of a namespace.
type namespaceBlock struct {
	nvme.Retry
	io.Closer
}

func openNamespaceBlocks(h *simhost.Host, path vg.Device) (block, error) {
	p, err := h.OpenNamespace(path)
	if err != nil {
		return nil, err
	}
	return &namespaceBlock{nvme.Retry{Transport: p}, p}, nil
}

func (b *namespaceBlock) size(ctx context.Context) (int, error) {
	n, err := nvme.IdentifyNamespace(ctx, &b.Retry)
	if err != nil {
		return 0, err
	}
	return int(n.BlockSize), nil
}

func (b *namespaceBlock) write(ctx context.Context, lba uint32, data []byte) error {
	_, err := nvme.Exec(ctx, &b.Retry, &nvme.Request{Opcode: nvme.OpWrite, Words: [6]uint32{lba}, Data: data})
	return err
}

func (b *namespaceBlock) read(ctx context.Context, lba uint32, data []byte) error {
	_, err := nvme.Exec(ctx, &b.Retry, &nvme.Request{Opcode: nvme.OpRead, Words: [6]uint32{lba}, Data: data})
	return err
}
