package vg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/child"
)

// said is a report of lvm2 that was written down before, with what it said beside.
func said(text, warning string) report {
	return func(context.Context, ...string) (child.Answer, error) {
		return child.Answer{Out: []byte(text), Err: []byte(warning)}, nil
	}
}

// pv is one line of a report as lvm2 2.03 writes it.
func pv(name, group, uuid, missing string) string {
	return fmt.Sprintf(`{"pv_name":%q, "vg_name":%q, "vg_uuid":%q, "pv_missing":%q}`, name, group, uuid, missing)
}

func reportOf(pvs ...string) string {
	return "  {\n      \"report\": [\n          {\n              \"pv\": [\n                  " +
		strings.Join(pvs, ",\n                  ") + "\n              ]\n          }\n      ]\n      ,\n      \"log\": [\n      ]\n  }\n"
}

// A volume group is found with all its volumes or not at all: a volume that is
// left out would stay unprotected.
func TestGroupFromLVM(t *testing.T) {
	const u1, u2 = "k3Vq5t-aaaa-0000-1111-2222-3333-b0Cd1e", "k3Vq5t-bbbb-0000-1111-2222-3333-b0Cd1e"
	usual := reportOf(pv("/dev/sda", "vg1", u1, ""), pv("/dev/vda2", "debian-vg", u2, ""), pv("/dev/sdb", "vg1", u1, ""), pv("/dev/sdz", "", "", ""))
	cases := map[string]struct {
		text, name string
		want       *Group
		err        error
	}{
		"several volumes":       {usual, "vg1", &Group{Name: "vg1", Volumes: []string{"/dev/sda", "/dev/sdb"}}, nil},
		"with /dev/":            {usual, "/dev/vg1", &Group{Name: "vg1", Volumes: []string{"/dev/sda", "/dev/sdb"}}, nil},
		"by UUID":               {usual, u1, &Group{Name: "vg1", Volumes: []string{"/dev/sda", "/dev/sdb"}}, nil},
		"odd name":              {usual, "debian-vg", &Group{Name: "debian-vg", Volumes: []string{"/dev/vda2"}}, nil},
		"multipath":             {reportOf(pv("/dev/mapper/mpatha", "vg1", u1, "")), "vg1", &Group{Name: "vg1", Volumes: []string{"/dev/mapper/mpatha"}}, nil},
		"not there":             {usual, "vg2", nil, ErrNoGroup},
		"prefix of a name":      {usual, "vg", nil, ErrNoGroup},
		"no name":               {usual, "", nil, ErrNoGroup},
		"/dev/ alone":           {usual, "/dev/", nil, ErrNoGroup},
		"an orphan is no group": {reportOf(pv("/dev/sda", "", "", "")), "", nil, ErrNoGroup},
		"nothing at all":        {reportOf(), "vg1", nil, ErrNoGroup},
		"no report":             {"{}", "vg1", nil, ErrNoGroup},
		"missing volume":        {reportOf(pv("/dev/sda", "vg1", u1, ""), pv("[unknown]", "vg1", u1, "missing")), "vg1", nil, ErrMissingVolume},
		"missing, still named":  {reportOf(pv("/dev/sda", "vg1", u1, "missing")), "vg1", nil, ErrMissingVolume},
		"missing, not said so":  {reportOf(pv("/dev/sda", "vg1", u1, ""), pv("unknown device", "vg1", u1, "")), "vg1", nil, ErrMissingVolume},
		"missing in another":    {reportOf(pv("/dev/sda", "vg1", u1, ""), pv("[unknown]", "vg2", u2, "missing")), "vg1", &Group{Name: "vg1", Volumes: []string{"/dev/sda"}}, nil},
		"two of one name":       {reportOf(pv("/dev/sda", "vg1", u1, ""), pv("/dev/sdb", "vg1", u2, "")), "vg1", nil, ErrSameName},
		"one of two by UUID":    {reportOf(pv("/dev/sda", "vg1", u1, ""), pv("/dev/sdb", "vg1", u2, "")), u2, &Group{Name: "vg1", Volumes: []string{"/dev/sdb"}}, nil},
		"broken":                {`{"report":[{"pv":[{"pv_name":"/dev/sda"`, "vg1", nil, ErrNoLVM},
		"text for JSON":         {"  PV VG\n  /dev/sda vg1\n", "vg1", nil, ErrNoLVM},
		"empty":                 {"", "vg1", nil, ErrNoLVM},
		"another shape":         {`{"report":{"pv":1}}`, "vg1", nil, ErrNoLVM},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := (&lvmReports{run: said(c.text, "")}).group(context.Background(), c.name)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("error %v, %v expected", err, c.err)
			}
			var ge *GroupError
			if err != nil && (!errors.As(err, &ge) || ge.Group != c.name) {
				t.Errorf("error %v does not name %s", err, c.name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What lvm2 says beside its report is handed on, and where it says that the disks
// disagree about a group, its report of the group is not believed.
func TestLVMWarnings(t *testing.T) {
	const u1, u2 = "k3Vq5t-aaaa-0000-1111-2222-3333-b0Cd1e", "k3Vq5t-bbbb-0000-1111-2222-3333-b0Cd1e"
	text := reportOf(pv("/dev/sda", "vg1", u1, ""), pv("/dev/sdc", "vg2", u2, ""), pv("/dev/sdd", "vg10", "u3", ""))
	for name, c := range map[string]struct {
		said string
		want []string
		says string
	}{
		"nothing":                      {},
		"harmless":                     {"  WARNING: PV /dev/sdz is marked in use but no VG was found using it.\n\n  second\n", []string{"WARNING: PV /dev/sdz is marked in use but no VG was found using it.", "second"}, ""},
		"our setting":                  {"  WARNING: Configuration setting \"devices/hints\" unknown.\n", []string{}, ""},
		"outdated":                     {"  WARNING: outdated PV /dev/sdb seqno 3 has been removed in current VG vg1 seqno 4.\n", nil, "outdated PV /dev/sdb"},
		"inconsistent":                 {"  WARNING: Inconsistent metadata found for VG vg1.\n  See vgck --updatemetadata to correct inconsistency.\n", nil, "Inconsistent metadata"},
		"old lvm2":                     {"  WARNING: Inconsistent metadata found for VG vg1 - updating to use version 7\n", nil, "version 7"},
		"older text":                   {"  WARNING: ignoring metadata seqno 3 on /dev/sdb for seqno 4 on /dev/sda for VG vg1.\n", nil, "ignoring metadata"},
		"changed alone":                {"  WARNING: VG vg1 was previously updated while PV /dev/sdb was missing.\n", nil, "previously updated"},
		"of no group":                  {"  Inconsistent metadata somewhere\n", nil, "somewhere"},
		"of a group that is not there": {"  WARNING: Inconsistent metadata found for VG vg7.\n", nil, "vg7"},
		"of another group":             {"  WARNING: Inconsistent metadata found for VG vg2.\n", []string{"WARNING: Inconsistent metadata found for VG vg2."}, ""},
		"of a group of a longer name":  {"  WARNING: Inconsistent metadata found for VG vg10.\n", []string{"WARNING: Inconsistent metadata found for VG vg10."}, ""},
		"of another, then of this":     {"  WARNING: Inconsistent metadata found for VG vg2.\n  WARNING: Inconsistent metadata found for VG vg1.\n", nil, "for VG vg1"},
	} {
		for _, asked := range []string{"vg1", u1} {
			g, err := (&lvmReports{run: said(text, c.said)}).group(t.Context(), asked)
			switch {
			case c.says != "":
				if g != nil || !errors.Is(err, ErrContradiction) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v, %v; want a refusal that says %q", name, g, err, c.says)
				}
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case !slices.Equal(g.Warnings, c.want):
				t.Errorf("%s: warnings %q, want %q", name, g.Warnings, c.want)
			}
		}
	}
}

// A host without lvm2 says so of a group that it does not find.
func TestNoLVMIsSaid(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("vg1", "g1", 3, members("p1"))))
	s := m.system()
	s.noLVM, s.lvm = false, lvmReports{run: func(context.Context, ...string) (child.Answer, error) {
		return child.Answer{}, fmt.Errorf("%w: %w", ErrNoLVM, exec.ErrNotFound)
	}}
	if _, err := s.Group(t.Context(), "vg1"); err != nil {
		t.Error(err)
	}
	if _, err := s.Group(t.Context(), "vg2"); !errors.Is(err, ErrNoGroup) || !errors.Is(err, ErrReadWithoutLVM) {
		t.Errorf("%v", err)
	}
	s.noLVM = true
	if _, err := s.Group(t.Context(), "vg2"); !errors.Is(err, ErrNoGroup) || errors.Is(err, ErrReadWithoutLVM) {
		t.Errorf("with --no-lvm: %v", err)
	}
}

