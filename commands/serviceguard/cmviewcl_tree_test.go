package serviceguard

import (
	"bytes"
	"strings"
	"testing"

	"lunguard/cluster"
	"lunguard/pr"
	"lunguard/protocol"
)

// Whatever stands in a value, it stays on one line.
func TestViewOneLine(t *testing.T) {
	o := &object{}
	o.set("a", "x\r\ny|z=1")
	o.add("k", "n\nm").set("b", "")
	var out bytes.Buffer
	o.lines(&out, "")
	if want := "a=x  y|z=1\nk:n m|b=\n"; out.String() != want {
		t.Errorf("%q, %q expected", out.String(), want)
	}
}

// What the config says stands behind what was found out, and a node that may
// not run a package is shown where its key is.
func TestPortraitOfStranger(t *testing.T) {
	conf, err := cluster.ParseConfig(strings.NewReader("NODE_NAME a\nNODE_PR_KEY 1\nNODE_NAME b\nNODE_PR_KEY 2\npackage_name p\nnode_name a\npv /dev/sda\n"), "c")
	if err != nil {
		t.Fatal(err)
	}
	pkg := &conf.Packages[0]
	state := &pr.State{Registrations: []pr.Registration{{Key: 2}}, Reservation: &pr.Reservation{Key: 2}}
	view := conf.ViewOf(pkg, []protocol.View{{Support: protocol.Supported, State: state}})
	p := &portrait{conf: conf, live: true, views: map[string]*cluster.PackageView{"p": view}}
	var out bytes.Buffer
	p.pkg(pkg).lines(&out, "")
	for _, want := range []string{"owner=b\n", "node:a|switching=enabled\n", "node:b|status=up\n", "node:b|switching=disabled\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
