package sgpersist

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/commands/front"
	"lunguard/commands/testdata/sg_persist/golden"
	"lunguard/scsi"
	"lunguard/vg"
)

// TestSGPersistGolden holds our sg_persist against what was recorded from the
// original, byte for byte.
func TestSGPersistGolden(t *testing.T) {
	names, err := filepath.Glob("../testdata/sg_persist/*.golden")
	if err != nil || len(names) == 0 {
		t.Fatal("no case files", err)
	}
	// Read before runGolden goes elsewhere.
	files := make([]*golden.File, len(names))
	for i, name := range names {
		if files[i], err = golden.Read(name); err != nil {
			t.Fatal(err)
		}
	}
	var usage golden.Usage
	for i, option := range []string{"-h", "-hh"} {
		usage[i] = runGolden(t, &golden.Case{Args: []string{option}}).Stderr
	}
	for i, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(names[i]), ".golden"), func(t *testing.T) {
			for _, c := range file.Cases {
				t.Run(c.Name, func(t *testing.T) { testGolden(t, usage, c) })
			}
		})
	}
}

func testGolden(t *testing.T, usage golden.Usage, c *golden.Case) {
	if err := c.Check(); err != nil {
		t.Error("the case itself:", err)
	}
	got := runGolden(t, c)
	got.Stderr = usage.Normal(got.Stderr)
	if diff := cmp.Diff(c.Wanted(), got); diff != "" {
		args, _ := c.Calls()
		t.Errorf("sg_persist %q (-want +got):\n%s", args, diff)
	}
}

// runGolden runs ours in a folder of its own.
func runGolden(t *testing.T, c *golden.Case) golden.Outcome {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range c.Files {
		if err := os.WriteFile(f.Name, []byte(f.Text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args, script := c.Calls()
	host := &goldenHost{t: t, script: script}
	var stdout, stderr bytes.Buffer
	streams := front.Streams{In: strings.NewReader(c.Stdin), Out: &stdout, Err: &stderr}
	status := appletOn(host.open).Invoke(t.Context(), streams, goldenEnv(c.Env), args)
	if host.isOpen != 0 {
		t.Errorf("%d devices were left open", host.isOpen)
	}
	return golden.Outcome{Wire: host.wire, Stdout: stdout.String(), Stderr: stderr.String(), Exit: status}
}

func goldenEnv(env []string) func(string) string {
	return func(name string) string {
		for _, line := range env {
			if value, ok := strings.CutPrefix(line, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// goldenHost has the made-up devices of one case.
type goldenHost struct {
	t      *testing.T
	script *golden.Script
	// opens, inquiries and answers count what was used of the script.
	opens, inquiries, answers, isOpen int

	wire []string
}

func (h *goldenHost) open(path string, readOnly bool) (vg.Path, error) {
	h.wire = append(h.wire, golden.OpenLine(path, readOnly))
	var err syscall.Errno
	if h.opens < len(h.script.Opens) {
		err = h.script.Opens[h.opens]
	}
	h.opens++
	if err != 0 {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h.isOpen++
	return &goldenDevice{host: h, path: path}, nil
}

type goldenDevice struct {
	host *goldenHost
	path string
}

func (d *goldenDevice) Close() error {
	d.host.isOpen--
	return nil
}

// Do answers from the script as the kernel would.
func (d *goldenDevice) Do(_ context.Context, req *scsi.Request) (scsi.Reply, error) {
	h, in := d.host, req.Dir == scsi.DataIn
	var out []byte
	if req.Dir == scsi.DataOut {
		out = req.Data
	}
	h.wire = append(h.wire, golden.CommandLines(req.CDB, out)...)
	a := d.next(req)
	if a.Errno != 0 {
		return scsi.Reply{}, &os.PathError{Op: "SG_IO", Path: d.path, Err: a.Errno}
	}
	reply := scsi.Reply{
		Status: scsi.Status(a.Status), Host: scsi.HostStatus(a.Host), Driver: scsi.DriverStatus(a.Driver),
		Sense: bytes.Clone(a.Sense),
	}
	if in {
		copy(req.Data, a.Data)
		reply.Resid = a.Given(len(req.Data))
		d.checkRoom(req)
	}
	return reply, nil
}

func (d *goldenDevice) next(req *scsi.Request) golden.Answer {
	h := d.host
	if req.Opcode() == scsi.OpInquiry {
		h.inquiries++
		return h.script.Inquiry(h.inquiries - 1)
	}
	a, ok := h.script.Answer(h.answers, req.Dir == scsi.DataIn)
	h.answers++
	if !ok {
		h.t.Errorf("one command too many: % x", req.CDB)
		a.Errno = syscall.EIO
	}
	return a
}

// checkRoom compares the buffer with what the command says of it.
func (d *goldenDevice) checkRoom(req *scsi.Request) {
	room := int(req.CDB[4])
	if req.Opcode() == scsi.OpPRIn {
		room = int(binary.BigEndian.Uint16(req.CDB[7:]))
	}
	if room != len(req.Data) {
		d.host.t.Errorf("a buffer of %d bytes for % x", len(req.Data), req.CDB)
	}
}
