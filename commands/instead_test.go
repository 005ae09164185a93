package commands

import (
	"bytes"
	"strings"
	"testing"

	"lunguard/commands/front"
)

// Each command of Serviceguard that scripts call is here, or there is one line that
// says what is, whatever options it gets and however it is called.
func TestVendorCommands(t *testing.T) {
	for _, name := range strings.Fields(`cmquerycl cmruncl cmhaltcl cmrunnode cmhaltnode cmmodnet cmsetlog cmversion cmreadlog cmdeploycl
		cmdeleteconf cmviewconf cmscancl cmstartres cmstopres cmpreparecl cmquerystg cmcheckconf cmapplyconf cmviewcl cmgetpkgenv cmgetconf cmrunpkg cmhaltpkg cmrunserv cmhaltserv
		cmmodpkg cmmakepkg`) {
		if a := applets().Find(name); a != nil {
			continue
		}
		for _, argv := range [][]string{{name}, {"/usr/sbin/" + name, "-v", "--frob"}, {front.Self, name}, {front.Self, name, "--help"}} {
			var out, errs bytes.Buffer
			status := Run(t.Context(), front.Streams{Out: &out, Err: &errs}, func(string) string { return "" }, argv)
			said := errs.String()
			if status != 1 || out.Len() > 0 || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "lunguard: error: "+name+" is not here: ") {
				t.Errorf("%q: status %d, %s%s", argv, status, &out, said)
			}
		}
	}
}
