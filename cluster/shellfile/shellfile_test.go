package shellfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tell writes down what was read: NAME[INDEX]=VALUE:LINE, and doubts.
func tell(f *File) string {
	var list []string
	for _, a := range f.Assignments {
		list = append(list, fmt.Sprintf("%s[%d]=%s:%d", a.Name, a.Index, a.Value, a.Line))
	}
	for _, d := range f.Doubts {
		list = append(list, fmt.Sprintf("?%s:%d %s", d.Name, d.Line, d.Reason))
	}
	return strings.Join(list, ", ")
}

// What is certain is read; what is not is a doubt.
func TestRead(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"plain":                  {"VG[0]=vg01\nVG[1]='vg02'\n  VG[2]=\"vg03\" # the log\nVG=vg04", "VG[0]=vg01:1, VG[1]=vg02:2, VG[2]=vg03:3, VG[0]=vg04:4"},
		"parts of a word":        {`VG[0]=vg'0'"1"\2`, "VG[0]=vg012:1"},
		"several in a line":      {"VG[0]=vg01; VG[1]=vg02 VG[2]=vg03;LV[0]=x", "VG[0]=vg01:1, VG[1]=vg02:1, VG[2]=vg03:1"},
		"empty":                  {"VG[0]=\"\"\nVG[1]=\n", "VG[0]=:1, VG[1]=:2"},
		"list":                   {"VG=(vg01 \"vg02\" # two\n vg03)\n", "VG[0]=vg01:1, VG[1]=vg02:1, VG[2]=vg03:1"},
		"list with a variable":   {"VG=(vg01 $X)", "?VG:1 its value has a variable"},
		"list with indices":      {"VG=([1]=vg01)", "?VG:1 its list has indices"},
		"comment":                {"#VG[0]=vg01\n: # VG[0]=vg01\n", ""},
		"# in a word":            {"VG[0]=a#b", "VG[0]=a#b:1"},
		"variable":               {"VG[0]=$X", "?VG:1 its value has a variable"},
		"variable in braces":     {"VG[0]=\"vg${N}\"", "?VG:1 its value has a variable"},
		"no variable":            {`VG[0]='$X'`, "VG[0]=$X:1"},
		"command":                {"VG[0]=$(vgs | tail -1)", "?VG:1 its value has a command substitution"},
		"backquotes":             {"VG[0]=`vgs`", "?VG:1 its value has a command in backquotes"},
		"index":                  {"VG[$I]=vg01\nVG[I+1]=vg01\n", "?VG:1 its index is no number, ?VG:2 its index is no number"},
		"added":                  {"VG+=(vg01)", "?VG:1 it is added to another value"},
		"goes on":                {"VG[0]=vg\\\n01", "?VG:1 it goes on in the next line"},
		"goes on before it":      {"echo a \\\n  b\nVG[0]=vg01\n", "VG[0]=vg01:3"},
		"for one command":        {"VG[0]=vg01 /bin/x", "?VG:1 it is for one command only"},
		"condition":              {"if true\nthen VG[0]=vg01\nfi\nVG[1]=vg02", "VG[1]=vg02:4, ?VG:2 it stands in a condition"},
		"condition of one line":  {"[ -f /x ] && VG[0]=vg01\nfalse || VG[1]=a\nVG[2]=b && VG[3]=c", "VG[2]=b:3, ?VG:1 it stands behind &&, ?VG:2 it stands behind ||, ?VG:3 it stands behind &&"},
		"loop":                   {"for i in 1 2; do\n VG[0]=vg01\ndone\nwhile :; do VG[1]=a; done < /x\nVG[2]=b", "VG[2]=b:5, ?VG:2 it stands in a loop, ?VG:4 it stands in a loop"},
		"case":                   {"case $1 in\nstart) VG[0]=vg01;;\n(stop|x) :;;\nesac\nVG[1]=a", "VG[1]=a:5, ?VG:2 it stands in a case"},
		"functions":              {"f() { VG[0]=a; }\nfunction g\n{\n  VG[1]=b\n}\nh ()\n{\nVG[2]=c\n}\nVG[3]=d", "VG[3]=d:10, ?VG:1 it stands in a function, ?VG:4 it stands in a function, ?VG:8 it stands in a function"},
		"blocks in a function":   {"f() {\n if x; then { a; }; fi\n}\nVG[0]=a\nf2() ( b )\nVG[1]=b", "VG[0]=a:4, VG[1]=b:6"},
		"odd function":           {"f() if x; then VG[0]=a; fi\nVG[1]=b", "?VG:1 it stands in a condition, ?VG:2 it stands in a function without braces"},
		"subshell":               {"(VG[0]=a)\nVG[1]=b | cat\nVG[2]=c &\nx | VG[3]=d\nVG[4]=e", "VG[4]=e:5, ?VG:1 it stands in a subshell, ?VG:2 it is done by another process, ?VG:3 it is done by another process, ?VG:4 it is done by another process"},
		"here-document":          {"cat <<EOF > /x\nVG[0]=a '\nEOF\nVG[1]=b\ncat <<-'E F'\n\tVG[2]=c\n\tE F\nVG[3]=d", "VG[1]=b:4, VG[3]=d:8"},
		"here-string":            {"cat <<< VG[0]=a\nVG[1]=b", "VG[1]=b:2"},
		"text with brackets":     {"echo \"a ( b\" 'c ) d' \\( $(x \")\" # )\n) ${y:-)}\nVG[0]=a", "VG[0]=a:3"},
		"arithmetic":             {"((i = 1 << 2))\nx=$((1 << 2))\n(( i < 3 )) && y\nVG[0]=a", "VG[0]=a:4"},
		"test":                   {"[[ $a < b && ( $c == (d|e) ) ]]\nVG[0]=a", "VG[0]=a:2"},
		"read only":              {"for I in ${VG[@]}; do vgchange -a y $I ${#VG[*]}; done\nset -- $VG\neval echo ${VG[0]}", ""},
		"changed by a command":   {"set -A VG a b\nread VG\nunset VG[0]\neval \"VG[0]=x\"\ntypeset -a VG\nfor VG in a; do :; done", "?VG:1 set may change it, ?VG:2 read may change it, ?VG:3 unset may change it, ?VG:4 eval may change it, ?VG:5 typeset may change it, ?VG:6 for may change it"},
		"exported":               {"export VG=a", "VG[0]=a:1"},
		"another file":           {". /etc/rc\n. ${SGCONFFILE:=/etc/cmcluster.conf}\nsource /etc/cmcluster.conf", "?:1 it reads another file"},
		"quote without an end":   {"VG[0]=a\necho \"x\nVG[1]=b", "VG[0]=a:1, ?:2 a quote has no end"},
		"document without end":   {"cat <<E\nVG[0]=a", "?:2 a here-document has no end"},
		"command without an end": {"echo $(x\nVG[0]=a", "?:1 a command substitution has no end"},
		"CRLF":                   {"#!/bin/sh\nx\r\nVG[0]=a\r\n", "?:2 its lines end with carriage returns, which a shell takes for a part of words"},
		"other names":            {"XVG[0]=a\nVG_X=b\nVGS=c\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, tell(Read(c.text, Variables{"VG"}, false))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The vendor's file of folders: all of it, with what was assigned before.
func TestReadAll(t *testing.T) {
	const text = "# directories\r\nSGROOT=/opt/cmcluster\r\nSGCONF=${SGROOT}/conf\nSGRUN=\"$SGROOT\"/run; export SGRUN\nexport SGLIB='/usr/lib'\nSGX=$HOME/x\nif a; then SGY=b; fi\n"
	const want = "SGROOT[0]=/opt/cmcluster:2, SGCONF[0]=/opt/cmcluster/conf:3, SGRUN[0]=/opt/cmcluster/run:4, SGLIB[0]=/usr/lib:5, ?SGX:6 its value has a variable, ?SGY:7 it stands in a condition"
	if diff := cmp.Diff(want, tell(Read(text, nil, true))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A megabyte takes no longer than its length.
func TestReadLong(t *testing.T) {
	text := strings.Repeat("for I in ${VG[@]}; do print \"$I is $(x `y`)\"; done # a comment\n", 1<<14) + "VG[0]=a"
	if got := tell(Read(text, Variables{"VG", "LV", "FS"}, false)); got != "VG[0]=a:16385" {
		t.Error(got)
	}
	for _, open := range []string{"$(", "(", "{ ", "\"$(", "${", "f() {", "<<", "`"} {
		Read(strings.Repeat(open, 1<<12), Variables{"VG"}, false)
	}
}

// Anything is read to its end, and no line is beyond it.
func FuzzRead(f *testing.F) {
	f.Add("VG[0]=a\nf() { VG[1]=$(x); }\ncat <<E\nE\ncase a in b) ;; esac\n")
	f.Add("VG=(a b\n[[ ( ]]\n${ ` \\")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 2
		got := Read(text, Variables{"VG"}, false)
		for _, a := range got.Assignments {
			if a.Line < 1 || a.Line > lines || a.Name != "VG" {
				t.Errorf("%+v", a)
			}
		}
		for _, d := range got.Doubts {
			if d.Line < 1 || d.Line > lines || d.Reason == "" {
				t.Errorf("%+v", d)
			}
		}
		Read(text, nil, true)
	})
}
