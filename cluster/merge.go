package cluster

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Merge is the config that comes of applying files to the one that there is.
type Merge struct {
	// Config is what the text says, Before what there was; nil if nothing.
	Config, Before *Config
	// Text is what is to be written.
	Text []byte
	// Old is what stands in the file now; nil if there is none.
	Old []byte
	// Made are the nodes that got a key now, Taken those among them whose key
	// was saved from the vendor's cluster. Left are nodes with a saved key that the
	// cluster does not have.
	Made, Taken []Node
	Left        []string
}

// Changed reports whether anything is to be written.
func (m *Merge) Changed() bool { return !bytes.Equal(m.Text, m.Old) }

// MergeFiles applies a cluster file and package files, each of which may be
// missing, to the config at path. The cluster file takes the place of the
// cluster with its nodes, a package file that of the package of its name; the
// rest stays as it is, to the byte. What gives nodes their keys is kept: a node
// keeps the id that it has or once had, and a new one gets an id that no other
// ever had. Who writes the text has to have held path (ownfile.Hold) before.
//
// Errors, joined where there are several: *os.PathError, *ConfigError with
// file and line of the file that the fault is in.
func MergeFiles(ctx context.Context, path, clusterFile string, packageFiles []string) (*Merge, error) {
	return MergeWithKeys(ctx, path, clusterFile, packageFiles, nil)
}

