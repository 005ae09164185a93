package shellfile

import (
	"slices"
	"strconv"
	"strings"
)

// Assignment is a plain one: NAME=VALUE, NAME[INDEX]=VALUE or a list of values.
type Assignment struct {
	Name string
	// Index is 0 for a variable that is no array.
	Index int
	Value string
	Line  int
}

// Doubt is a place at which a variable may get a value that cannot be read for
// certain, or at which nothing more can.
type Doubt struct {
	// Name is the variable; empty if it may be any.
	Name string
	Line int
	// Reason is a clause: its value has a variable.
	Reason string
}

// File is what a shell file says.
type File struct {
	// Assignments are in the order of the file.
	Assignments []Assignment
	Doubts      []Doubt
	// Commands are the names of what is called, with the line of the first call.
	// One that is a variable has its $.
	Commands map[string]int
	// Calls are all calls, in the order of the file.
	Calls []Call
}

// Call is a command with its words. One that is not known has its $.
type Call struct {
	Words []string
	Line  int
}

// Variables are what is of interest: all if it is nil.
type Variables []string

func (v Variables) has(name string) bool { return v == nil || slices.Contains(v, name) }

// Read takes a shell file apart. Values may use variables that were assigned
// before in the same file if expand is true. Commands that read another file into
// this one are a doubt, but for the vendor's own. So are carriage returns, unless all
// variables are wanted.
func Read(text string, want Variables, expand bool) *File {
	if i := strings.Index(text, "\r\n"); i >= 0 {
		if want != nil {
			line := 1 + strings.Count(text[:i], "\n")
			return &File{Doubts: []Doubt{{Line: line, Reason: "its lines end with carriage returns, which a shell takes for a part of words"}}}
		}
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	p := &reader{lexer: lexer{text: text, line: 1}, want: want, expand: expand, known: map[string]string{}, file: &File{Commands: map[string]int{}}}
	p.commands()
	if p.fault != nil {
		p.file.Doubts = append(p.file.Doubts, *p.fault)
	}
	return p.file
}

// reader puts commands together.
type reader struct {
	lexer
	want   Variables
	expand bool
	// known are values that were assigned.
	known map[string]string
	file  *File
	// open are the compound commands round the present one.
	open []string
	// before is the operator before the present command.
	before string
}

// commands reads to the end.
func (p *reader) commands() {
	var words []word
	p.before = "\n"
	for {
		t := p.next()
		switch {
		case t.kind == aWord && len(words) == 0 && p.reserved(t.raw):
		case t.kind == aWord:
			words = append(words, t.word)
		case t.kind == redirection:
			// What stands behind it is the name of a file.
			if t.raw != "<<" && t.raw != "<<-" {
				p.target()
			}
		case t.kind == operator && t.raw == "(" && len(words) == 1 && p.closesAtOnce():
			// A function: NAME () BODY.
			words = nil
			p.open = append(p.open, "a function")
			p.bodyIsNext()
		case t.kind == operator && t.raw == "(":
			if p.has("(") && len(words) == 0 {
				p.pos--
				p.enclosed("(", ")", "an arithmetic command")
				continue
			}
			p.open = append(p.open, "a subshell")
			p.before = "("
		default:
			p.command(words, t.raw)
			words = nil
			if t.kind == end {
				return
			}
			if t.raw == ")" {
				p.close("a subshell")
			}
			p.before = t.raw
		}
	}
}

// closesAtOnce takes a bracket that closes, if one comes next.
func (p *reader) closesAtOnce() bool {
	p.blanks()
	if !p.has(")") {
		return false
	}
	p.skip(1)
	return true
}

// target passes over the file of a redirection.
func (p *reader) target() {
	p.blanks()
	if p.pos < len(p.text) && strings.IndexByte("\n;&|()", p.text[p.pos]) < 0 {
		p.takeWord()
	}
}

// bodyIsNext makes the compound command that follows the body of the function
// that was opened: it ends with it.
func (p *reader) bodyIsNext() {
	for {
		p.blanks()
		if !p.has("\n") {
			break
		}
		p.skip(1)
	}
	if p.has("{") || p.has("(") {
		p.skip(1)
		return
	}
	// Any other body ends where it ends; that is not followed.
	p.open = append(p.open[:len(p.open)-1], "a function without braces")
}

// reserved follows the words that open and close compound commands.
func (p *reader) reserved(raw string) bool {
	switch raw {
	case "if":
		p.open = append(p.open, "a condition")
	case "case":
		p.open = append(p.open, "a case")
		return false
	case "while", "until":
		p.open = append(p.open, "a loop")
	case "for", "select":
		p.open = append(p.open, "a loop")
		return false
	case "{":
		p.open = append(p.open, "a group")
	case "function":
		p.blanks()
		p.takeWord()
		p.blanks()
		if p.has("(") {
			p.enclosed("(", ")", "a function")
		}
		p.open = append(p.open, "a function")
		p.bodyIsNext()
	case "fi":
		p.close("a condition")
	case "esac":
		p.close("a case")
	case "done":
		p.close("a loop")
	case "}":
		p.close("a group")
	case "then", "else", "elif", "do", "!", "time":
	default:
		return false
	}
	return true
}

// close closes the innermost of a kind. A function closes with the bracket of its
// body.
func (p *reader) close(kind string) {
	last := len(p.open) - 1
	if last < 0 {
		return
	}
	if p.open[last] == kind || p.open[last] == "a function" && (kind == "a group" || kind == "a subshell") {
		p.open = p.open[:last]
	}
}

// command takes one simple command.
func (p *reader) command(words []word, after string) {
	n := 0
	for n < len(words) && assigns(words[n]) {
		n++
	}
	doubt := p.around(after)
	if n < len(words) && n > 0 {
		doubt = "it is for one command only"
	}
	for _, w := range words[:n] {
		p.assign(w, doubt)
	}
	if n < len(words) {
		p.call(words[n:], doubt)
	}
}

// around tells why what stands here may not be done, or not by this shell.
func (p *reader) around(after string) string {
	switch {
	case len(p.open) > 0:
		return "it stands in " + p.open[len(p.open)-1]
	case p.before == "&&" || p.before == "||":
		return "it stands behind " + p.before
	case strings.HasPrefix(p.before, "|") || strings.HasPrefix(after, "|") && after != "||" || after == "&":
		return "it is done by another process"
	}
	return ""
}

// call looks at a command that has a name.
func (p *reader) call(words []word, doubt string) {
	name := words[0].raw
	if value, why := p.value(name); why == "" {
		name = value
	}
	if _, ok := p.file.Commands[name]; !ok {
		p.file.Commands[name] = words[0].line
	}
	p.file.Calls = append(p.file.Calls, p.callOf(words))
	switch name {
	case "builtin", "command":
		if len(words) > 1 {
			p.call(words[1:], doubt)
		}
		return
	case ".", "source":
		p.include(words)
	case "export", "readonly":
		for _, w := range words[1:] {
			if assigns(w) {
				p.assign(w, doubt)
			}
		}
	case "typeset", "declare", "local", "integer", "set", "read", "unset", "let", "getopts", "mapfile", "readarray", "printf", "eval", "for", "select", "alias", "trap":
		p.mentions(name, words[1:])
		p.unnamed(name, words[1:])
	}
}

// callOf is a call as far as its words are known.
func (p *reader) callOf(words []word) Call {
	c := Call{Line: words[0].line}
	for _, w := range words {
		text := w.raw
		if value, why := p.value(w.raw); why == "" {
			text = value
		}
		c.Words = append(c.Words, text)
	}
	return c
}

// unnamed doubts a command that changes a variable whose name it is told by another one, or
// that does what another text says.
func (p *reader) unnamed(command string, words []word) {
	for i, w := range words {
		name, _, _ := strings.Cut(w.raw, "=")
		hides := strings.ContainsAny(name, "$`")
		switch command {
		case "eval":
			hides = strings.Contains(w.raw, "`") || strings.Contains(w.raw, "$(") || hides && (name != w.raw || i == 0)
		case "printf":
			hides = i == 1 && words[0].raw == "-v" && (hides || strings.ContainsAny(name, `'"`))
		case "typeset", "declare", "local", "integer", "read", "mapfile", "readarray":
			refers := strings.HasPrefix(w.raw, "-") && strings.Contains(w.raw, "n") && command != "read" && !strings.HasPrefix(command, "ma") && !strings.HasPrefix(command, "readarr")
			hides = hides || refers || !strings.HasPrefix(w.raw, "-") && strings.ContainsAny(name, `'"`) && command == "read"
		default:
			hides = false
		}
		if hides && p.want != nil {
			p.file.Doubts = append(p.file.Doubts, Doubt{Line: w.line, Reason: command + " does what cannot be read here"})
			return
		}
	}
}

// include doubts what another file may assign. The vendor's own has no packages.
func (p *reader) include(words []word) {
	if len(words) > 1 && (strings.Contains(words[1].raw, "SGCONFFILE") || strings.HasSuffix(words[1].raw, "/cmcluster.conf")) || p.want == nil {
		return
	}
	p.file.Doubts = append(p.file.Doubts, Doubt{Line: words[0].line, Reason: "it reads another file"})
}

// mentions doubts a variable whose name a command gets that can change it.
func (p *reader) mentions(command string, words []word) {
	for _, v := range p.want {
		for _, w := range words {
			if names(w.raw, v) {
				p.file.Doubts = append(p.file.Doubts, Doubt{v, w.line, command + " may change it"})
				break
			}
		}
	}
}

// names reports whether a text has a variable by its bare name, as what changes
// it does; $NAME and ${NAME} only read it.
func names(text, variable string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], variable)
		if i < 0 {
			return false
		}
		i += from
		from = i + len(variable)
		before := i == 0 || !isLetter(text[i-1]) && strings.IndexByte("0123456789$#{!", text[i-1]) < 0
		behind := from == len(text) || !isLetter(text[from]) && (text[from] < '0' || text[from] > '9')
		if before && behind {
			return true
		}
	}
}

