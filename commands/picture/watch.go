package picture

import (
	"bytes"
	"io"
	"time"
)

// Watch is what the deadman knows of its LUNs, for metrics.
type Watch struct {
	Time time.Time
	Node string
	LUNs []WatchedLUN
	// States are all that a LUN can have.
	States []string
}

// WatchedLUN is one of them.
type WatchedLUN struct{ Package, LUN, State string }

// watchFamilies are the metrics of the deadman.
func watchFamilies() (stamp, state *metric) {
	return &metric{name: "lunguard_watchdog_last_run_timestamp_seconds", help: "When pr_watchdog last wrote this."},
		&metric{name: "lunguard_watchdog_lun_state", help: "What pr_watchdog knows of a LUN: 1 for the state that it has. empty: nobody is registered any more, and no fence leaves that."}
}

// Metrics writes it in the text format of Prometheus: for each LUN one sample a state,
// 1 for the one that it has.
func (p *Watch) Metrics(w io.Writer) error {
	stamp, state := watchFamilies()
	stamp.add(float64(p.Time.UnixMilli())/1000, "node", p.Node)
	for _, l := range p.LUNs {
		for _, s := range p.States {
			state.flag(s == l.State, "package", l.Package, "lun", l.LUN, "state", s)
		}
	}
	var b bytes.Buffer
	stamp.write(&b, labelEscapes())
	state.write(&b, labelEscapes())
	_, err := b.WriteTo(w)
	return err
}