// MergeWithKeys is MergeFiles for a cluster whose nodes have keys on LUNs already.
func MergeWithKeys(ctx context.Context, path, clusterFile string, packageFiles []string, saved *SavedKeys) (*Merge, error) {
	m := &Merge{}
	segments, err := m.readOld(ctx, path)
	if err != nil {
		return nil, err
	}
	var errs []error
	if clusterFile != "" {
		head, err := m.newHead(ctx, clusterFile, saved)
		errs = append(errs, err)
		segments[0].replace(head)
	}
	seen := map[string]string{}
	for _, file := range packageFiles {
		s, err := packageSegment(ctx, file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if other, twice := seen[s.name]; twice {
			errs = append(errs, &ConfigError{File: file, Word: s.name, Expected: "another package was expected, this one is in " + other})
			continue
		}
		seen[s.name] = file
		at := slices.IndexFunc(segments, func(o segment) bool { return o.name == s.name })
		if at < 0 {
			s.replace(s.lines)
			segments = append(segments, s)
			continue
		}
		segments[at].replace(s.lines)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := m.put(path, segments); err != nil {
		return nil, err
	}
	m.tellMade(saved)
	return m, nil
}

// readOld reads the config that there is, if there is one, once: what is
// decided is decided on what Old has. It must be sound: a fault in it would be
// carried on.
func (m *Merge) readOld(ctx context.Context, path string) ([]segment, error) {
	var err error
	m.Old, err = loadText(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return []segment{{}}, nil
	}
	if err != nil {
		return nil, err
	}
	lines, err := readLines(bytes.NewReader(m.Old), path)
	if err != nil {
		return nil, err
	}
	if m.Before, err = parseLines(path, lines); err != nil {
		return nil, err
	}
	return split(lines, m.Before.Packages), nil
}

// Part is the part of a config that is a package, or, with no name, the cluster with
// its nodes: what MergeFiles takes again without a change. Errors: those of LoadConfig,
// *UnknownPackageError.
func Part(ctx context.Context, path, name string) ([]byte, error) {
	lines, err := loadLines(ctx, path)
	if err != nil {
		return nil, err
	}
	conf, err := parseLines(path, lines)
	if err != nil {
		return nil, err
	}
	for _, s := range split(lines, conf.Packages) {
		if s.name == name {
			return textOf(s.body()), nil
		}
	}
	return nil, &UnknownPackageError{Name: name, Config: conf}
}

// IsWhole reports whether a file is a config, with faults or not: it has packages, and
// nodes with what gives each of them its key, or says where they stand.
func IsWhole(ctx context.Context, path string) bool {
	lines, err := loadLines(ctx, path)
	if err != nil {
		return false
	}
	c := read(path, lines).config
	_, elsewhere := c.Settings.Get("nodes_from")
	return len(c.Packages) > 0 && (elsewhere || len(c.Nodes) > 0) && !slices.ContainsFunc(c.Nodes, func(n Node) bool { return !n.hasKeyLine() })
}

// ParametersIn lists the parameters that a package file has, in lower case, whether it is
// complete or not, and the modules that it names, each behind "module_name ". Errors:
// those of ParseConfig that are about the file as a whole.
func ParametersIn(r io.Reader, name string) ([]string, error) {
	lines, err := readLines(r, name)
	var list []string
	for _, l := range lines {
		words := strings.Fields(strings.ToLower(uncomment(strings.TrimSpace(l.text))))
		if len(words) > 0 {
			list = append(list, words[0])
		}
		if len(words) > 1 && words[0] == "module_name" {
			list = append(list, words[0]+" "+words[1])
		}
	}
	return list, err
}

// put makes text and config of the segments.
func (m *Merge) put(path string, segments []segment) error {
	all := slices.Clone(segments[0].lines)
	touched := segments[0].new
	for i := 1; i < len(segments); i++ {
		s := segments[i]
		touched = touched || s.new
		// A blank line sets apart what is new.
		near := s.new || segments[i-1].new
		if near && len(all) > 0 && !isBlank(all[len(all)-1]) && len(s.lines) > 0 && !isBlank(s.lines[0]) {
			all = append(all, fileLine{})
		}
		all = append(all, s.lines...)
	}
	m.Text = m.Old
	if touched || m.Old == nil {
		m.Text = textOf(all)
	}
	var err error
	m.Config, err = parseLines(path, all)
	return err
}

// textOf joins lines.
func textOf(lines []fileLine) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// segment is a part of a config: the cluster with its nodes, or one package.
type segment struct {
	// name is the package, empty for the cluster.
	name  string
	lines []fileLine
	// new says that the lines come from another file.
	new bool
}

// end is the line behind a segment that ends with comments: they would be taken for
// those of the package that follows.
func (s segment) end() string {
	if s.name == "" {
		return "# end of the cluster"
	}
	return "# end of package " + s.name
}

// without are lines, trimmed, without that line.
func (s segment) without(lines []fileLine) []fileLine {
	lines = trimBlank(lines)
	if n := len(lines); n > 0 && strings.TrimSpace(lines[n-1].text) == s.end() {
		lines = trimBlank(lines[:n-1])
	}
	return lines
}

// body is what the file had that the segment is of.
func (s segment) body() []fileLine { return s.without(s.lines) }

// replace puts other lines in the place of those of the segment. Blank lines
// round it stay. Nothing is replaced by the same.
func (s *segment) replace(lines []fileLine) {
	lines = s.without(lines)
	was := s.body()
	same := func(a, b fileLine) bool { return strings.TrimRight(a.text, "\r") == strings.TrimRight(b.text, "\r") }
	if !s.new && slices.EqualFunc(was, lines, same) {
		// A fault is told of the file that was named.
		for i := range was {
			was[i].at = lines[i].at
		}
		return
	}
	if n := len(lines); n > 0 && isComment(lines[n-1].text) {
		lines = append(slices.Clip(lines), fileLine{s.end(), Position{File: lines[n-1].at.File}})
	}
	front, back := s.lines, []fileLine(nil)
	if within := trimBlank(s.lines); len(within) > 0 {
		front = s.lines[:slices.IndexFunc(s.lines, func(l fileLine) bool { return !isBlank(l) })]
		back = s.lines[len(front)+len(within):]
	}
	s.lines = slices.Concat(front, lines, back)
	s.new = true
}

// split divides a config at the lines that its packages begin with. Comments
// and blank lines before such a line belong to its package, unless there is a line
// that says where the one before ends.
func split(lines []fileLine, packages []Package) []segment {
	segments := []segment{{}}
	from := 0
	for i := range packages {
		first := packages[i].Settings[0].At
		begin := slices.IndexFunc(lines, func(l fileLine) bool { return l.at == first })
		last := &segments[len(segments)-1]
		start := begin
		for start > from && isComment(lines[start-1].text) {
			start--
		}
		if at := slices.IndexFunc(lines[start:begin], func(l fileLine) bool { return strings.TrimSpace(l.text) == last.end() }); at >= 0 {
			start += at + 1
		}
		last.lines = lines[from:start]
		segments = append(segments, segment{name: packages[i].Name})
		from = start
	}
	segments[len(segments)-1].lines = lines[from:]
	return segments
}

// trimBlank leaves out the blank lines at both ends.
func trimBlank(lines []fileLine) []fileLine {
	for len(lines) > 0 && isBlank(lines[0]) {
		lines = lines[1:]
	}
	for len(lines) > 0 && isBlank(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func isBlank(l fileLine) bool { return strings.TrimSpace(l.text) == "" }

func isComment(text string) bool { return strings.TrimSpace(uncomment(text)) == "" }

// packageSegment reads a package file, which holds one package. What is wrong
// with its values is found when the config is put together.
func packageSegment(ctx context.Context, file string) (segment, error) {
	lines, err := loadLines(ctx, file)
	if err != nil {
		return segment{}, err
	}
	p := read(file, lines)
	if fault, ok := p.nameless(); ok {
		return segment{}, fault
	}
	if first, ok := p.first(); ok {
		return segment{}, &ConfigError{File: file, Line: first.At.Line, Word: first.Name, Expected: "a package_name line was expected before it"}
	}
	packages := p.config.Packages
	begin := Position{file, len(lines) + 1}
	if len(packages) > 0 {
		begin = packages[0].Settings[0].At
	}
	// In the config, what stands before it would belong to another package.
	if faults := p.faultsBefore(begin.Line); len(faults) > 0 {
		return segment{}, errors.Join(faults...)
	}
	switch len(packages) {
	case 0:
		return segment{}, &ConfigError{File: file, Expected: "a package_name line was expected"}
	case 1:
		// Comments at the top of the file stay with it.
		return segment{name: packages[0].Name, lines: withoutReturns(trimBlank(lines)), new: true}, nil
	}
	return segment{}, &ConfigError{File: file, Word: packages[1].Name, Expected: "one package was expected in a package file"}
}

// nameless is the fault of a package_name line without a name, as a file has that nobody
// has filled in: what follows it belongs to no package.
func (p *parser) nameless() (*ConfigError, bool) {
	for _, err := range p.errs {
		if fault, ok := err.(*ConfigError); ok && strings.EqualFold(fault.Word, "package_name") {
			return fault, true
		}
	}
	return nil, false
}

// faultsBefore are those of the lines before one.
func (p *parser) faultsBefore(line int) []error {
	return slices.DeleteFunc(slices.Clone(p.errs), func(err error) bool {
		fault, ok := err.(*ConfigError)
		return !ok || fault.Line >= line
	})
}

// first is the first parameter of the cluster or a node.
func (p *parser) first() (Setting, bool) {
	settings := slices.Clone(p.config.Settings)
	for _, n := range p.config.Nodes {
		settings = append(settings, n.Settings...)
	}
	if len(settings) == 0 {
		return Setting{}, false
	}
	return slices.MinFunc(settings, func(a, b Setting) int { return a.At.Line - b.At.Line }), true
}

// withoutReturns are lines as this project writes them.
func withoutReturns(lines []fileLine) []fileLine {
	for i := range lines {
		lines[i].text = strings.TrimSuffix(lines[i].text, "\r")
	}
	return lines
}
