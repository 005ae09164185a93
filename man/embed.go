// Package man has the manual pages as plain text, so that they can be read where
// no man, mandoc or groff is installed.
package man

import (
	"bytes"
	"compress/bzip2"
	_ "embed" // for the pages
	"errors"
	"io"
	"strings"
)

// pagesPacked is every page behind the other, each behind a line of mark and its
// file name, compressed.
//
//go:embed pages.bz2
var pagesPacked []byte

// mark begins the line before a page. No page has a form feed.
const mark = "\f"

// Page is a manual page.
type Page struct {
	// Name of what the page is about, such as vg_pr_key.
	Name string
	// Section of the manual, such as 8 or 1m.
	Section string
	// Text in ASCII, 78 columns wide at most, without overstrikes.
	Text string
}

// ErrNoPage says that there is no page of a name.
var ErrNoPage = errors.New("no manual page")

// Pages returns all pages, those of commands first.
func Pages() ([]Page, error) {
	text, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(pagesPacked)))
	if err != nil {
		return nil, err
	}
	return unpack(string(text)), nil
}

// unpack takes packed pages apart.
func unpack(text string) []Page {
	var list []Page
	parts := strings.Split(text, mark)[1:]
	for _, section := range sections() {
		for _, part := range parts {
			file, text, _ := strings.Cut(part, "\n")
			if name, ok := strings.CutSuffix(file, "."+section); ok {
				list = append(list, Page{Name: name, Section: section, Text: text})
			}
		}
	}
	return list
}

// sections are those of the pages, in the order in which man searches them.
func sections() []string { return []string{"1m", "8", "5", "7"} }

// Find returns the page of a name, in a section unless that is empty. The
// vendor's commands are found in sections 1 and 8, too, where people look for
// them. The error is ErrNoPage, or the pages cannot be unpacked.
func Find(section, name string) (Page, error) {
	list, err := Pages()
	if err != nil {
		return Page{}, err
	}
	second, err := Page{}, ErrNoPage
	for _, p := range list {
		switch {
		case p.Name != name:
		case section == "" || p.Section == section:
			return p, nil
		case p.Section == "1m" && (section == "1" || section == "8"):
			second, err = p, nil
		}
	}
	return second, err
}
