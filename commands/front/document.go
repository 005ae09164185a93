package front

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// schema is the version of the output for programs, see docs/json.md. It
// changes when a field goes or means something else, not when one is added.
const schema = 1

// Envelope is what every answer of --json has.
type Envelope struct {
	Schema  int    `json:"schema"`
	Command string `json:"command"`
	Time    string `json:"time"`
	Status  int    `json:"exit_status"`
	// Errors are those on the error stream.
	Errors []picture.Problem `json:"errors"`
	// Plans are those of a dry run.
	Plans []any `json:"plans,omitzero"`
}

func (e *Envelope) seal(s Envelope) { *e = s }

// document is an answer of --json. It is sealed when the exit status is known.
type document interface{ seal(Envelope) }

// Tree is a document without fixed fields.
type Tree map[string]any

func (t Tree) seal(e Envelope) {
	t["schema"], t["command"], t["time"], t["exit_status"], t["errors"] = e.Schema, e.Command, e.Time, e.Status, e.Errors
	if e.Plans != nil {
		t["plans"] = e.Plans
	}
}

// wantsJSON reports whether a canonical command line asks for JSON. It is asked
// before the options are parsed, so that a fault in them is told in JSON, too.
// The help is not made for programs.
func wantsJSON(canon []string) bool {
	opts := canon[:slices.Index(canon, "--")]
	return slices.Contains(opts, "--"+JSONOption) && !slices.Contains(opts, "--help") && !slices.Contains(opts, manOption) && !slices.Contains(opts, versionOption)
}

// answer prints the document of a call that was asked for JSON: the one that
// the applet made or, if it did not come so far, one that has the errors only.
func (c *Call) answer(w io.Writer, begun time.Time) {
	doc := c.Document
	if doc == nil {
		doc = &Envelope{}
	}
	plans := c.shared.plans
	if plans == nil && c.Applet.PlanJSON && c.Status == words.ExitOK {
		// Nothing would be done.
		plans = []any{}
	}
	doc.seal(Envelope{
		Schema: schema, Command: c.Applet.Name, Time: begun.Format(time.RFC3339),
		Status: c.Ended(), Errors: append([]picture.Problem{}, c.Said...), Plans: plans,
	})
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		c.Fail(err)
	}
	_, _ = w.Write([]byte(escapedJSON(b.String()))) // the stream remembers
}

// escapedJSON escapes what a terminal would act on in the form of JSON, which the encoder
// does for the first 32 characters only. There are such characters in texts only.
func escapedJSON(doc string) string {
	var b strings.Builder
	for i, r := range doc {
		switch n := utf8.RuneLen(r); {
		case r == '\n' || !picture.Unprintable(r, n):
			b.WriteString(doc[i : i+n])
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}

// JSONOption makes an applet print JSON.
const JSONOption = "json"

// JSONFlag is --json.
func JSONFlag() cli.Flag { return &cli.BoolFlag{Name: JSONOption} }

// planOnly refuses --json where it is about plans and there is none.
func (c *Call) planOnly() error {
	if c.Flags.Bool("json") && !c.Flags.Bool("dry-run") {
		return Usagef("--json goes with --dry-run: it is the plan that is for programs")
	}
	return nil
}
