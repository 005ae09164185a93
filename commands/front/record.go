package front

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"lunguard/commands/syslog"
	"lunguard/commands/words"
)

// Deed is what a command did, or what it saw, as the log calls it. What a
// protocol does to a LUN is a protocol.Action.
type Deed string

// Deeds. docs/logging.md describes each.
const (
	DeedStart   Deed = "start"
	DeedHalt    Deed = "halt"
	DeedFence   Deed = "fence"
	DeedKeep    Deed = "keep"
	DeedEvict   Deed = "evict"
	DeedRepair  Deed = "repair"
	DeedRestore Deed = "restore"
	DeedReadmit Deed = "readmit-paths"
	DeedCleanup Deed = "cleanup"
	DeedCopy    Deed = "copy"
	DeedRun     Deed = "run-package"
	DeedHaltPkg Deed = "halt-package"
	DeedApply   Deed = "apply-config"

	SawForeign Deed = "foreign-key"

	DeedArm     Deed = "watchdog-arm"
	DeedDisarm  Deed = "watchdog-disarm"
	SawEmpty    Deed = "keys-lost"
	SawGone     Deed = "key-gone"
	SawBack     Deed = "key-back"
	SawUnknown  Deed = "lun-unknown"
	SawKnown    Deed = "lun-known"
	DeedDeadman Deed = "deadman"
	SawNotFed   Deed = "feed-failed"
	SawFed      Deed = "feed-works"
)

// Field is the name of a value in the log.
type Field string

// Fields. docs/logging.md describes each.
const (
	fieldAction  Field = "action"
	FieldPackage Field = "pkg"
	FieldNode    Field = "node"
	FieldGroup   Field = "vg"
	FieldFile    Field = "file"
	FieldDevice  Field = "dev"
	FieldPath    Field = "path"
	FieldWWID    Field = "wwid"
	FieldKey     Field = "key"
	FieldVictim  Field = "victim"
	FieldHeir    Field = "heir"
	FieldHeirs   Field = "heirs"
	FieldForeign Field = "foreign"
	FieldHolders Field = "holders"
	FieldState   Field = "state"
	FieldPRGen   Field = "prgen"
	fieldResult  Field = "result"
	FieldErr     Field = "err"
	FieldLUNs    Field = "luns"
	FieldSent    Field = "commands"
	fieldMillis  Field = "ms"
)

// result is how something ended.
type result string

// Results.
const (
	resultOK          result = "ok"
	resultError       result = "error"
	resultInterrupted result = "interrupted"
)

// logPatience is how long the end waits for a log that does not read.
const logPatience = time.Second

// LogFlag is --log.
func LogFlag() cli.Flag {
	return Offering(&cli.StringFlag{Name: "log"}, OneOf(logStderr, logSyslog, logNone))
}

// Values of --log.
const (
	logSyslog = "syslog"
	logStderr = "stderr"
	logNone   = "none"
)

// Recorder writes the log of the changes. What protocols do is written by one
// goroutine at a time; nil writes nothing.
type Recorder struct {
	call *Call
	// stderr says that the log is the error stream.
	stderr bool
	// Print writes a line to it; nil writes it here and now.
	Print func(format string, args ...any)
	once  sync.Once
	log   *syslog.Log
}

// openRecorder makes the recorder that the flags ask for.
func (c *Call) openRecorder() (*Recorder, error) {
	where := c.Flags.String("log")
	switch where {
	case "":
		if where = logSyslog; c.Simulated() != "" {
			where = logNone
		}
	case logSyslog, logStderr, logNone:
	default:
		return nil, Usagef("--log %s: %s, %s or %s was expected", where, logStderr, logSyslog, logNone)
	}
	if where == logNone || c.Flags.Bool("dry-run") {
		return nil, nil
	}
	return &Recorder{call: c, stderr: where == logStderr}, nil
}

// syslog is the system log, nil if there is none. It is opened for the first
// line.
func (r *Recorder) syslog() *syslog.Log {
	r.once.Do(func() {
		path := r.call.Syslog
		if path == "" {
			path = syslog.DefaultSocket
		}
		log, err := syslog.Open(path, r.call.Prog(), os.Getpid())
		if err != nil && r.call.Verbose() {
			r.call.Warn("nothing goes to the system log: %s: %v", path, err)
		}
		r.log = log
	})
	return r.log
}

// close ends the log.
func (r *Recorder) close() {
	if r == nil || r.log == nil {
		return
	}
	if lost := r.log.Close(logPatience); lost > 0 {
		r.call.Warn("the system log did not take %s", words.Plural(lost, "line"))
	}
}

// Entry is one line of the log in the making.
type Entry struct {
	syslog.Line
	// Severity is that of a notice, unless something went wrong.
	Severity syslog.Severity
}

// NewEntry is the line of something that was done or seen.
func NewEntry(what Deed) *Entry {
	e := &Entry{Severity: syslog.Notice}
	e.Field(fieldAction, string(what))
	return e
}

// Field adds a value.
func (e *Entry) Field(f Field, value string) { e.Add(string(f), value) }

// Result tells how it ended, and why.
func (e *Entry) Result(err error) {
	if err == nil {
		e.Field(fieldResult, string(resultOK))
		return
	}
	e.Severity = syslog.Warning
	e.Field(fieldResult, string(resultError))
	e.Field(FieldErr, InOneLine(err))
}

// InOneLine is an error, as the log has it, whose joined parts stand in one line.
func InOneLine(err error) string {
	list := words.Leaves(err)
	texts := make([]string, len(list))
	for i, leaf := range list {
		texts[i] = leaf.Error()
	}
	return strings.Join(texts, "; ")
}

// Write writes the line.
func (r *Recorder) Write(e *Entry) {
	switch {
	case r == nil:
	case r.stderr && r.Print != nil:
		r.Print("%s%s", r.call.label(), &e.Line)
	case r.stderr:
		fmt.Fprintf(r.call.Err, "%s%s\n", r.call.label(), &e.Line)
	default:
		if log := r.syslog(); log != nil {
			log.Say(e.Severity, time.Now(), e.String())
		}
	}
}

// End writes how a command ended that changed something, or tried to.
func (r *Recorder) End(e *Entry, err error, sig *SignalError) {
	if r == nil {
		return
	}
	switch {
	case err != nil && sig != nil:
		e.Severity = syslog.Warning
		e.Field(fieldResult, string(resultInterrupted))
		e.Field(FieldErr, sig.Error())
	default:
		if e.Result(err); err != nil {
			e.Severity = syslog.Err
		}
	}
	r.Write(e)
}

// Took adds how long something took.
func (e *Entry) Took(since time.Time) {
	e.Field(fieldMillis, strconv.FormatInt(time.Since(since).Milliseconds(), 10))
}
