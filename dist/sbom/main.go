// Command sbom writes what a binary is made of, by what the Go tool has put into it, as
// CycloneDX JSON: sbom BINARY COPYRIGHT. The same binary gives the same bytes.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("a binary and a file of licences were expected, not %d operands", len(args))
	}
	binary, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	d, err := describe(filepath.Base(args[0]), binary, info, licences(string(text)))
	if err != nil {
		return err
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// document is a bill of materials, CycloneDX 1.6.
type document struct {
	BOMFormat    string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licences   []licence  `json:"licenses"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type licence struct {
	Licence struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// describe is the document of a binary, by its build information. A part without a
// licence is an error.
func describe(file string, binary []byte, info *debug.BuildInfo, ids map[string]string) (document, error) {
	sum := sha256.Sum256(binary)
	self := part(info.Main.Path, info.Main.Version, ids["*"])
	self.Type = "application"
	self.Hashes = []hash{{"SHA-256", fmt.Sprintf("%x", sum)}}
	self.Properties = []property{{"file", file}, {"go", info.GoVersion}}
	d := document{BOMFormat: "CycloneDX", SpecVersion: "1.6", SerialNumber: serial(sum), Version: 1}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.time":
			d.Metadata.Timestamp = s.Value
		case "GOOS", "GOARCH", "CGO_ENABLED", "-tags", "vcs.revision", "vcs.modified":
			self.Properties = append(self.Properties, property{s.Key, s.Value})
		}
	}
	d.Metadata.Component = self
	d.Components = []component{part("std", strings.TrimPrefix(info.GoVersion, "go"), ids["go/*"])}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		d.Components = append(d.Components, part(m.Path, m.Version, ids[m.Path+"/*"]))
	}
	all := dependency{Ref: self.Ref}
	for _, c := range append([]component{self}, d.Components...) {
		if c.Licences[0].Licence.ID == "" {
			return d, fmt.Errorf("%s: no licence is known", c.Name)
		}
		if c.Ref != self.Ref {
			all.DependsOn = append(all.DependsOn, c.Ref)
		}
	}
	d.Dependencies = []dependency{all}
	return d, nil
}

// part is a module in the document.
func part(path, version, id string) component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	c := component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl, Licences: make([]licence, 1)}
	c.Licences[0].Licence.ID = id
	return c
}

// serial is a UUID that the content makes (RFC 9562, version 8), so that the document of
// the same binary is the same.
func serial(sum [sha256.Size]byte) string {
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// licences are the identifiers (SPDX) of the files that a file in Debian's machine-readable
// form is about.
func licences(text string) map[string]string {
	ids := map[string]string{}
	for stanza := range strings.SplitSeq(text, "\n\n") {
		var files []string
		for line := range strings.Lines(stanza) {
			if list, ok := strings.CutPrefix(line, "Files: "); ok {
				files = strings.Fields(list)
			}
			if id, ok := strings.CutPrefix(line, "License: "); ok {
				for _, f := range files {
					ids[f] = strings.Replace(strings.TrimSpace(id), "Expat", "MIT", 1)
				}
			}
		}
	}
	return ids
}
