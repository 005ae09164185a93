package front

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testOptions are those of an applet, and two that share a prefix.
func testOptions() []option {
	return []option{
		{names: []string{"help", "h"}},
		{names: []string{"verbose", "v"}},
		{names: []string{"version"}},
		{names: []string{"key", "k"}, value: true},
		{names: []string{"config", "C"}, value: true},
		{names: []string{"colour", "color"}, value: true},
		{names: []string{"dry-run"}},
		{names: []string{"watch"}, value: true, alone: "2"},
	}
}

// The rules are those of GNU getopt_long, as users of the shell know them.
func TestCanonical(t *testing.T) {
	cases := map[string]struct{ in, want string }{
		"nothing":                   {"", "--"},
		"operands":                  {"a b", "-- a b"},
		"option first":              {"-v a", "--verbose -- a"},
		"option last":               {"a -v", "--verbose -- a"},
		"cluster":                   {"-vh", "--verbose --help --"},
		"value glued":               {"-k10", "--key=10 --"},
		"value behind":              {"-k 10", "--key=10 --"},
		"value glued to a cluster":  {"-vk10", "--verbose --key=10 --"},
		"value behind a cluster":    {"-vk 10 a", "--verbose --key=10 -- a"},
		"cluster ends in the value": {"-kv", "--key=v --"},
		"value that is an option":   {"-k -v", "--key=-v --"},
		"value that ends options":   {"-k -- a", "--key=-- -- a"},
		"short with equals":         {"-k=10", "--key==10 --"},
		"long with equals":          {"--key=10", "--key=10 --"},
		"long with two equals":      {"--key=a=b", "--key=a=b --"},
		"long with empty value":     {"--key=", "--key= --"},
		"long with value behind":    {"--key 10 a", "--key=10 -- a"},
		"prefix":                    {"--dry", "--dry-run --"},
		"prefix with value":         {"--ke 10", "--key=10 --"},
		"prefix of both its names":  {"--colo=red", "--colour=red --"},
		"prefix of one letter":      {"--k=1", "--key=1 --"},
		"second long name":          {"--color red", "--colour=red --"},
		"whole name, longer ones":   {"--verbose", "--verbose --"},
		"end of options":            {"-v -- -h a", "--verbose -- -h a"},
		"end of options twice":      {"-- -- -v", "-- -- -v"},
		"end behind operands":       {"a -- -v", "-- a -v"},
		"one dash is an operand":    {"- -v -", "--verbose -- - -"},
		"value that may be missing": {"--watch 5", "--watch=2 -- 5"},
		"value that is not missing": {"--watch=5", "--watch=5 --"},
		"value that is empty":       {"--watch= a", "--watch= -- a"},
		"prefix without its value":  {"--wat -v", "--watch=2 --verbose --"},
		"repeated":                  {"-k1 -k 2", "--key=1 --key=2 --"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := canonical(strings.Fields(c.in), testOptions())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(c.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCanonicalErrors(t *testing.T) {
	cases := map[string]struct{ in, want string }{
		"unknown letter":            {"-x", "invalid option -- 'x'"},
		"unknown letter in cluster": {"-vxh", "invalid option -- 'x'"},
		"letter beyond ASCII":       {"-é", "invalid option -- 'é'"},
		"unknown name":              {"--nonsense", "unrecognized option '--nonsense'"},
		"name with a tail":          {"--verbosely", "unrecognized option '--verbosely'"},

		"capital as a name":     {"--C=1", "unrecognized option '--C=1'"},
		"ambiguous":             {"--ver", "option '--ver' is ambiguous; possibilities: '--verbose' '--version'"},
		"no name":               {"--=1", "option '--=1' is ambiguous; possibilities: '--help' '--verbose' '--version' '--key' '--config' '--colour' '--color' '--dry-run' '--watch'"},
		"value not wanted":      {"--verbose=1", "option '--verbose' doesn't allow an argument"},
		"value missing, letter": {"a -k", "option requires an argument -- 'k'"},
		"value missing, name":   {"a --key", "option '--key' requires an argument"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := canonical(strings.Fields(c.in), testOptions())
			var usage *usageError
			if !errors.As(err, &usage) || err.Error() != c.want {
				t.Errorf("%v, error %v, want %s", got, err, c.want)
			}
		})
	}
}

// Whatever is typed: no panic, nothing with an error, options in a form that
// cannot be taken for anything else, operands untouched and in order, and the
// canonical form is that of itself.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"", "-v\na", "-vk10\n--dry\n--\n-x", "--key\n-v", "-\n--=\n-k", "--colo=\xff", "-\xff\xfe", "--\n--", "-kv=\n=", "--v", "--k=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		opts := testOptions()
		got, err := canonical(args, opts)
		end := slices.Index(got, "--")
		if end < 0 {
			t.Fatalf("%q: no end of options", got)
		}
		for _, o := range got[:end] {
			name, _, has := strings.Cut(strings.TrimPrefix(o, "--"), "=")
			at := slices.IndexFunc(opts, func(o option) bool { return o.names[0] == name })
			if at < 0 || opts[at].value != has {
				t.Fatalf("%q: %q is no option", got, o)
			}
		}
		if err != nil {
			if len(got) != end+1 {
				t.Fatalf("%q: operands with error %v", got, err)
			}
			return
		}
		rest := args
		for _, o := range got[end+1:] {
			at := slices.Index(rest, o)
			if at < 0 {
				t.Fatalf("%q: operand %q is not in %q", got, o, rest)
			}
			rest = rest[at+1:]
		}
		again, err := canonical(got, opts)
		if diff := cmp.Diff(got, again); diff != "" || err != nil {
			t.Fatalf("not canonical: %v (-once +twice):\n%s", err, diff)
		}
	})
}
