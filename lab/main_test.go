package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseOptions(t *testing.T) {
	env := map[string]string{"LAB_RUN": "Smoke", "CI": "true"}
	getenv := func(name string) string { return env[name] }
	o, err := parseOptions([]string{"-v", "-timeout", "90s"}, getenv, io.Discard)
	if err != nil || o.run != "Smoke" || !o.verbose || !o.ci || o.timeout != 90*time.Second {
		t.Errorf("options %+v, %v", o, err)
	}
	got := strings.Join(guestArgs(o), " ")
	if want := "-test.timeout=1m10s -test.run=Smoke -test.v"; got != want {
		t.Errorf("guest arguments %q, want %q", got, want)
	}
	for _, args := range [][]string{{"word"}, {"-timeout", "1s"}, {"-nonsense"}, {"-only", "all"}} {
		if _, err := parseOptions(args, getenv, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

// TestHalves: all tests run in one of two guests, and what is chosen in one alone.
func TestHalves(t *testing.T) {
	o := options{timeout: time.Minute}
	first, beside := guestArgs(o), besideArgs(o)
	if !o.halves() || !slices.Contains(first, "-test.skip="+besideTests) || !slices.Contains(beside, "-test.run="+besideTests) {
		t.Errorf("%q and %q", first, beside)
	}
	for _, o := range []options{{run: "Smoke"}, {shell: true}, {only: onlyHung}, {only: onlyDeadman}, {only: onlyTutorial}} {
		if o.halves() {
			t.Errorf("%+v: two guests", o)
		}
	}
}

// TestBenchArgs: what compares is told how often, and whether all that takes long is wanted.
func TestBenchArgs(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-only bench -timeout 2m -rounds 3", "-test.timeout=1m40s -test.run=^TestBench$ 3"},
		{"-only bench -timeout 2m -rounds 5 -full", "-test.timeout=1m40s -test.run=^TestBench$ 5 full"},
	} {
		o, err := parseOptions(strings.Fields(tt.args), func(string) string { return "" }, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(guestArgs(o), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.args, got, tt.want)
		}
	}
}

// TestInitrdTellsOfNoBinary: a guest without the product must know that this was wanted.
func TestInitrdTellsOfNoBinary(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	for _, name := range []string{program, filepath.Join(dir, "base.cpio")} {
		if err := os.WriteFile(name, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		bins binaries
		want string
		not  string
	}{
		{binaries{init: program}, "lab/no-binary", "lab/bin/lunguard"},
		{binaries{init: program, lunguard: program}, "lab/bin/lunguard", "lab/no-binary"},
	} {
		dest := filepath.Join(dir, "initrd")
		if err := writeInitrd(dest, cacheEntry{dir}, tt.bins, nil); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(dest)
		if err != nil || !bytes.Contains(data, []byte(tt.want)) || bytes.Contains(data, []byte(tt.not)) {
			t.Errorf("%+v: %v, want %s in it and no %s", tt.bins, err, tt.want, tt.not)
		}
	}
}

func TestConsole(t *testing.T) {
	ready := 0
	c := &console{ready: func() { ready++ }}
	var out bytes.Buffer
	in := "LAB-READY 3.1\r\nPASS\r\nLAB-EXIT 7\r\n[    3.0] reboot: Power down\r\nlast"
	if err := c.read(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if !c.exited || c.status != 7 || ready != 1 || c.panicked {
		t.Errorf("console %+v, ready %d", c, ready)
	}
	if want := "PASS\nlast\n"; out.String() != want {
		t.Errorf("passed on %q, want %q", out.String(), want)
	}
}

func TestVerdict(t *testing.T) {
	expired, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		c    console
		wait error
		want string // part of the error, or nothing
	}{
		{name: "passed", c: console{exited: true}},
		{name: "failed", c: console{exited: true, status: 1}, want: "status 1"},
		{name: "no marker", want: "without reporting"},
		{name: "panic", c: console{panicked: true, exited: true}, want: "panicked"},
		{name: "timeout", ctx: expired, c: console{exited: true}, want: "had not finished"},
		{name: "QEMU failed", c: console{exited: true}, wait: errors.New("killed"), want: "QEMU failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.ctx == nil {
				tt.ctx = t.Context()
			}
			err := machine{}.verdict(tt.ctx, &tt.c, tt.wait)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestParseURIs(t *testing.T) {
	out := "'http://mirror/m.deb' multipath-tools_0.9.4-3_amd64.deb 326420 MD5Sum:0\n" +
		"'http://mirror/p.deb' perl-base_5.36_amd64.deb 1 MD5Sum:0\n" +
		"'http://mirror/d.deb' dmsetup_2%3a1.02.185-2_amd64.deb 82040 MD5Sum:0\n"
	debs, err := parseURIs(out, []string{"*perl*"})
	if err != nil || len(debs) != 2 || debs[0].String() != "dmsetup=2:1.02.185-2" || debs[1].name != "multipath-tools" {
		t.Errorf("got %v, %v", debs, err)
	}
	for _, bad := range []string{"", "nonsense\n", "'uri' a_b.deb 1\n", "'uri' a_%zz_c.deb 1\n"} {
		if debs, err := parseURIs(bad, nil); err == nil {
			t.Errorf("%q: %v and no error", bad, debs)
		}
	}
}

func TestModules(t *testing.T) {
	if got := parseModinfo("license=GPL\x00depends=scsi_mod,libiscsi\x00name=x\x00"); strings.Join(got, " ") != "scsi_mod libiscsi" {
		t.Errorf("depends: %q", got)
	}
	if got := parseModinfo("depends=\x00"); got != nil {
		t.Errorf("no dependencies: %q", got)
	}
	if got := moduleName("kernel/drivers/md/dm-mod.ko.zst"); got != "dm_mod" {
		t.Errorf("name: %q", got)
	}
	got := modulesDep([]module{{path: "a.ko"}, {path: "c.ko", deps: []string{"a.ko", "b.ko"}}})
	if want := "a.ko:\nc.ko: b.ko a.ko\n"; got != want {
		t.Errorf("modules.dep %q, want %q", got, want)
	}
}

func TestKeyDependsOnLists(t *testing.T) {
	a, b := guestSpec(), guestSpec()
	if a.key() != b.key() {
		t.Error("the key of one specification differs from call to call")
	}
	b.packages = append(b.packages, "vim")
	if a.key() == b.key() {
		t.Error("the key does not depend on the packages")
	}
}
