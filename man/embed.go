// Package man has the manual pages as plain text, so that they can be read where
// no man, mandoc or groff is installed.
package man

import (
	"bytes"
	"compress/flate"
	_ "embed" // for the pages
	"errors"
	"fmt"
	"io"
	"strings"
)

// pagesFlate is every page behind the other, each behind a line of mark and its
// file name. Messages that several pages have are there once, see [expand], and what
// is left is compressed: together they take a tenth of the room in the binary.
//
//go:embed pages.flate
var pagesFlate []byte

// mark begins the line before a page. No page has a form feed.
const mark = "\f"

// again begins a line that stands for lines of before: the number of the first, from 0,
// and how many. No page has a vertical tab.
const again = "\v"

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
	return unpack(expand(string(text))), nil
}

// expand puts lines in the place of those that stand for them. What compresses the text
// looks 32 KiB back, and pages that have the same messages are farther apart.
func expand(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, again) {
			lines = append(lines, line)
			continue
		}
		var first, count int
		if n, err := fmt.Sscanf(line, again+"%d %d", &first, &count); n == 2 && err == nil && first >= 0 && count >= 0 && first+count <= len(lines) {
			lines = append(lines, lines[first:first+count]...)
		}
	}
	return strings.Join(lines, "")
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
