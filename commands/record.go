package commands

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
	"lunguard/protocol"
	"lunguard/scsi"
)

// deed is what a command did, or what it saw, as the log calls it. What a
// protocol does to a LUN is a protocol.Action.
type deed string

// Deeds. docs/logging.md describes each.
const (
	deedStart   deed = "start"
	deedHalt    deed = "halt"
	deedFence   deed = "fence"
	deedRepair  deed = "repair"
	deedReadmit deed = "readmit-paths"
	deedCleanup deed = "cleanup"
	deedCopy    deed = "copy"
	deedRun     deed = "run-package"
	deedHaltPkg deed = "halt-package"
	deedApply   deed = "apply-config"

	sawForeign deed = "foreign-key"

	deedArm     deed = "watchdog-arm"
	deedDisarm  deed = "watchdog-disarm"
	sawGone     deed = "key-gone"
	sawBack     deed = "key-back"
	sawUnknown  deed = "lun-unknown"
	sawKnown    deed = "lun-known"
	deedDeadman deed = "deadman"
	sawNotFed   deed = "feed-failed"
	sawFed      deed = "feed-works"
)

// field is the name of a value in the log.
type field string

// Fields. docs/logging.md describes each.
const (
	fieldAction  field = "action"
	fieldPackage field = "pkg"
	fieldNode    field = "node"
	fieldGroup   field = "vg"
	fieldFile    field = "file"
	fieldDevice  field = "dev"
	fieldPath    field = "path"
	fieldWWID    field = "wwid"
	fieldKey     field = "key"
	fieldVictim  field = "victim"
	fieldHeir    field = "heir"
	fieldHeirs   field = "heirs"
	fieldForeign field = "foreign"
	fieldHolders field = "holders"
	fieldPRGen   field = "prgen"
	fieldResult  field = "result"
	fieldErr     field = "err"
	fieldLUNs    field = "luns"
	fieldSent    field = "commands"
	fieldMillis  field = "ms"
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

func logFlag() cli.Flag {
	return offering(&cli.StringFlag{Name: "log"}, oneOf(logStderr, logSyslog, logNone))
}

// Values of --log.
const (
	logSyslog = "syslog"
	logStderr = "stderr"
	logNone   = "none"
)

// recorder writes the log of the changes. What protocols do is written by one
// goroutine at a time; nil writes nothing.
type recorder struct {
	call *call
	// stderr says that the log is the error stream, to which print writes;
	// nil writes to it here and now.
	stderr bool
	print  func(format string, args ...any)
	once   sync.Once
	log    *syslog.Log
}

// openRecorder makes the recorder that the flags ask for.
func (c *call) openRecorder() (*recorder, error) {
	where := c.flags.String("log")
	switch where {
	case "":
		if where = logSyslog; c.simulated() != "" {
			where = logNone
		}
	case logSyslog, logStderr, logNone:
	default:
		return nil, usagef("--log %s: %s, %s or %s was expected", where, logStderr, logSyslog, logNone)
	}
	if where == logNone || c.flags.Bool("dry-run") {
		return nil, nil
	}
	return &recorder{call: c, stderr: where == logStderr}, nil
}

// syslog is the system log, nil if there is none. It is opened for the first
// line.
func (r *recorder) syslog() *syslog.Log {
	r.once.Do(func() {
		path := r.call.Syslog
		if path == "" {
			path = syslog.DefaultSocket
		}
		log, err := syslog.Open(path, r.call.prog(), os.Getpid())
		if err != nil && r.call.verbose() {
			r.call.warn("nothing goes to the system log: %s: %v", path, err)
		}
		r.log = log
	})
	return r.log
}

// close ends the log.
func (r *recorder) close() {
	if r == nil || r.log == nil {
		return
	}
	if lost := r.log.Close(logPatience); lost > 0 {
		r.call.warn("the system log did not take %s", words.Plural(lost, "line"))
	}
}

// entry is one line of the log in the making.
type entry struct {
	syslog.Line
	severity syslog.Severity
}

func newEntry[A deed | protocol.Action](what A) *entry {
	e := &entry{severity: syslog.Notice}
	e.add(fieldAction, string(what))
	return e
}

func (e *entry) add(f field, value string) { e.Add(string(f), value) }

func (e *entry) key(f field, k scsi.Key) {
	if k != 0 {
		e.add(f, k.String())
	}
}

// result tells how it ended, and why.
func (e *entry) result(err error) {
	if err == nil {
		e.add(fieldResult, string(resultOK))
		return
	}
	e.severity = syslog.Warning
	e.add(fieldResult, string(resultError))
	e.add(fieldErr, inOneLine(err))
}

// inOneLine is an error whose joined parts stand in one line.
func inOneLine(err error) string {
	list := words.Leaves(err)
	texts := make([]string, len(list))
	for i, leaf := range list {
		texts[i] = leaf.Error()
	}
	return strings.Join(texts, "; ")
}

// write writes the line.
func (r *recorder) write(e *entry) {
	switch {
	case r == nil:
	case r.stderr && r.print != nil:
		r.print("%s%s", r.call.label(), &e.Line)
	case r.stderr:
		fmt.Fprintf(r.call.Err, "%s%s\n", r.call.label(), &e.Line)
	default:
		if log := r.syslog(); log != nil {
			log.Say(e.severity, time.Now(), e.String())
		}
	}
}

// end writes how a command ended that changed something, or tried to.
func (r *recorder) end(e *entry, err error, sig *signalError) {
	if r == nil {
		return
	}
	switch {
	case err != nil && sig != nil:
		e.severity = syslog.Warning
		e.add(fieldResult, string(resultInterrupted))
		e.add(fieldErr, sig.Error())
	default:
		if e.result(err); err != nil {
			e.severity = syslog.Err
		}
	}
	r.write(e)
}

// took adds how long something took.
func (e *entry) took(since time.Time) {
	e.add(fieldMillis, strconv.FormatInt(time.Since(since).Milliseconds(), 10))
}
