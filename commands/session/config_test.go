package session

import (
	"bytes"
	"context"
	"flag"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"lunguard/commands/front"
)

// A simulated host that only the environment names, and the config of this machine: that
// is said.
func TestWarnSimulated(t *testing.T) {
	const own = "/etc/x/cluster.conf"
	for name, c := range map[string]struct {
		variable, option, path string
		want                   bool
	}{
		"this machine":        {"", "", own, false},
		"forgotten":           {"/sim/jack3", "", own, true},
		"named as it is":      {"/sim/jack3", "", "/etc/x/../x/cluster.conf", true},
		"asked for":           {"/sim/jack3", "/sim/jack3", own, false},
		"asked for, not left": {"", "/sim/jack3", own, false},
		"config of its own":   {"/sim/jack3", "", "/sim/cluster.conf", false},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			call := front.NewCall(context.Background(), &front.Applet{Name: "pr_start"}, front.Streams{Err: &said}, func(v string) string {
				return map[string]string{front.SimVariable: c.variable}[v]
			})
			set := flag.NewFlagSet("", flag.ContinueOnError)
			set.String("sim", c.option, "")
			call.Flags = cli.NewContext(nil, set, nil)
			warnSimulated(call, c.path, own)
			if got := strings.HasPrefix(said.String(), "pr_start: warning: LUNGUARD_SIM is set: nothing is done on this machine, "); got != c.want || !got && said.Len() > 0 {
				t.Errorf("%q", said.String())
			}
		})
	}
}
