package cluster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"lunguard/cluster/ownfile"
)

// Limits of the vendor's files.
const (
	maxName    = 39
	maxLine    = 64<<10 - 1
	maxConfig  = 4 << 20
	maxLines   = 200_000
	wildcard   = "*"
	tagBits    = 16
	nodeIDBits = 16
	maxNodeID  = 1<<nodeIDBits - 1
)

// maxFaults is how many faults of a file are told at once. Nobody corrects more before
// the next run, and a file that is no config at all may have millions.
const maxFaults = 100

// LoadConfig reads and checks a config file. Errors: *os.PathError (for root
// with ownfile.ErrNotTrusted if others can change the file, or the way to it), the
// cause of the end of ctx, or a join of *ConfigError, one for each fault in the file.
func LoadConfig(ctx context.Context, path string) (*Config, error) {
	lines, err := loadLines(ctx, path)
	if err != nil {
		return nil, err
	}
	return parseLines(path, lines)
}

// loadText reads a file as it is. Errors: those of LoadConfig.
func loadText(ctx context.Context, path string) ([]byte, error) {
	text, err := ownfile.Read(ctx, path, maxConfig)
	if errors.Is(err, ownfile.ErrTooLarge) {
		return nil, tooLarge(path)
	}
	return text, err
}

// loadLines reads a file of lines. Errors: those of LoadConfig.
func loadLines(ctx context.Context, path string) ([]fileLine, error) {
	text, err := loadText(ctx, path)
	if err != nil {
		return nil, err
	}
	return readLines(bytes.NewReader(text), path)
}

func tooLarge(path string) error {
	return errors.Join(&ConfigError{File: path, Expected: fmt.Sprintf("a file of at most %d bytes was expected", maxConfig)})
}

// ParseConfig reads and checks a config. name stands in its errors, which are
// a join of *ConfigError, one for each fault.
func ParseConfig(r io.Reader, name string) (*Config, error) {
	lines, err := readLines(r, name)
	if err != nil {
		return nil, err
	}
	return parseLines(name, lines)
}

// fileLine is one line of a file.
type fileLine struct {
	text string
	at   Position
}

// readLines reads a file of lines. Errors: *os.PathError, or a join of
// *ConfigError.
func readLines(r io.Reader, name string) ([]fileLine, error) {
	whole := &io.LimitedReader{R: r, N: maxConfig + 1}
	scan := bufio.NewScanner(whole)
	scan.Buffer(nil, maxLine+1)
	scan.Split(toNewline)
	var lines []fileLine
	for scan.Scan() {
		if len(lines) == maxLines {
			return nil, errors.Join(&ConfigError{File: name, Expected: fmt.Sprintf("a file of at most %d lines was expected", maxLines)})
		}
		lines = append(lines, fileLine{scan.Text(), Position{name, len(lines) + 1}})
	}
	switch err := scan.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, errors.Join(&ConfigError{File: name, Line: len(lines) + 1,
			Expected: fmt.Sprintf("a line of at most %d characters was expected", maxLine)})
	case err != nil:
		var unread *os.PathError
		if !errors.As(err, &unread) {
			unread = &os.PathError{Op: "read", Path: name, Err: err}
		}
		return nil, unread
	case whole.N == 0:
		return nil, tooLarge(name)
	}
	return lines, nil
}

