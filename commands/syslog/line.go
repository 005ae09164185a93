package syslog

import (
	"strconv"
	"strings"
)

// longestValue is how many bytes of a value are kept.
const longestValue = 512

// Line is a line of NAME=VALUE in the making.
type Line struct{ text strings.Builder }

// Add adds a field; one without a value is left out. Names and devices come
// from files and errors from devices: a value that is more than plain letters
// is quoted, and what could end the line or the quotes is escaped, so that
// none looks like another field or another line.
func (l *Line) Add(name, value string) {
	if value == "" {
		return
	}
	if l.text.Len() > 0 {
		l.text.WriteByte(' ')
	}
	l.text.WriteString(name + "=" + quoted(value))
}

// String is the line so far.
func (l *Line) String() string { return l.text.String() }

func quoted(value string) string {
	if len(value) > longestValue {
		value = value[:longestValue] + "..."
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '=' }) {
		return strconv.QuoteToASCII(value)
	}
	return value
}
