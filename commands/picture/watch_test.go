package picture

import (
	"bytes"
	"testing"
	"time"
)

// Each state of a LUN has a sample, and what a name has in it breaks no line.
func TestWatchMetrics(t *testing.T) {
	w := Watch{Time: time.UnixMilli(1500), Node: "jack3", States: []string{"present", "empty"},
		LUNs: []WatchedLUN{{"pkg1", "/dev/sda", "empty"}, {"pkg\"1", "/dev/sdb", "present"}}}
	var b bytes.Buffer
	if err := w.Metrics(&b); err != nil {
		t.Fatal(err)
	}
	const want = `# HELP lunguard_watchdog_last_run_timestamp_seconds When pr_watchdog last wrote this.
# TYPE lunguard_watchdog_last_run_timestamp_seconds gauge
lunguard_watchdog_last_run_timestamp_seconds{node="jack3"} 1.5
# HELP lunguard_watchdog_lun_state What pr_watchdog knows of a LUN: 1 for the state that it has. empty: nobody is registered any more, and no fence leaves that.
# TYPE lunguard_watchdog_lun_state gauge
lunguard_watchdog_lun_state{package="pkg1",lun="/dev/sda",state="present"} 0
lunguard_watchdog_lun_state{package="pkg1",lun="/dev/sda",state="empty"} 1
lunguard_watchdog_lun_state{package="pkg\"1",lun="/dev/sdb",state="present"} 1
lunguard_watchdog_lun_state{package="pkg\"1",lun="/dev/sdb",state="empty"} 0
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s", got)
	}
}
