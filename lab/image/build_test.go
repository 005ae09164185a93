package image

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
		bins Binaries
		want string
		not  string
	}{
		{Binaries{Init: program}, "lab/no-binary", "lab/bin/lunguard"},
		{Binaries{Init: program, Lunguard: program}, "lab/bin/lunguard", "lab/no-binary"},
	} {
		dest := filepath.Join(dir, "initrd")
		if err := WriteInitrd(dest, Entry{dir: dir}, tt.bins, nil); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(dest)
		if err != nil || !bytes.Contains(data, []byte(tt.want)) || bytes.Contains(data, []byte(tt.not)) {
			t.Errorf("%+v: %v, want %s in it and no %s", tt.bins, err, tt.want, tt.not)
		}
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
