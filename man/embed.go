// Package man has the manual pages as plain text, so that they can be read where
// no man, mandoc or groff is installed.
package man

import (
	"bytes"
	"compress/flate"
	_ "embed" // for the pages
	"errors"
	"io"
	"slices"
	"strings"
)

// pagesFlate is every page behind the other, each behind a line of mark and its
// file name. Compressed they take a fifth of the room in the binary.
//
//go:embed pages.flate
var pagesFlate []byte

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
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(pagesFlate)))
	if err != nil {
		return nil, err
	}
	return unpack(string(text)), nil
}

// unpack takes packed pages apart.
func unpack(text string) []Page {
	var list []Page
	for _, part := range strings.Split(text, mark)[1:] {
		file, text, _ := strings.Cut(part, "\n")
		at := strings.LastIndex(file, ".")
		list = append(list, Page{Name: file[:at], Section: file[at+1:], Text: text})
	}
	slices.SortStableFunc(list, func(a, b Page) int { return rank(a.Section) - rank(b.Section) })
	return list
}

// rank orders the sections as man searches them.
func rank(section string) int { return strings.Index("1m 8 5 7", section) }

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
