package fenceagent

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
)

// values are the parameters that were given, by name.
type values map[string]string

// maxInput is how much is read from standard input; a cluster sends a few hundred bytes.
const maxInput = 1 << 20

// fromInput reads parameters as the cluster writes them, NAME=VALUE lines. Of a name
// that is given twice the last value counts; - and _ are alike in names. What is not
// known is returned beside, for a warning.
func fromInput(text []byte) (v values, unknown []string) {
	v = values{}
	all := known()
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxInput+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		name = strings.ReplaceAll(name, "-", "_")
		if name == oldAction {
			name = paramAction
		}
		i := slices.IndexFunc(all, func(p parameter) bool { return strings.ReplaceAll(p.name, "-", "_") == name })
		switch {
		case i >= 0:
			v[all[i].name] = value
		case !slices.Contains(unknown, name):
			unknown = append(unknown, name)
		}
	}
	return v, unknown
}

// oldAction is what agents called the action on standard input before they had options.
const oldAction = "option"

// handed is the name of no parameter: it marks values that were given as options.
const handed = "by hand"

// byHand reports whether the values were given as options, by a person.
func (v values) byHand() bool { _, yes := v[handed]; return yes }

// fromFlags takes the options that were given by hand.
func fromFlags(c *cli.Context) values {
	v := values{handed: ""}
	for _, p := range known() {
		switch {
		case !c.IsSet(p.option()):
		case p.kind == boolean:
			v[p.name] = map[bool]string{true: "1", false: "0"}[c.Bool(p.option())]
		default:
			v[p.name] = c.String(p.option())
		}
	}
	return v
}

// get is a value, or what it is if none is given.
func (v values) get(name string) string {
	if value, ok := v[name]; ok && value != "" {
		return value
	}
	for _, p := range parameters() {
		if p.name == name {
			return p.initial
		}
	}
	return ""
}

// node is the name of the node that the action is about.
func (v values) node() string {
	for _, name := range []string{paramNodename, paramPlug, paramPort} {
		if v[name] != "" {
			return v[name]
		}
	}
	return ""
}

// yes is the value of a boolean. The error is that it is none.
func (v values) yes(name string) (bool, error) {
	switch strings.ToLower(v.get(name)) {
	case "1", "yes", "on", "true":
		return true, nil
	case "", "0", "no", "off", "false":
		return false, nil
	}
	return false, front.Usagef("%s is %q, neither yes nor no", name, v[name])
}

// list are the words of a value, separated by blanks or commas.
func (v values) list(name string) []string {
	return strings.FieldsFunc(v[name], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// maxTime bounds times; a day is more than anybody waits for a fence.
const maxTime = 24 * time.Hour

// duration is a number of seconds, or a number with a unit. The error is that it is
// none, negative, or more than a day.
func (v values) duration(name string) (time.Duration, error) {
	value := v.get(name)
	unit := ""
	if strings.Trim(value, "0123456789.") == "" {
		unit = "s"
	}
	d, err := time.ParseDuration(value + unit)
	if err != nil || d < 0 || d > maxTime {
		return 0, front.Usagef("%s is %q; seconds were expected, such as 30", name, value)
	}
	return d, nil
}

// readAll reads an input to its end. The errors are that the context ended before, that
// there is more than [maxInput], and those of reading.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	type answer struct {
		text []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
		done <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return nil, &inputError{Err: ctx.Err()}
	case a := <-done:
		switch {
		case a.err != nil:
			return nil, &inputError{Err: a.err}
		case len(a.text) > maxInput:
			return nil, &inputError{TooLong: true}
		}
		return a.text, nil
	}
}
