// Package catalogue is for tests. Each room lists what it says to people in a file,
// testdata/messages.txt; the tests of the manual pages compare the pages with the
// lists of all rooms.
package catalogue

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// Message is something that is said to people, with sample names.
type Message struct {
	// Topic is where it is explained: a file of man/messages, or an applet. Empty is
	// nowhere.
	Topic string
	// Kind is error, warning, step, event, finding or log.
	Kind string
	Text string
	Hint string
	// Status is the exit status of an error.
	Status int
}

// New is a message without a hint that is no error.
func New(topic, kind, text string) Message { return Message{Topic: topic, Kind: kind, Text: text} }

// Sort orders messages and leaves out those that are there twice.
func Sort(list []Message) []Message {
	slices.SortStableFunc(list, func(a, b Message) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Hint, b.Hint))
	})
	return slices.Compact(list)
}

// Main is for the TestMain of a room: with -update the list is written anew.
func Main(m *testing.M) {
	flag.Bool("update", false, "write the goldens anew")
	os.Exit(m.Run())
}

// file is the list of the room in a folder.
func file(room string) string { return filepath.Join(room, "testdata", "messages.txt") }

// Compare compares what the room whose test this is says with its list, and checks
// it.
func Compare(t *testing.T, list []Message) {
	t.Helper()
	list = Sort(list)
	Check(t, list)
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.line())
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file("."), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file("."))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s, go test -update writes it (-want +got):\n%s", file("."), diff)
	}
}

// line is a message in the list.
func (m Message) line() string {
	return fmt.Sprintf("%s\t%s\t%d\t%s\n\t%s\n", m.Topic, m.Kind, m.Status, m.Text, m.Hint)
}

// Read reads the list of the room in a folder.
func Read(t *testing.T, room string) []Message {
	t.Helper()
	text, err := os.ReadFile(file(room))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	var list []Message
	for i := 0; i+1 < len(lines); i += 2 {
		fields := strings.SplitN(lines[i], "\t", 4)
		if len(fields) != 4 {
			t.Fatalf("%s:%d: %q", file(room), i+1, lines[i])
		}
		status, err := strconv.Atoi(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, Message{Topic: fields[0], Kind: fields[1], Status: status, Text: fields[3], Hint: strings.TrimPrefix(lines[i+1], "\t")})
	}
	return list
}

// Check wants each message to be one line without a full stop, and each error to
// have an exit status.
func Check(t *testing.T, list []Message) {
	t.Helper()
	for _, m := range list {
		switch {
		case strings.Contains(m.Text, "\n"), strings.Contains(m.Text, "%!"), strings.Contains(m.Hint, "%!"):
			t.Errorf("%q is not one line of words", m.Text)
		case strings.HasSuffix(m.Text, ".") && !vendors(m.Text), strings.HasSuffix(m.Hint, "."):
			t.Errorf("%q: a message has no full stop", m.Text)
		case m.Kind == "error" && m.Status != 1 && m.Status != 2:
			t.Errorf("%q: exit status %d", m.Text, m.Status)
		}
	}
}

// vendors says that a message is the vendor's, word for word.
func vendors(text string) bool {
	return strings.HasPrefix(text, "ERROR: ") || strings.HasPrefix(text, "DEADMAN: ")
}
