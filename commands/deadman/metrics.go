package deadman

import (
	"bytes"
	"slices"
	"time"

	"lunguard/cluster/ownfile"
	"lunguard/commands/picture"
	"lunguard/commands/watchdog"
	"lunguard/commands/words"
)

// metricsPause is how old the file may become while nothing changes.
const metricsPause = 15 * time.Second

// metricsFile is the file of metrics, which is written beside the watch: whether it can
// be does not matter to that. nil is none.
type metricsFile struct {
	name, node string
	// fail is told why the file cannot be written, once.
	fail func(error)
	// news has the newest state that was not written yet.
	news chan []watchdog.Status
	done chan struct{}
	// last is what was handed over last, and when. They belong to the watch.
	last []watchdog.State
	when time.Duration
}

// newMetricsFile begins to write a file; nil without a name.
func newMetricsFile(name, node string, fail func(error)) *metricsFile {
	if name == "" {
		return nil
	}
	m := &metricsFile{name: name, node: node, fail: fail, news: make(chan []watchdog.Status, 1), done: make(chan struct{})}
	go m.work()
	return m
}

// take takes what is known after a pass. It does not block: what nobody has written yet
// gives way to what is newer.
func (m *metricsFile) take(list []watchdog.Status, now time.Duration) {
	if m == nil {
		return
	}
	states := make([]watchdog.State, len(list))
	for i, l := range list {
		states[i] = l.State
	}
	if m.last != nil && slices.Equal(states, m.last) && now-m.when < metricsPause {
		return
	}
	m.last, m.when = states, now
	select {
	case <-m.news:
	default:
	}
	m.news <- list
}

// close ends the writing.
func (m *metricsFile) close() {
	if m != nil {
		close(m.done)
	}
}

func (m *metricsFile) work() {
	failed := false
	for {
		select {
		case <-m.done:
			return
		case list := <-m.news:
			err := m.write(list)
			if err != nil && !failed {
				m.fail(&metricsError{err})
			}
			failed = err != nil
		}
	}
}

func (m *metricsFile) write(list []watchdog.Status) error {
	w := picture.Watch{Time: time.Now(), Node: m.node}
	for _, s := range watchdog.States() {
		w.States = append(w.States, string(s))
	}
	for _, l := range list {
		w.LUNs = append(w.LUNs, picture.WatchedLUN{Package: l.Package, LUN: l.LUN, State: string(l.State)})
	}
	var b bytes.Buffer
	if err := w.Metrics(&b); err != nil {
		return err
	}
	return ownfile.Publish(m.name, b.Bytes())
}

// metricsError says that the metrics could not be written.
type metricsError struct{ err error }

func (e *metricsError) Error() string { return "metrics: " + e.err.Error() }

// Unwrap gives the reason.
func (e *metricsError) Unwrap() error { return e.err }

func (e *metricsError) Message() words.Message {
	return words.Message{What: e.Error(), Hint: "the watch goes on without them", Status: words.ExitFailed}
}
