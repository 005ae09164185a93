package commands

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// schema is the version of the output for programs, see docs/json.md. It
// changes when a field goes or means something else, not when one is added.
const schema = 1

// envelope is what every answer of --json has.
type envelope struct {
	Schema  int    `json:"schema"`
	Command string `json:"command"`
	Time    string `json:"time"`
	Status  int    `json:"exit_status"`
	// Errors are those on the error stream.
	Errors []picture.Problem `json:"errors"`
	// Plans are those of a dry run.
	Plans []any `json:"plans,omitzero"`
}

func (e *envelope) seal(s envelope) { *e = s }

// document is an answer of --json. It is sealed when the exit status is known.
type document interface{ seal(envelope) }

// tree is a document without fixed fields.
type tree map[string]any

func (t tree) seal(e envelope) {
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
	return slices.Contains(opts, "--"+jsonOption) && !slices.Contains(opts, "--help") && !slices.Contains(opts, manOption)
}

// answer prints the document of a call that was asked for JSON: the one that
// the applet made or, if it did not come so far, one that has the errors only.
func (c *call) answer(w io.Writer, begun time.Time) {
	doc := c.document
	if doc == nil {
		doc = &envelope{}
	}
	plans := c.shared.plans
	if plans == nil && c.applet.planJSON && c.status == words.ExitOK {
		// Nothing would be done.
		plans = []any{}
	}
	doc.seal(envelope{
		Schema: schema, Command: c.applet.name, Time: begun.Format(time.RFC3339),
		Status: c.ended(), Errors: append([]picture.Problem{}, c.said...), Plans: plans,
	})
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		c.fail(err)
	}
}

// jsonOption makes an applet print JSON.
const jsonOption = "json"

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: jsonOption} }

// planOnly refuses --json where it is about plans and there is none.
func (c *call) planOnly() error {
	if c.flags.Bool("json") && !c.flags.Bool("dry-run") {
		return usagef("--json goes with --dry-run: it is the plan that is for programs")
	}
	return nil
}
