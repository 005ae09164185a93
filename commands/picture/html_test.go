package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// parsedPage is a page as a parser of XML sees it.
type parsedPage struct {
	elements map[string]int
	attrs    map[string][]string
	text     string
}

// parsePage makes a page and parses it strictly.
func parsePage(t *testing.T, p *Picture) parsedPage {
	t.Helper()
	var b bytes.Buffer
	if err := p.HTML(&b); err != nil {
		t.Fatal(err)
	}
	out := parsedPage{elements: map[string]int{}, attrs: map[string][]string{}}
	var text strings.Builder
	dec := xml.NewDecoder(&b)
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			out.elements[x.Name.Local]++
			for _, a := range x.Attr {
				out.attrs[a.Name.Local] = append(out.attrs[a.Name.Local], a.Value)
			}
		case xml.CharData:
			text.Write(x)
		}
	}
	out.text = text.String()
	return out
}

// The page says all that the table says.
func TestPage(t *testing.T) {
	page := parsePage(t, wounded())
	for _, want := range []string{
		"Cluster bla", "jack3", "2026-11-22 09:10:11 +01:00", "The state of 1 LUN and 1 package is UNKNOWN, and there are findings on 3 LUNs",
		"/dev/mapper/3600a098038303053453f463045727654", "2*", "2L*", "1a*", "1/2", "0xdead* +1",
		"foreign key 0xdead, 0xbeef", "find its owner, or clear it with pr_cleanup", "down", "unprotected: foreign key",
		"/dev/nosuch: no such device", "is the LUN attached to this host?", "no LUNs: nothing was looked at",
		"holds the reservation", "the state of a LUN is unknown",
	} {
		if !strings.Contains(page.text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if got := strings.Count(page.text, Unknown); got < 8 {
		t.Errorf("%d times UNKNOWN", got)
	}
	if page.elements["table"] != 2 || page.elements["h2"] != 4+2 || page.elements["meta"] != 4 {
		t.Errorf("elements: %v", page.elements)
	}
	for _, name := range []string{"src", "href", "action", "style"} {
		if len(page.attrs[name]) > 0 {
			t.Errorf("%s=%q: the page must need nothing else", name, page.attrs[name])
		}
	}
	if !slices.Contains(page.attrs["content"], "width=device-width, initial-scale=1") {
		t.Errorf("no viewport: %q", page.attrs["content"])
	}
	if strings.Contains(pageStyle, "url(") || strings.Contains(pageStyle, "@import") || strings.ContainsAny(pageStyle, "<&") {
		t.Error("the style fetches something, or cannot stand in a page")
	}
	if !strings.Contains(pageStyle, "prefers-color-scheme: dark") || !strings.Contains(pageStyle, "max-width: 44rem") {
		t.Error("the style is for one screen only")
	}
}

// Names of others stay texts.
func TestPageHostile(t *testing.T) {
	var b bytes.Buffer
	if err := hostile().HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "\x1b", "\x07", "\u202e", "\xff", "<b>\x1b", "node<b>"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q is on the page as it is", bad)
		}
	}
	page := parsePage(t, hostile())
	if page.elements["script"] > 0 {
		t.Error("a script on the page")
	}
	if !strings.Contains(page.text, `<script>alert('\x1b]0;owned\x07`) {
		t.Errorf("the name cannot be read any more: %q", page.text)
	}
	if !slices.Contains(page.attrs["data-label"], `node<b>\x1b]0;owned\x07\x1b[2J`) {
		t.Errorf("labels: %q", page.attrs["data-label"])
	}
}

// LUNs without findings are folded away where there are many.
func TestPageLarge(t *testing.T) {
	p := large(40, 3)
	page := parsePage(t, p)
	if page.elements["details"] != 1 || page.elements["tr"] != 41 || !strings.Contains(page.text, "No findings on 40 LUNs") {
		t.Errorf("elements: %v", page.elements)
	}
	p.Sections[0].LUNs[7] = LUN{Name: "/dev/lost", Nodes: []OfNode{}, Findings: []Finding{}}
	page = parsePage(t, p)
	if first, _, _ := strings.Cut(page.text, "No findings on 39 LUNs"); !strings.Contains(first, "/dev/lost") {
		t.Error("the LUN that cannot be read is folded away")
	}
}

// The words at the top never say more than is known.
func TestVerdict(t *testing.T) {
	fine := large(2, 2)
	unprotected := large(2, 2)
	unprotected.Sections[0].LUNs[1].Protected = some(false)
	failed := &Picture{Status: 1, Errors: []Problem{{Text: "no cluster config"}}}
	findings := large(2, 2)
	findings.Status = 1
	findings.Sections[0].LUNs[0].Findings = []Finding{found("dead-path", "path", "", false)}
	unread := large(2, 2)
	unread.Sections[0].LUNs[1] = LUN{Name: "x"}
	lost := large(2, 2)
	lost.Sections = append(lost.Sections, Section{Name: "y", Type: "failover"})
	empty := &Picture{Sections: []Section{{Name: "p", Type: "failover", Known: true}}}
	for name, tc := range map[string]struct {
		p     *Picture
		words string
		shade shade
	}{
		"fine":        {fine, "All LUNs are protected", good},
		"unprotected": {unprotected, "Nothing is wrong; 1 of 2 LUNs protected", plain},
		"failed":      {failed, "Something is wrong", warning},
		"findings":    {findings, "Something is wrong", warning},
		"unread":      {unread, "The state of 1 LUN is UNKNOWN", grave},
		"lost":        {lost, "The state of 1 package is UNKNOWN", grave},
		"empty":       {empty, "Nothing was looked at", grave},
	} {
		words, shade := tc.p.verdict()
		if words != tc.words || shade != tc.shade {
			t.Errorf("%s: %q, %v", name, words, shade)
		}
	}
}
