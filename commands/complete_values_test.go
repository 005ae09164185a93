package commands

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// A flag brings what its value can be.
func TestCompleteValues(t *testing.T) {
	flags := []cli.Flag{logFlag(), colorFlag(), offering(&cli.StringFlag{Name: "html"}, oneOf(shellFiles)), &cli.StringFlag{Name: "nosuch"}}
	l := completion{c: &call{getenv: func(string) string { return "" }}, applet: &applet{name: "any", flags: flags}}
	want := map[string][]string{
		"log": {"stderr", "syslog", "none"}, "color": {"auto", "always", "never"}, "html": {shellFiles}, "nosuch": nil,
	}
	for _, o := range options(flags) {
		var got []string
		for _, s := range l.offers(o.values, "") {
			got = append(got, s.word)
		}
		if diff := gocmp.Diff(want[o.names[0]], got); diff != "" {
			t.Errorf("--%s (-want +got):\n%s", o.names[0], diff)
		}
	}
}
