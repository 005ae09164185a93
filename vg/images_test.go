package vg

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lunguard/vg/lvmmeta"
)

// images is where disks are that lvm2 has written.
const images = "../testdata/lvm"

// unpack reads an image.
func unpack(t testing.TB, file string) []byte {
	t.Helper()
	packed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// imageMachine has the disks of a case, in the sizes that they had.
func imageMachine(t *testing.T, dir string) *machine {
	t.Helper()
	m := newMachine(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.img.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no images: %v", dir, err)
	}
	for _, file := range files {
		name, content := strings.TrimSuffix(filepath.Base(file), ".img.gz"), unpack(t, file)
		size := int64(16 << 20)
		part := len(name) > len("sda")
		if part {
			name, size = name[:3]+"/"+name, 7<<20
		}
		m.block(name, content)
		m.write(name+"/size", "32768\n")
		if part {
			m.write(name+"/size", "14336\n")
		}
		if err := os.Truncate(filepath.Join(m.root, "dev", filepath.Base(name)), size); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// On disks that the real lvm2 has written, what it said of them is found.
func TestImages(t *testing.T) {
	reports, err := filepath.Glob(filepath.Join(images, "*", "pvs.json"))
	if err != nil || len(reports) < 10 {
		t.Fatalf("%v, %v", reports, err)
	}
	for _, file := range reports {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			m := imageMachine(t, filepath.Dir(file))
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r lvmReport
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			names := map[string]bool{"none": true, "before": true, "ignored": true}
			for _, v := range r.Report[0].PV {
				names[v.Group], names[v.GroupUUID], names["/dev/"+v.Group] = true, true, true
			}
			s := m.system()
			for name := range names {
				want, wantErr := r.group(strings.TrimPrefix(name, "/dev/"))
				if g := strings.TrimPrefix(name, "/dev/"); want != nil && slices.Contains([]string{"reduced", "stale"}, want.Name) {
					// lvm2 has said so on its error stream.
					want, wantErr = nil, fmt.Errorf("%w: %s", ErrContradiction, g)
				}
				if wantErr == nil {
					var devices []string
					for _, v := range want.Volumes {
						devices = append(devices, strings.TrimPrefix(v, "/dev/"))
					}
					m.wants(s, name, devices...)
					continue
				}
				_, err := s.Group(context.Background(), name)
				for _, class := range []error{ErrNoGroup, ErrSameName, ErrMissingVolume, ErrContradiction} {
					if errors.Is(err, class) != errors.Is(wantErr, class) {
						t.Errorf("%s: %v, lvm2's report: %v", name, err, wantErr)
					}
				}
			}
		})
	}
}

// The images are what they are for.
func TestImagesAreSpecial(t *testing.T) {
	label := func(file string) (*lvmmeta.Label, []byte) {
		b := unpack(t, filepath.Join(images, file))
		l, err := lvmmeta.DecodeLabel(b)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return l, b
	}
	area := func(file string) *lvmmeta.Area {
		l, b := label(file)
		a, err := lvmmeta.DecodeArea(b[l.Areas[0].Offset:], l.Areas[0].Offset)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return a
	}
	if a := area("ring/sda.img.gz"); len(a.Pieces()) != 2 {
		t.Errorf("ring: %+v", a)
	}
	if a := area("ignored/sda.img.gz"); !a.Text.Ignored {
		t.Errorf("ignored: %+v", a)
	}
	if l, _ := label("copies/sda.img.gz"); len(l.Areas) != 2 {
		t.Errorf("copies: %+v", l)
	}
	if l, _ := label("without/sda.img.gz"); len(l.Areas) != 0 || l.Flags&lvmmeta.FlagUsed == 0 {
		t.Errorf("without: %+v", l)
	}
	if !lvmmeta.Partitioned(unpack(t, filepath.Join(images, "parts/sda.img.gz"))) {
		t.Error("parts: no partition table")
	}
}
