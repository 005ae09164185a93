package commands

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lunguard/commands/front"
	"lunguard/scsi/simlun"
)

// tableSVG is the picture of the README. go test ./commands -run TableSVG -update
// draws it anew.
const tableSVG = "../docs/table.svg"

// The picture of the README is what pr_check --table prints of a simulated
// array, in its colours.
func TestTableSVG(t *testing.T) {
	w := newJSONWorld(t)
	w.on("jack3", "lunguard", "sim", "fail-path", "/dev/sda")
	w.register("jack3", "/dev/sdf", 0xdead, 0)
	w.must(simlun.SetFaults(w.lun(1), mustPlan(t, "prin@every:host=1")))
	const command = "pr_check --table pkg1 pkg2"
	var out bytes.Buffer
	argv := append(strings.Fields(command), "--color", "always")
	Run(context.Background(), front.Streams{Out: &out, Err: io.Discard}, w.env(map[string]string{"COLUMNS": "96"}), argv)
	svg := terminalSVG("# " + command + "\n" + out.String())
	if updating() {
		w.must(os.WriteFile(tableSVG, []byte(svg), 0o644))
	}
	for dec := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(tableSVG)
	w.must(err)
	if diff := gocmp.Diff(string(want), svg); diff != "" {
		t.Errorf("%s is not what the command prints (-want +got):\n%s", tableSVG, diff)
	}
}

// terminalSVG draws a text with colours as a terminal shows it.
func terminalSVG(text string) string {
	const width, height, margin = 8.4, 19, 16
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var b strings.Builder
	columns := 0
	body := ""
	for i, line := range lines {
		column := 0
		var spans strings.Builder
		class := ""
		for line != "" {
			before, after, found := strings.Cut(line, "\x1b[")
			if strings.TrimSpace(before) != "" {
				lead := len(before) - len(strings.TrimLeft(before, " "))
				word := strings.TrimRight(before[lead:], " ")
				var escaped bytes.Buffer
				_ = xml.EscapeText(&escaped, []byte(word)) // a buffer takes everything
				// Every word begins in its column, whatever font there is.
				fmt.Fprintf(&spans, `<tspan x="%.1f" class="%s" xml:space="preserve">%s</tspan>`, margin+float64(column+lead)*width, class, escaped.String())
			}
			column += len(before)
			if !found {
				break
			}
			var sgr string
			sgr, line, _ = strings.Cut(after, "m")
			class = "s" + strings.ReplaceAll(sgr, ";", "-")
		}
		columns = max(columns, column)
		if spans.Len() > 0 {
			body += fmt.Sprintf("<text y=\"%d\">%s</text>\n", margin+height*(i+1)-5, spans.String())
		}
	}
	w, h := int(2*margin+float64(columns)*width), 2*margin+height*len(lines)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="pr_check --table">
<style>
rect { fill: #161b22; }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d5dbe3; }
.s1 { font-weight: 700; fill: #fff; }
.s2 { fill: #8b949e; }
.s32 { fill: #56d364; }
.s33 { fill: #e3b341; }
.s1-31 { font-weight: 700; fill: #ff7b72; }
</style>
<rect width="%d" height="%d" rx="8"/>
%s</svg>
`, w, h, w, h, w, h, body)
	return b.String()
}
