package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() *debug.BuildInfo {
	return &debug.BuildInfo{
		GoVersion: "go1.26.0", Main: debug.Module{Path: "lunguard", Version: "v0.1.0"},
		Deps: []*debug.Module{
			{Path: "golang.org/x/sys", Version: "v0.49.0"},
			{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "golang.org/x/sync", Version: "v1.0.0+incompatible"}},
		},
		Settings: []debug.BuildSetting{{Key: "GOARCH", Value: "arm64"}, {Key: "vcs.time", Value: "2026-11-30T11:12:41Z"}, {Key: "-compiler", Value: "gc"}},
	}
}

func TestDescribe(t *testing.T) {
	text, err := os.ReadFile("../copyright")
	if err != nil {
		t.Fatal(err)
	}
	ids := licences(string(text))
	d, err := describe("lunguard", []byte("binary"), sample(), ids)
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, c := range append([]component{d.Metadata.Component}, d.Components...) {
		parts = append(parts, strings.Join([]string{c.Type, c.Name, c.Version, c.PURL, c.Licences[0].Licence.ID}, " "))
	}
	want := []string{
		"application lunguard v0.1.0 pkg:golang/lunguard@v0.1.0 MIT",
		"library std 1.26.0 pkg:golang/std@1.26.0 BSD-3-Clause",
		"library golang.org/x/sys v0.49.0 pkg:golang/golang.org/x/sys@v0.49.0 BSD-3-Clause",
		"library golang.org/x/sync v1.0.0+incompatible pkg:golang/golang.org/x/sync@v1.0.0%2Bincompatible BSD-3-Clause",
	}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(d.Dependencies[0].DependsOn); got != 3 {
		t.Errorf("%d dependencies", got)
	}
	if d.Metadata.Timestamp != "2026-11-30T11:12:41Z" {
		t.Errorf("time %q", d.Metadata.Timestamp)
	}
	if want := []property{{"file", "lunguard"}, {"go", "go1.26.0"}, {"GOARCH", "arm64"}}; !cmp.Equal(want, d.Metadata.Component.Properties) {
		t.Errorf("properties %v", d.Metadata.Component.Properties)
	}
	again, err := describe("lunguard", []byte("another"), sample(), ids)
	if err != nil || again.SerialNumber == d.SerialNumber || len(d.SerialNumber) != len("urn:uuid:")+36 {
		t.Errorf("serial numbers %s and %s, %v", d.SerialNumber, again.SerialNumber, err)
	}
	if _, err := describe("lunguard", nil, sample(), map[string]string{"*": "MIT"}); err == nil {
		t.Error("a part without a licence was taken")
	}
}

// A binary of Go is described as the Go tool has made it, twice the same.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	licence := filepath.Join(t.TempDir(), "copyright")
	if err := os.WriteFile(licence, []byte("Files: * go/* github.com/google/go-cmp/*\nLicense: BSD-3-Clause\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := run([]string{self, licence}, &first); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{self, licence}, &second); err != nil || first.String() != second.String() {
		t.Errorf("a second time it is another one, %v", err)
	}
	var d struct {
		BOMFormat  string `json:"bomFormat"`
		Components []struct{ Name string }
	}
	if err := json.Unmarshal(first.Bytes(), &d); err != nil || d.BOMFormat != "CycloneDX" || len(d.Components) == 0 || d.Components[0].Name != "std" {
		t.Errorf("%+v, %v", d, err)
	}
	for _, args := range [][]string{nil, {self}, {"nothere", licence}, {licence, licence}, {self, "nothere"}} {
		if err := run(args, &second); err == nil {
			t.Errorf("%q were taken", args)
		}
	}
}
