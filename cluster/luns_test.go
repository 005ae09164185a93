package cluster

import (
	"errors"
	"strings"
	"testing"
)

// A package without a LUN says so on purpose, or is in error; where nothing is to be protected it
// needs none.
func TestDisksKnown(t *testing.T) {
	for _, c := range []struct {
		config, lines string
		missing, ok   bool
	}{
		{"", "", true, false},
		{"", "no_luns no\n", true, false},
		{"", "no_luns yes\n", false, true},
		{"", "NO_LUNS YES\n", false, true},
		{"", "vg vg1\n", false, true},
		{"", "pv /dev/sda\n", false, true},
		{"forced_pr_disable yes\n", "", true, true},
	} {
		conf, err := ParseConfig(strings.NewReader(c.config+manyNodes(1)+"package_name p\n"+c.lines), "f")
		if err != nil {
			t.Fatal(err)
		}
		var none *NoLUNError
		p := &conf.Packages[0]
		if errors.As(p.DisksKnown(), &none) != c.missing || (conf.DisksKnown(p) == nil) != c.ok {
			t.Errorf("%q %q: %v, %v", c.config, c.lines, p.DisksKnown(), conf.DisksKnown(p))
		}
	}
}
