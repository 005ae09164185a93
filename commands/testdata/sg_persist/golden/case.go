// Package golden reads and writes case files: what sg_persist of sg3_utils says
// and sends for given arguments and a made-up device. The README beside it
// describes the format.
package golden

import "syscall"

// Device is the name of the made-up device.
const Device = "/dev/fake"

// File is one case file.
type File struct {
	// preamble stands before the first case.
	preamble string
	Cases    []*Case
}

// Case is one call of the program.
type Case struct {
	Name string
	Args []string
	Env  []string
	// Stdin and Files are what the call may read.
	Stdin string
	Files []TextFile
	Script
	// Unrecorded is why the original is not run; "" if it is.
	Unrecorded string
	// Want is what the original did.
	Want Outcome
	// Ours is nil if ours must do the same.
	Ours *Ours

	// hand and ours are the parts written by hand, as they stand in the file.
	hand, ours string
}

// TextFile is a file in the folder that the program runs in.
type TextFile struct{ Name, Text string }

// Outcome is everything that can be seen of a call.
type Outcome struct {
	// Wire has a line for every open and every command, in order, and the
	// lines of the data sent.
	Wire           []string
	Stdout, Stderr string
	Exit           int
}

// Ours is where our program means to differ; what is nil does not.
type Ours struct {
	Reason string
	// Args go before those of the case.
	Args           []string
	Script         *Script
	Wire           *[]string
	Stdout, Stderr *string
	Exit           *int
}

// Script is what the made-up device answers.
type Script struct {
	// Opens are the results of the first opens; later ones are good.
	Opens []syscall.Errno
	// Inquiries answer INQUIRY, Answers all else.
	Inquiries, Answers []Answer
}

// Answer is what comes back for one command.
type Answer struct {
	Errno        syscall.Errno
	Status       byte
	Host, Driver uint16
	// Resid nil: the room less the data.
	Resid       *int
	Sense, Data []byte
}

// Given returns the residual count if room bytes were asked for.
func (a *Answer) Given(room int) int {
	if a.Resid != nil {
		return *a.Resid
	}
	return room - min(room, len(a.Data))
}

// Inquiry is the answer to the nth INQUIRY.
func (s *Script) Inquiry(n int) Answer {
	if n < len(s.Inquiries) {
		return s.Inquiries[n]
	}
	return Answer{Data: []byte("\x00\x00\x05\x02\x1f\x00\x00\x02LIO-ORG disk0           4.0 ")}
}

// Answer is the answer to the nth other command; there is always one for a
// command that asks for no data.
func (s *Script) Answer(n int, in bool) (Answer, bool) {
	if n < len(s.Answers) {
		return s.Answers[n], true
	}
	return Answer{}, !in
}

// Calls is what our program is called with, and what the device answers.
func (c *Case) Calls() ([]string, *Script) {
	args, script := c.Args, &c.Script
	if c.Ours != nil {
		args = append(append([]string(nil), c.Ours.Args...), args...)
		if c.Ours.Script != nil {
			script = c.Ours.Script
		}
	}
	return args, script
}

// Wanted is what our program must do.
func (c *Case) Wanted() Outcome {
	want := c.Want
	if c.Ours == nil {
		return want
	}
	if c.Ours.Wire != nil {
		want.Wire = *c.Ours.Wire
	}
	if c.Ours.Stdout != nil {
		want.Stdout = *c.Ours.Stdout
	}
	if c.Ours.Stderr != nil {
		want.Stderr = *c.Ours.Stderr
	}
	if c.Ours.Exit != nil {
		want.Exit = *c.Ours.Exit
	}
	return want
}