// Uses reports whether a text reads a variable: $NAME, ${NAME or ${#NAME.
func Uses(text, variable string) bool {
	for _, form := range []string{"$", "${", "${#"} {
		for from := 0; ; {
			i := strings.Index(text[from:], form+variable)
			if i < 0 {
				break
			}
			from += i + len(form+variable)
			if from == len(text) || !isLetter(text[from]) && (text[from] < '0' || text[from] > '9') {
				return true
			}
		}
	}
	return false
}

// Defaults is the line of an expansion that gives a variable a value, ${NAME:=VALUE}.
func Defaults(text, variable string) (line int, ok bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], "${"+variable)
		if i < 0 {
			return 0, false
		}
		at := from + i
		from = at + len("${"+variable)
		rest := text[from:]
		if strings.HasPrefix(rest, "[") {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				continue
			}
			rest = rest[end+1:]
		}
		if strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, ":=") {
			return 1 + strings.Count(text[:at], "\n"), true
		}
	}
}

// splitAssignment parts a word that assigns: NAME=, NAME[INDEX]= or with += before
// the value. index has its brackets.
func splitAssignment(raw string) (name, index, op, value string, ok bool) {
	n := 0
	for n < len(raw) && (isLetter(raw[n]) || n > 0 && raw[n] >= '0' && raw[n] <= '9') {
		n++
	}
	if n == 0 {
		return "", "", "", "", false
	}
	name, value = raw[:n], raw[n:]
	if strings.HasPrefix(value, "[") {
		i := strings.IndexByte(value, ']')
		if i < 0 {
			return "", "", "", "", false
		}
		index, value = value[:i+1], value[i+1:]
	}
	for _, op := range []string{"+=", "="} {
		if v, ok := strings.CutPrefix(value, op); ok {
			return name, index, op, v, true
		}
	}
	return "", "", "", "", false
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func assigns(w word) bool {
	_, _, _, _, ok := splitAssignment(w.raw)
	return ok
}

// isArray reports whether a bracket behind it begins the values of an array.
func isArray(raw string) bool {
	_, index, _, value, ok := splitAssignment(raw)
	return ok && index == "" && value == ""
}

// assign takes one assignment.
func (p *reader) assign(w word, doubt string) {
	name, index, op, raw, _ := splitAssignment(w.raw)
	if !p.want.has(name) {
		return
	}
	at, err := 0, error(nil)
	if index != "" {
		at, err = strconv.Atoi(index[1 : len(index)-1])
	}
	values, why := p.values(raw)
	switch {
	case doubt != "":
		why = doubt
	case w.goesOn:
		why = "it goes on in the next line"
	case op == "+=":
		why = "it is added to another value"
	case err != nil || at < 0:
		why = "its index is no number"
	}
	if why != "" {
		p.file.Doubts = append(p.file.Doubts, Doubt{name, w.line, why})
		return
	}
	for i, v := range values {
		p.file.Assignments = append(p.file.Assignments, Assignment{name, at + i, v, w.line})
	}
	if len(values) > 0 {
		p.known[name] = values[0]
	}
}

// values reads the value of an assignment, several if it is a list.
func (p *reader) values(raw string) (values []string, why string) {
	if !strings.HasPrefix(raw, "(") {
		v, why := p.value(raw)
		return []string{v}, why
	}
	l := lexer{text: raw[1 : len(raw)-1], line: 1}
	for {
		t := l.next()
		switch {
		case t.kind == end:
			return values, ""
		case t.kind == operator && t.raw == "\n":
			continue
		case t.kind != aWord:
			return nil, "its list has more than words"
		case strings.HasPrefix(t.raw, "["):
			return nil, "its list has indices"
		}
		v, why := p.value(t.raw)
		if why != "" {
			return nil, why
		}
		values = append(values, v)
	}
}
