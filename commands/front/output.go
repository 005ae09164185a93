package front

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unicode/utf8"

	"lunguard/commands/picture"
	"lunguard/commands/words"
)

// Output is a standard stream of a command. It keeps two promises for all of them:
// what cannot be written is remembered, whoever wrote it and whether or not he looked,
// and what a terminal would act on does not get there. Names come from devices, files
// and configs of others. It is safe for concurrent use.
type Output struct {
	to io.Writer
	// verbatim says that nothing is made readable.
	verbatim bool

	// mu is held while something is written, which may take as long as nobody reads.
	mu sync.Mutex
	// cut is the beginning of a character whose end has not been written yet.
	cut []byte
	err atomic.Pointer[OutputError]
}

// Guard makes an output of a stream; one that is one already stays so.
func Guard(w io.Writer) *Output {
	if o, ok := w.(*Output); ok {
		return o
	}
	return &Output{to: w}
}

// Write writes text. Line ends and tabs stay, everything else that is no printable
// character becomes an escape that can be read.
func (o *Output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.verbatim {
		return o.write(text)
	}
	all := append(o.cut, text...)
	whole := wholeRunes(all)
	o.cut = append([]byte(nil), all[whole:]...)
	if _, err := o.write([]byte(picture.PrintableText(string(all[:whole])))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// wholeRunes is how many bytes there are before a character that is not complete.
func wholeRunes(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		at := len(text) - n
		if utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return at
			}
			break
		}
	}
	return len(text)
}

// write passes bytes on as they are. The lock is held.
func (o *Output) write(text []byte) (int, error) {
	if len(text) == 0 {
		return 0, nil
	}
	n, err := o.to.Write(text)
	if err != nil {
		first := &OutputError{err}
		o.err.CompareAndSwap(nil, first)
		err = first
	}
	return n, err
}

// end writes what is left, and is the first error that there was. It does not wait for
// who writes beside the command, as the deadman does.
func (o *Output) end() error {
	if o.mu.TryLock() {
		defer o.mu.Unlock()
		if rest := o.cut; len(rest) > 0 {
			o.cut = nil
			_, _ = o.write([]byte(picture.PrintableText(string(rest)))) // it is remembered
		}
	}
	// Who reads may have gone away, as head(1) does. If that matters the signal has
	// ended the command.
	if err := o.err.Load(); err != nil && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	return nil
}

// Raw is the stream below, for who has made everything printable himself and writes
// escape sequences of his own, such as colours. What cannot be written is remembered
// all the same.
func Raw(w io.Writer) io.Writer {
	if o, ok := w.(*Output); ok {
		return raw{o}
	}
	return w
}

type raw struct{ *Output }

func (r raw) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.write(text)
}

// FileOf is the file that a stream writes to, nil if it is none.
func FileOf(w any) *os.File {
	switch s := w.(type) {
	case *os.File:
		return s
	case *Output:
		return FileOf(s.to)
	case raw:
		return FileOf(s.to)
	}
	return nil
}

// OutputError says that the standard output could not be written, so that whoever reads
// it does not have all.
type OutputError struct{ Err error }

func (e *OutputError) Error() string {
	reason := e.Err
	if path := (*os.PathError)(nil); errors.As(e.Err, &path) {
		reason = path.Err
	}
	return "standard output: " + reason.Error()
}

// Unwrap gives the reason.
func (e *OutputError) Unwrap() error { return e.Err }

// Message says it to people.
func (e *OutputError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "its output is not complete; whether it did its work is another question", Status: words.ExitFailed}
}