// toNewline splits at newlines. A carriage return before one stays: a line that
// nobody changes is written as it was. For the parser it is a blank.
func toNewline(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// read takes lines, without asking for what can be told only of a whole config.
func read(path string, lines []fileLine) *parser {
	p := &parser{config: &Config{Path: path}, inCluster: map[string]Position{}, nodeAt: map[string]Position{}, packageAt: map[string]Position{}}
	for _, l := range lines {
		if p.errs.areMany() {
			break
		}
		p.at = l.at
		p.parse(l.text)
	}
	return p
}

// parseLines checks a config whose lines may come from several files. path is
// where it stands, or will stand.
func parseLines(path string, lines []fileLine) (*Config, error) {
	p := read(path, lines)
	if !p.errs.areMany() {
		p.finish()
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.config, nil
}

// parser holds a config that is being read, with the line at which each thing
// was named, for errors that show only at the end.
type parser struct {
	config *Config
	at     Position
	errs   faults
	// nodes and packages run beside those of config.
	nodes    []nodeLines
	packages []packageLines
	// nodeAt and packageAt are where a name was given first.
	nodeAt, packageAt map[string]Position
	// inCluster, inNode, inPackage and inBlock tell where each parameter of
	// the cluster, and of the present node, package and block was given.
	inCluster, inNode, inPackage, inBlock map[string]Position
}

type nodeLines struct {
	name, id, key Position
}

type packageLines struct {
	name, typ Position
	nodes     []Position
	groups    []Position
	volumes   []Position
}

// given reports whether a line was seen.
func (at Position) given() bool { return at.Line != 0 }

func (p *parser) fail(word, expected string) { p.failAt(p.at, word, expected) }

func (p *parser) failAt(at Position, word, expected string) {
	p.errs.note(&ConfigError{File: at.File, Line: at.Line, Word: word, Expected: expected})
}

// faults are *ConfigError.
type faults []error

// note takes one down, unless there are too many.
func (f *faults) note(e *ConfigError) {
	switch {
	case f.areMany():
		return
	case len(*f) == maxFaults:
		e = &ConfigError{File: e.File, Line: e.Line, Expected: fmt.Sprintf("at most %d faults were expected, what follows was not looked at", maxFaults)}
	}
	*f = append(*f, e)
}

// areMany reports whether no further one is told.
func (f faults) areMany() bool { return len(f) > maxFaults }

// whole is the config as a whole, for faults that no line has.
func (p *parser) whole() Position { return Position{File: p.config.Path} }

// where names a line in the words about the present one.
func (p *parser) where(at Position) string {
	if at.File == p.at.File {
		return fmt.Sprintf("line %d", at.Line)
	}
	return fmt.Sprintf("line %d of %s", at.Line, at.File)
}

// parse takes one line: PARAMETER value, or nothing, or a comment.
func (p *parser) parse(text string) {
	bare := strings.TrimSpace(uncomment(text))
	if bare == "" {
		return
	}
	text = strings.TrimLeft(text, " \t")
	given := bare
	if at := strings.IndexAny(bare, " \t"); at >= 0 {
		given = bare[:at]
	}
	name := strings.ToLower(given)
	f, known := p.form(name)
	value, err := valueOf(text[len(given):], f.kind == line)
	switch {
	case err != "":
		p.fail(given, err)
	case !known:
		p.unknown(given, name)
	default:
		p.take(given, name, value, f)
	}
}

// valueOf reads what stands behind the name of a parameter: one word, or all
// the rest, or a text in quotes, in which a backslash stands before a quote or
// a backslash that belongs to it. bad says what is wrong.
func valueOf(rest string, all bool) (value, bad string) {
	rest = strings.TrimLeft(rest, " \t")
	if strings.HasPrefix(rest, `"`) {
		return quoted(rest[1:], all)
	}
	rest = strings.TrimSpace(uncomment(" " + rest))
	n := len(strings.Fields(rest))
	if n == 0 || n > 1 && !all {
		return "", fmt.Sprintf("one value was expected after it, not %d", n)
	}
	return rest, ""
}

func quoted(text string, all bool) (value, bad string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`"\`, text[i+1]) >= 0:
			i++
			b.WriteByte(text[i])
		case c != '"':
			b.WriteByte(c)
		case strings.TrimSpace(uncomment(text[i+1:])) != "":
			return "", "nothing was expected after the closing quote"
		case !all && len(strings.Fields(b.String())) != 1:
			return "", fmt.Sprintf("one value was expected after it, not %d", len(strings.Fields(b.String())))
		default:
			return b.String(), ""
		}
	}
	return "", "a closing quote was expected"
}

// uncomment cuts a comment: # at the start of a line or behind a blank.
func uncomment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

// form gives the form of a parameter where the parser is. Those that concern
// reservations are checked as they are taken.
func (p *parser) form(name string) (form, bool) {
	if name == "package_name" || name == "node_name" {
		return form{many: true}, true
	}
	if len(p.config.Packages) > 0 {
		switch name {
		case "package_type", "vg", "pv":
			return form{many: true}, true
		}
		f, ok := packageForm(name)
		if !ok && p.config.Packages[len(p.config.Packages)-1].brought(name) {
			return foreignForm(), true
		}
		return f, ok
	}
	switch name {
	case "cluster_name", "cluster_pr_tag", "node_id", "node_pr_key":
		return form{many: true}, true
	}
	if f, ok := nodeForm(name); ok {
		return f, true
	}
	return clusterForm(name)
}

func (p *parser) unknown(given, name string) {
	if len(p.config.Packages) > 0 {
		p.failNear(given, "unknown parameter; after package_name, those of packages are expected", Nearest(name, packageParameters()))
		return
	}
	if _, ok := packageForm(name); ok || name == "package_type" || name == "vg" || name == "pv" {
		p.fail(given, "a package_name line was expected before it")
		return
	}
	p.failNear(given, "unknown parameter; before package_name, those of clusters and nodes are expected", Nearest(name, clusterParameters()))
}

// failNear says, too, what may have been meant.
func (p *parser) failNear(word, expected, near string) {
	p.errs.note(&ConfigError{File: p.at.File, Line: p.at.Line, Word: word, Expected: expected, Near: near})
}

// take takes a parameter with its value.
func (p *parser) take(given, name, value string, f form) {
	if bad := f.check(value); bad != "" {
		p.fail(value, bad)
	}
	setting := Setting{name, value, p.at}
	switch {
	case name == "package_name":
		p.startPackage(value)
		fallthrough
	case len(p.config.Packages) > 0:
		pkg := &p.config.Packages[len(p.config.Packages)-1]
		p.once(given, name, f, p.inPackage, "package "+pkg.Name)
		pkg.Settings = append(pkg.Settings, setting)
		p.packageParameter(given, name, value)
	case name == "node_name":
		p.startNode(value)
		p.keepInNode(setting)
	case name == "node_id", name == "node_pr_key", isNodeParameter(name):
		p.nodeParameter(given, name, value, f, setting)
	default:
		p.once(given, name, f, p.inCluster, "the cluster")
		p.config.Settings = append(p.config.Settings, setting)
		p.clusterParameter(name, value)
	}
}

func isNodeParameter(name string) bool {
	_, ok := nodeForm(name)
	return ok
}

// once refuses a parameter that was given before, or before its block.
func (p *parser) once(given, name string, f form, section map[string]Position, owner string) {
	if f.head != "" {
		if !section[f.head].given() {
			p.fail(given, "a "+f.head+" line was expected before it")
			return
		}
		section, owner = p.inBlock, "the "+f.head
	}
	if at := section[name]; at.given() && !f.many {
		p.fail(given, fmt.Sprintf("%s has it already, in %s", owner, p.where(at)))
	}
	if f.head == "" && f.many {
		p.inBlock = map[string]Position{}
	}
	section[name] = p.at
}
