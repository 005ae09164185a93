package cluster

import (
	"os"
	"strings"
	"testing"
)

// part is what stands in the config of a package, or of the cluster.
func (d *desk) part(name string) string {
	d.t.Helper()
	text, err := Part(d.t.Context(), d.conf, name)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// What comes out of a config is what went in, whatever comments stand where, and
// changes nothing when it goes in again.
func TestParts(t *testing.T) {
	cluster := "# top\n\nCLUSTER_PR_TAG 1 # why\nCLUSTER_NAME x\nNODE_NAME a\n  NODE_ID 1\n# FORCED_PR_DISABLE no\n\n# bottom\n"
	files := map[string]string{
		"p": "#***\n# about p\n\npackage_name p\n\n# vg is a group\nvg v1\n\n#service_name\n#service_cmd\n\n# the end\n",
		"q": "# about q\npackage_name q\n#\tvg\n",
		"r": "package_name r\r\nvg\tv2\r\n# here, too\r\n",
		"s": "PACKAGE_NAME s\npackage_description \"a # b \\\" c\"",
	}
	d := newDesk(t, "")
	d.apply(cluster, files["p"], files["q"])
	d.apply("", files["r"], files["s"])
	before := d.apply("")
	want := func(name, text string) {
		t.Helper()
		d.want(d.part(name), strings.TrimRight(strings.ReplaceAll(text, "\r", ""), "\n")+"\n")
	}
	want("", cluster)
	for name, text := range files {
		want(name, text)
		d.want(d.apply("", d.part(name)), before)
		d.want(d.apply("", text), before)
	}
	d.want(d.apply(d.part("")), before)
	d.want(d.apply(d.part(""), d.part("p"), d.part("q"), d.part("r"), d.part("s")), before)
	// Other comments at an end take the place of those that were there, and of no others.
	d.apply("", strings.Replace(files["p"], "# the end", "# the other end", 1))
	want("p", strings.Replace(files["p"], "# the end", "# the other end", 1))
	want("q", files["q"])
	d.want(d.apply("", files["p"]), before)
	if _, err := Part(t.Context(), d.conf, "nosuch"); err == nil || err.Error() != "nosuch is not a configured package name" {
		t.Errorf("%v", err)
	}
	if err := os.Remove(d.conf); err != nil {
		t.Fatal(err)
	}
	if _, err := Part(t.Context(), d.conf, ""); err == nil {
		t.Error("a part of nothing")
	}
}

// A config that nobody has merged has parts, too.
func TestPartsByHand(t *testing.T) {
	const text = "# top\nNODE_NAME a\nNODE_PR_KEY 1\n\n# of p\npackage_name p\nvg v1\n# of q\npackage_name q\n# left\n"
	d := newDesk(t, text)
	for name, want := range map[string]string{
		"": "# top\nNODE_NAME a\nNODE_PR_KEY 1\n", "p": "# of p\npackage_name p\nvg v1\n", "q": "# of q\npackage_name q\n# left\n",
	} {
		d.want(d.part(name), want)
		if name == "" {
			d.want(d.apply(want), text)
		} else {
			d.want(d.apply("", want), text)
		}
	}
}
