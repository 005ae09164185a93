//go:build lab

package guest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSystemLog looks at the lines that a take-over leaves in the system log: one a change,
// one for the end.
func TestSystemLog(t *testing.T) {
	c := rawCluster(t, 1)
	mustType(t, c.jack3, "pr_start pkg1")
	log, err := ListenLog()
	if err != nil {
		t.Fatal(err)
	}
	mustType(t, c.jack4, "pr_start pkg1")
	dev := c.jack4.Disk(0, 0)
	for _, want := range []string{
		fmt.Sprintf("action=register pkg=pkg1 node=jack4 dev=%s wwid=naa.", dev),
		fmt.Sprintf("action=preempt pkg=pkg1 node=jack4 dev=%s wwid=naa.", dev),
		"action=start pkg=pkg1 node=jack4 luns=1 ",
	} {
		seen := func(line string) bool {
			return strings.Contains(line, " pr_start[") && strings.Contains(line, want) && strings.HasSuffix(line, " result=ok")
		}
		for limit := time.Now().Add(10 * time.Second); !slices.ContainsFunc(log.Lines(), seen); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("no line with %s among %q", want, log.Lines())
			}
		}
	}
}
