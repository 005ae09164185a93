package front

import (
	"bytes"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
)

// NewTable is the one place that knows how tables look: columns and nothing
// round them, headers as they are given.
func NewTable(w io.Writer, header ...string) *tablewriter.Table {
	t := tablewriter.NewWriter(w)
	t.SetHeader(header)
	t.SetAutoFormatHeaders(false)
	t.SetAutoWrapText(false)
	t.SetHeaderAlignment(tablewriter.ALIGN_LEFT)
	t.SetAlignment(tablewriter.ALIGN_LEFT)
	t.SetBorder(false)
	t.SetHeaderLine(false)
	t.SetCenterSeparator("")
	t.SetColumnSeparator("")
	t.SetRowSeparator("")
	t.SetTablePadding("  ")
	t.SetNoWhiteSpace(true)
	return t
}

// PrintTable prints a table without blanks behind its lines. fill gets a function that adds
// a row; columns that a row does not have are empty.
func PrintTable(w io.Writer, header []string, fill func(add func(...string))) error {
	var b bytes.Buffer
	t := NewTable(&b, header...)
	fill(func(row ...string) {
		for len(row) < len(header) {
			row = append(row, "")
		}
		t.Append(row)
	})
	t.Render()
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}
