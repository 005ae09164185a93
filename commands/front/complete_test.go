package front

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// A flag brings what its value can be.
func TestCompleteValues(t *testing.T) {
	flags := []cli.Flag{LogFlag(), ColorFlag(), Offering(&cli.StringFlag{Name: "html"}, OneOf(ShellFiles)), &cli.StringFlag{Name: "nosuch"}}
	l := Completion{Call: &Call{Getenv: func(string) string { return "" }}, applet: &Applet{Name: "any", Flags: flags}}
	want := map[string][]string{
		"log": {"stderr", "syslog", "none"}, "color": {"auto", "always", "never"}, "html": {ShellFiles}, "nosuch": nil,
	}
	for _, o := range Options(flags) {
		var got []string
		for _, s := range l.offers(o.values, "") {
			got = append(got, s.Word)
		}
		if diff := gocmp.Diff(want[o.names[0]], got); diff != "" {
			t.Errorf("--%s (-want +got):\n%s", o.names[0], diff)
		}
	}
}
