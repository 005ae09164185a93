package front

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
)

// brokenWriter takes some writes and then none.
type brokenWriter struct {
	bytes.Buffer
	takes int
	err   error
}

func (b *brokenWriter) Write(text []byte) (int, error) {
	if b.takes == 0 {
		return 0, b.err
	}
	b.takes--
	return b.Buffer.Write(text)
}

// What a terminal would act on never gets through, however it is cut into pieces, and
// everything else does.
func TestOutputIsPrintable(t *testing.T) {
	for name, c := range map[string]struct {
		parts []string
		want  string
	}{
		"plain":               {[]string{"a\tb\n", "c"}, "a\tb\nc"},
		"escape sequence":     {[]string{"\x1b[2J"}, `\x1b[2J`},
		"line that starts":    {[]string{"a\rb"}, `a\x0db`},
		"turned round":        {[]string{"a\u202eb"}, `a\u{202e}b`},
		"C1 control":          {[]string{"\u009b2J"}, `\u{9b}2J`},
		"a byte of C1":        {[]string{"\x9b2J"}, `\x9b2J`},
		"letters":             {[]string{"Übung 磁盘 💾"}, "Übung 磁盘 💾"},
		"a letter in pieces":  {[]string{"\xe7", "\xa3", "\x81!"}, "磁!"},
		"a mark in pieces":    {[]string{"a\xe2\x80", "\xaeb"}, `a\u{202e}b`},
		"a piece at the end":  {[]string{"a\xe2\x80"}, `a\xe2\x80`},
		"what is no UTF-8":    {[]string{"a\xff\xfeb"}, `a\xff\xfeb`},
		"a real replacement":  {[]string{"a\ufffdb"}, "a\ufffdb"},
		"half, then another":  {[]string{"\xe2", "a"}, `\xe2a`},
		"nothing":             {nil, ""},
		"an empty write":      {[]string{"", "a", ""}, "a"},
		"a null":              {[]string{"\x00"}, `\x00`},
		"DEL":                 {[]string{"\x7f"}, `\x7f`},
		"a space of no width": {[]string{"a\u200bb"}, `a\u{200b}b`},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			o := Guard(&b)
			for _, p := range c.parts {
				if n, err := io.WriteString(o, p); n != len(p) || err != nil {
					t.Errorf("%q: %d, %v", p, n, err)
				}
			}
			if err := o.end(); err != nil {
				t.Error(err)
			}
			if b.String() != c.want {
				t.Errorf("%q, %q expected", b.String(), c.want)
			}
		})
	}
}

// What was not written is remembered, also if the next write works, and whoever wrote.
func TestOutputRemembers(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	for name, c := range map[string]struct {
		write func(*Output)
		err   error
		want  error
	}{
		"written":       {func(o *Output) { o.Write([]byte("a")) }, full, nil},
		"not written":   {func(o *Output) { o.Write([]byte("a")); o.Write([]byte("b")) }, full, syscall.ENOSPC},
		"raw":           {func(o *Output) { Raw(o).Write([]byte("a")); Raw(o).Write([]byte("b")) }, full, syscall.ENOSPC},
		"the last byte": {func(o *Output) { o.Write([]byte("a")); o.Write([]byte("\xe2")) }, full, syscall.ENOSPC},
		"nobody reads":  {func(o *Output) { o.Write([]byte("a")); o.Write([]byte("b")) }, syscall.EPIPE, nil},
		"guarded twice": {func(o *Output) { Guard(o).Write([]byte("a")); Guard(o).Write([]byte("b")) }, full, syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			o := Guard(&brokenWriter{takes: 1, err: c.err})
			c.write(o)
			if err := o.end(); !errors.Is(err, c.want) {
				t.Errorf("%v, %v expected", err, c.want)
			}
		})
	}
}

func TestFileOf(t *testing.T) {
	for _, w := range []io.Writer{os.Stdout, Guard(os.Stdout), Raw(Guard(os.Stdout))} {
		if FileOf(w) != os.Stdout {
			t.Errorf("%T", w)
		}
	}
	if FileOf(Guard(&bytes.Buffer{})) != nil {
		t.Error("a buffer is a file")
	}
}

// JSON stays JSON, and the text in it what it was.
func TestEscapedJSON(t *testing.T) {
	const doc = "{\n  \"a\": \"\u202e\u009b\U000e0001\\u001b é 磁\"\n}\n"
	if got, want := escapedJSON(doc), "{\n  \"a\": \"\\u202e\\u009b\\udb40\\udc01\\u001b é 磁\"\n}\n"; got != want {
		t.Errorf("%q, %q expected", got, want)
	}
}
