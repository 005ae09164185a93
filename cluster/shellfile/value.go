package shellfile

import "strings"

// value reads one word: letters and quotes. why says what stands in the way.
func (p *reader) value(raw string) (value, why string) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\'' && !quoted:
			n := strings.IndexByte(raw[i+1:], '\'')
			if n < 0 {
				return "", "a quote has no end"
			}
			b.WriteString(raw[i+1 : i+1+n])
			i += n + 1
		case c == '"':
			quoted = !quoted
		case c == '\\':
			i++
			if i < len(raw) && raw[i] == '\n' {
				return "", "it goes on in the next line"
			}
			if i < len(raw) && (!quoted || strings.IndexByte("\"\\$`", raw[i]) >= 0) {
				b.WriteByte(raw[i])
				continue
			}
			b.WriteByte(c)
			i--
		case c == '`':
			return "", "its value has a command in backquotes"
		case c == '$':
			text, n, why := p.variable(raw[i:])
			if why != "" {
				return "", why
			}
			b.WriteString(text)
			i += n - 1
		case c == '\n':
			return "", "its value has several lines"
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// variable reads $NAME or ${NAME} at the beginning of a text, n bytes long.
func (p *reader) variable(raw string) (value string, n int, why string) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
	if strings.HasPrefix(raw, "$(") {
		return "", 0, "its value has a command substitution"
	}
	name, braced := strings.CutPrefix(raw[1:], "{")
	length := len(name) - len(strings.TrimLeft(name, letters))
	end := 1 + length
	if braced {
		end += 2
	}
	v, known := p.known[name[:length]]
	if !p.expand || !known || braced && !strings.HasPrefix(name[length:], "}") {
		return "", 0, "its value has a variable"
	}
	return v, end, ""
}
