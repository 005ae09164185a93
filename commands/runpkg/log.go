package runpkg

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"lunguard/cluster/ownfile"
)

// Log is the log of a package: a file that scripts and services write to
// themselves, and the lines of the steps among theirs.
type Log struct {
	file *os.File
	node string
	// now replaces the clock in tests.
	now func() time.Time
}

// OpenLog opens the log file for appending. It is made if it is missing, with
// the folder that it lies in if that is ours to make; symbolic links and what
// others could replace are refused. Errors: *os.PathError, with a reason of
// this package.
func OpenLog(path, node string, makeDir bool) (*Log, error) {
	f, err := ownfile.Append(path, makeDir)
	if err != nil {
		return nil, err
	}
	return &Log{file: f, node: node, now: time.Now}, nil
}

// Write writes what is no line of a step.
func (l *Log) Write(text []byte) (int, error) { return l.file.Write(text) }

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// head writes the line that stands before and after a start or halt.
func (l *Log) head(what string) {
	fmt.Fprintf(l.file, "\n\t########### Node \"%s\": %s at %s ###########\n", l.node, what, l.now().Format(time.UnixDate))
}

// Say writes a line of a step.
func (l *Log) Say(format string, args ...any) {
	fmt.Fprintf(l.file, "%s - Node \"%s\": %s\n", l.now().Format(time.Stamp), l.node, oneLine(fmt.Sprintf(format, args...)))
}

// Fail writes an error: which part of the work it was, and what is wrong.
func (l *Log) Fail(function, format string, args ...any) {
	fmt.Fprintf(l.file, "\tERROR:  Function %s\n\tERROR:  %s\n", function, oneLine(fmt.Sprintf(format, args...)))
}

// Warn writes a warning.
func (l *Log) Warn(format string, args ...any) {
	fmt.Fprintf(l.file, "\tWARNING: %s\n", oneLine(fmt.Sprintf(format, args...)))
}

// oneLine keeps a text from looking like several entries.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// followTick is how often a log that is followed is looked at.
const followTick = 100 * time.Millisecond

// Follow copies what is written to the log from now on. The scripts write to
// the file itself, so that none has to be waited for but by its end; therefore
// it is read. stop copies the rest and ends it.
func (l *Log) Follow(w io.Writer) (stop func()) {
	end := make(chan struct{})
	var done sync.WaitGroup
	at := int64(0)
	if st, err := l.file.Stat(); err == nil {
		at = st.Size()
	}
	show := func() {
		n, _ := io.Copy(w, io.NewSectionReader(l.file, at, 1<<62)) // a terminal that is gone stops nothing
		at += n
	}
	done.Go(func() {
		for {
			select {
			case <-end:
				show()
				return
			case <-time.After(followTick):
				show()
			}
		}
	})
	return func() {
		close(end)
		done.Wait()
	}
}
