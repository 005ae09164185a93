package simlun

import (
	"bytes"
	"slices"
	"time"

	"lunguard/scsi"
)

// TaskID numbers a command in flight. 0 is none.
type TaskID uint64

// task is a command that was let in and has not been performed yet.
type task struct {
	id       TaskID
	nexus    NexusID
	function scsi.TaskFunction
	// late is the command if nobody waits for it any more, else nil: see
	// [Machine.Late]. It is never changed in place.
	late *scsi.Request
	// due is when a late command is performed; zero if it is after so many
	// commands.
	due      time.Time
	commands int
}

// tasks are the commands in flight, in the order in which they came.
type tasks []task

// find is the index of a task, -1 if it is over.
func (s tasks) find(id TaskID) int {
	return slices.IndexFunc(s, func(t task) bool { return t.id == id })
}

// take removes the task at an index.
func (s *tasks) take(at int) task {
	t := (*s)[at]
	*s = slices.Delete(*s, at, at+1)
	return t
}

// drop removes the tasks that of picks.
func (s *tasks) drop(of func(task) bool) { *s = slices.DeleteFunc(*s, of) }

// abort ends the commands of the nexuses that of picks. A task management function
// is none.
func (s *tasks) abort(of func(NexusID) bool) {
	s.drop(func(t task) bool { return t.function == scsi.Command && of(t.nexus) })
}

// postpone makes a task late: until due, or with commands that many of these.
// A task that is over stays so.
func (s tasks) postpone(id TaskID, req *scsi.Request, due time.Time, commands int) {
	at := s.find(id)
	if at < 0 {
		return
	}
	own := *req
	own.CDB, own.Data = bytes.Clone(req.CDB), bytes.Clone(req.Data)
	if req.Dir == scsi.DataIn {
		own.Data = make([]byte, len(req.Data))
	}
	t := &s[at]
	if t.late, t.commands = &own, commands; commands == 0 {
		// Without the monotonic clock, which a file does not keep.
		t.due = due.Round(0).UTC()
	}
}

// due is the index of the late task whose time comes first, -1 if none has a time.
func (s tasks) due() int {
	first := -1
	for i, t := range s {
		if !t.due.IsZero() && (first < 0 || t.due.Before(s[first].due)) {
			first = i
		}
	}
	return first
}

// count counts a command that was performed for those that wait for some.
func (s tasks) count() {
	for i := range s {
		if s[i].commands > 0 {
			s[i].commands--
		}
	}
}

// waited is the index of the first late task that has waited for as many commands as
// it had to, -1 if there is none.
func (s tasks) waited() int {
	return slices.IndexFunc(s, func(t task) bool { return t.late != nil && t.due.IsZero() && t.commands == 0 })
}

// mostTasks bounds the task set; processes that were killed leave theirs.
const mostTasks = 1024

// Begin lets a command of the nexus into the task set, or answers at once.
// With id 0 the command is over and reply is its answer; else Finish performs
// it, or Withdraw forgets it.
//
// The reservation is looked at here and never again, as SPC-4 5.13.1 has it:
// a write that has begun reaches the medium after a PREEMPT, but not after a
// PREEMPT AND ABORT. A task management function is no task: it is done at once.
func (m *Machine) Begin(from NexusID, req *scsi.Request) (id TaskID, reply scsi.Reply) {
	if req.Function != scsi.Command {
		return 0, m.Execute(from, req)
	}
	m.catchUp()
	return m.admit(from, req)
}

// admit is Begin, for task management functions, too.
func (m *Machine) admit(from NexusID, req *scsi.Request) (id TaskID, reply scsi.Reply) {
	if reply, refused := m.refuse(from, req); refused {
		return 0, reply
	}
	if len(m.tasks) >= mostTasks {
		return 0, m.Status(req, scsi.TaskSetFull)
	}
	m.lastTask++
	m.tasks = append(m.tasks, task{id: m.lastTask, nexus: from, function: req.Function})
	return m.lastTask, scsi.Reply{}
}

// Finish performs a command that Begin let in. If it was aborted meanwhile
// nothing happens and the status is TASK ABORTED.
func (m *Machine) Finish(id TaskID, req *scsi.Request) scsi.Reply {
	m.catchUp()
	at := m.tasks.find(id)
	if at < 0 {
		return m.Status(req, scsi.TaskAborted)
	}
	return m.perform(m.tasks.take(at).nexus, req)
}

// Withdraw takes a command back, as an initiator does after a timeout.
func (m *Machine) Withdraw(id TaskID) {
	m.tasks.drop(func(t task) bool { return t.id == id })
}