// An lvm2 that does not answer is not waited for twice, and the disks are read
// without it.
func TestLVMHangs(t *testing.T) {
	m := newMachine(t)
	m.block("sda", image("p1", text("vg1", "g1", 3, members("p1"))))
	s, asked := m.system(), 0
	s.noLVM, s.lvm = false, lvmReports{run: func(context.Context, ...string) (child.Answer, error) {
		asked++
		return child.Answer{}, fmt.Errorf("%w: %w", ErrNoLVM, &child.HungError{Program: "lvm", Limit: lvmLimit, PID: 7})
	}}
	for range 2 {
		g, err := s.Group(t.Context(), "vg1")
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Volumes) != 1 || len(g.Warnings) != 1 || !strings.Contains(g.Warnings[0], "lvm: no answer in 20s, and process 7 cannot be killed") {
			t.Errorf("%+v", g)
		}
	}
	if _, err := s.Group(t.Context(), "vg2"); !errors.Is(err, ErrNoGroup) || !errors.Is(err, ErrNoLVM) || !strings.Contains(err.Error(), "no answer in 20s") {
		t.Errorf("%v", err)
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	s.lvm.at = s.lvm.at.Add(-hungAge)
	s.lvm.run = said(reportOf(pv("/dev/sdq", "vg1", "u1", "")), "")
	if g, err := s.Group(t.Context(), "vg1"); err != nil || len(g.Volumes) != 1 || g.Volumes[0] != "/dev/sdq" {
		t.Errorf("once it answers: %v, %v", g, err)
	}
}

