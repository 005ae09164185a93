package front

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPager(t *testing.T) {
	find := func(name string) (string, error) {
		if name == "nothere" {
			return "", errors.New("not found")
		}
		return "/bin/" + name, nil
	}
	for _, c := range []struct {
		env  string
		want []string
	}{
		{"TERM=xterm", []string{"/bin/less"}},
		{"", nil},
		{"TERM=dumb MANPAGER=most", nil},
		{"TERM=xterm PAGER=pg MANPAGER=most", []string{"/bin/most"}},
		{"TERM=xterm PAGER=pg,-x", []string{"/bin/pg", "-x"}},
		{"TERM=xterm MANPAGER=nothere PAGER=pg", []string{"/bin/pg"}},
		// No shell reads this.
		{"TERM=xterm PAGER=pg;,rm,$(x)", []string{"/bin/pg;", "rm", "$(x)"}},
	} {
		getenv := func(name string) string {
			for _, word := range strings.Fields(c.env) {
				if value, ok := strings.CutPrefix(word, name+"="); ok {
					return strings.ReplaceAll(value, ",", " ")
				}
			}
			return ""
		}
		if got := pager(getenv, find); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.env, got, c.want)
		}
	}
}
