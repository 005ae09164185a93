package commands

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lunguard/commands/reservations"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Page and code say the same of each command: its options, its exit statuses,
// its messages; and each example of the page is run.
func TestManualPages(t *testing.T) {
	for _, a := range applets().Applets {
		p := readManPage(t, a.Name)
		for _, c := range p.complaints(t, a) {
			t.Errorf("%s: %s", p.file, c)
		}
	}
}

// The examples of pages that are about no command are run, too.
func TestOtherPages(t *testing.T) {
	for _, section := range []string{"5", "7"} {
		files, err := filepath.Glob(filepath.Join("..", "man", "*."+section))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := parseManPage(filepath.Base(file), string(text))
			if len(p.examples()) == 0 {
				continue
			}
			script, err := os.ReadFile(filepath.Join("testdata", "manual", p.file+".txtar"))
			if err != nil {
				t.Errorf("%s: the examples have no set-up: %v", p.file, err)
				continue
			}
			for _, c := range badSetup(len(p.examples()), string(script)) {
				t.Errorf("%s: %s", p.file, c)
			}
		}
	}
}

// The tests of pages do find what is wrong.
func TestManPageComplaints(t *testing.T) {
	good := readManPage(t, "pr_fence")
	if list := good.complaints(t, reservations.PRFence()); len(list) > 0 {
		t.Fatalf("%q", list)
	}
	for from, want := range map[string][2]string{
		".It Fl n , -node":                 {".It Fl x , -node", "option n is not explained"},
		".It Fl v , -verbose":              {".It Fl v , -verbose , -frob", "there is no option frob"},
		".It Fl C , -config":               {".It Fl z\n.It Fl C , -config", "option C is out of order"},
		"\n.It 2\n":                        {"\n.It 3\n", "exit statuses are 0, 1, 3, 128 + N, not 0, 1, 2, 128 + N"},
		".Sh SEE ALSO":                     {".Sh SEE", "section SEE ALSO is missing"},
		".Bd -literal -offset indent\n# p": {".Bd -filled\n# p", "there is no example"},
		".Xr lunguard-messages 7 .":        {".Xr lunguard 7 .", "DIAGNOSTICS does not point to lunguard-messages(7)"},
		".Sh DIAGNOSTICS":                  {".Sh DIAGNOSTICS\n.It a message", "DIAGNOSTICS has messages"},
	} {
		if !strings.Contains(good.text, from) {
			t.Errorf("%q does not stand in the page", from)
			continue
		}
		bad := parseManPage(good.file, strings.Replace(good.text, from, want[0], 1))
		list := bad.complaints(t, reservations.PRFence())
		if !slices.ContainsFunc(list, func(c string) bool { return strings.HasPrefix(c, want[1]) }) {
			t.Errorf("%q in place of %q: %q", want[0], from, list)
		}
	}
}