// lvm2 is asked without locks and without changing anything.
func TestGroupAsksReadOnly(t *testing.T) {
	var args []string
	s := &System{lvm: lvmReports{run: func(_ context.Context, a ...string) (child.Answer, error) {
		args = a
		return child.Answer{}, fmt.Errorf("%w: exit status 5", ErrNoLVM)
	}}}
	if _, err := s.Group(context.Background(), "vg1"); !errors.Is(err, ErrNoLVM) {
		t.Errorf("error %v", err)
	}
	for _, word := range []string{"pvs", "--readonly", noHints, "json"} {
		if !slices.Contains(args, word) {
			t.Errorf("lvm2 was asked %v, without %s", args, word)
		}
	}
}

// Of a group that belongs to another host, or to a lock manager that does not run, lvm2
// reports only if it is asked to. Who takes it over has to find it.
func TestGroupOfAnotherHost(t *testing.T) {
	s := &System{lvm: lvmReports{run: func(_ context.Context, args ...string) (child.Answer, error) {
		lines := []string{pv("/dev/sda", "mine", "u1", "")}
		if slices.Contains(args, "--foreign") {
			lines = append(lines, pv("/dev/sdb", "theirs", "u2", ""))
		}
		if slices.Contains(args, "--shared") {
			lines = append(lines, pv("/dev/sdc", "ours", "u3", ""))
		}
		return child.Answer{Out: []byte(reportOf(lines...))}, nil
	}}}
	for name, want := range map[string]string{"mine": "/dev/sda", "theirs": "/dev/sdb", "ours": "/dev/sdc"} {
		if g, err := s.Group(t.Context(), name); err != nil || !slices.Equal(g.Volumes, []string{want}) {
			t.Errorf("%s: %v, %v", name, g, err)
		}
	}
}

// All groups are found in one report; one that failed is asked for again.
func TestOneReport(t *testing.T) {
	asked, good := 0, false
	s := &System{lvm: lvmReports{run: func(context.Context, ...string) (child.Answer, error) {
		if asked++; !good {
			return child.Answer{}, ErrNoLVM
		}
		return child.Answer{Out: []byte(reportOf(pv("/dev/sda", "vg1", "u1", ""), pv("/dev/sdb", "vg2", "u2", "")))}, nil
	}}}
	if _, err := s.Group(context.Background(), "vg1"); !errors.Is(err, ErrNoLVM) {
		t.Errorf("error %v", err)
	}
	good = true
	for _, name := range []string{"vg1", "/dev/vg2", "vg3", "u1"} {
		if _, err := s.Group(context.Background(), name); err != nil && !errors.Is(err, ErrNoGroup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked != 2 {
		t.Errorf("lvm2 was asked %d times", asked)
	}
	s.lvm.at = s.lvm.at.Add(-reportAge)
	if _, err := s.Group(context.Background(), "vg1"); err != nil || asked != 3 {
		t.Errorf("an old report: %v, asked %d times", err, asked)
	}
}

// runLVM says why there is no report: not installed, failed, in its own words.
func TestRunLVM(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if _, err := runLVM(context.Background(), "pvs"); !errors.Is(err, ErrNoLVM) {
		t.Errorf("without lvm2: %v", err)
	}
	script := "#!/bin/sh\necho '{\"report\":[]}'\n[ \"$LC_ALL\" = C ] || exit 3\n[ \"$1\" = pvs ] || { echo '  no such   command' >&2; exit 5; }\n"
	if err := os.WriteFile(filepath.Join(dir, "lvm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	a, err := runLVM(context.Background(), "pvs")
	if err != nil || string(a.Out) != "{\"report\":[]}\n" {
		t.Errorf("%q, %v", a.Out, err)
	}
	if _, err := runLVM(context.Background(), "nonsense"); !errors.Is(err, ErrNoLVM) || !strings.HasSuffix(err.Error(), "exit status 5: no such command") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := runLVM(ctx, "pvs"); !errors.Is(err, ErrNoLVM) {
		t.Errorf("cancelled: %v", err)
	}
}
