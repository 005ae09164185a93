//go:build lab

package guest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// difference is one way in which ours is meant to differ. An invocation of the story names
// it; a name that nothing shows any more, or that changes nothing there, is a failure.
type difference struct {
	name, why string
	want      func(o outcome) Result        // what ours prints
	again     func(words []string) []string // see outcome.then
}

// outcome is what an expectation is made of.
type outcome struct {
	words []string // of the invocation
	first Result   // what the original printed
	then  Result   // what it printed when called once more, with the words that again made
}

// differences is the table of all of them.
func differences() []difference {
	return []difference{
		{name: "option", why: "a mistake in the call is no success",
			want: func(o outcome) Result { o.first.Exit = 1; return o.first }},
		{name: "ro", why: "to read needs no right to write, and closing a disk opened for writing wakes udev",
			want: func(o outcome) Result {
				o.first.Stderr = strings.NewReplacer("(rw)", "(ro)", "0x802", "0x800").Replace(o.first.Stderr)
				return o.first
			}},
		{name: "folder", why: "the original fails to open it for writing; what is opened for reading fails later",
			again: func(words []string) []string { return append([]string{"-y"}, words...) }, want: then},
		{name: "strict-rk", why: "a key that is half read is another key", want: refused("--param-rk")},
		{name: "strict-sark", why: "a key that is half read is another key", want: refused("--param-sark")},
		{name: "strict-type", why: "the original cuts it to four bits", want: refused("--prout-type")},
		{name: "strict-port", why: "a number that is half read is another number", want: refused("--relative-target-port")},
		{name: "strict-length", why: "a number that is half read is another number", want: refused("--alloc-length")},
		{name: "again", why: "a unit attention tells of the past: ours sends the command again", again: same, want: then},
		{name: "again-loud", why: "with -v ours shows what made it send again", again: same, want: sentAgain},
		{name: "hex", why: "a TransportID in hex is a documented form, not a failed symbolic one",
			want: func(o outcome) Result { return quietHex(o.first) }},
		{name: "srp", why: "the original always refuses it", want: likeHex,
			again: hexInstead("04,0,0,0,0,0,0,0,0,1,2,3,4,5,6,7,8,9,a,b,c,d,e,f")},
		{name: "sop", why: "the original always refuses it", want: likeHex, again: hexInstead("0a,0,1,2")},
		{name: "eui", why: "an iSCSI name as good as iqn", want: likeHex,
			again: hexInstead("5,0,0,18,65,75,69,2e,30,31,32,33,34,35,36,37,38,39,61,62,63,64,65,66,0,0,0,0")},
		{name: "naa", why: "an iSCSI name as good as iqn", want: likeHex,
			again: hexInstead("5,0,0,18,6e,61,61,2e,36,30,30,31,34,30,35,30,31,32,33,34,35,36,37,38,39,0,0,0")},
		{name: "cut-keys", why: "the original prints what its memory holds behind the answer",
			again: withoutLength, want: cutKeys},
		{name: "cut-reservation", why: "the original prints what its memory holds behind the answer",
			again: withoutLength, want: cutReservation},
		{name: "cut-hex", why: "that something is missing is told on stderr, too", want: cutHex},
		{name: "cut-dump", why: "the original prints what its memory holds behind the answer",
			want: func(o outcome) Result { return cutHex(outcome{words: o.words, first: firstLine(o.first)}) }},
		{name: "internals", why: "how the original finds out what the device is goes without saying",
			want: func(o outcome) Result {
				lines := regexp.MustCompile(`(?m)^(check_file_type: file descriptor is|found sg_\w+_major=).*\n`)
				o.first.Stderr = lines.ReplaceAllString(o.first.Stderr, "")
				return o.first
			}},
		{name: "lost", why: "both help pages of the original name this letter", want: then,
			again: func(words []string) []string {
				return strings.Fields(strings.Replace(strings.Join(words, " "), "-x", "-z", 1))
			}},
		{name: "several", why: "several operands are several devices", again: withoutLast,
			want: func(o outcome) Result {
				o.then.Stdout = strings.Repeat("@:\n"+o.then.Stdout, 2)
				return o.then
			}},
		{name: "operands", why: "several operands are several devices", again: withoutLast, want: missingToo},
		{name: "operands-page", why: "more operands are no mistake", again: withoutLast, want: then},
	}
}

func findDifference(t *testing.T, name string) difference {
	t.Helper()
	all := differences()
	i := slices.IndexFunc(all, func(d difference) bool { return d.name == name })
	if i < 0 {
		t.Fatalf("the story names the difference %s, which is not in the table", name)
	}
	return all[i]
}

func then(o outcome) Result { return o.then }

func same(words []string) []string { return words }

func withoutLast(words []string) []string { return words[:len(words)-1] }

// refused is how the original refuses the argument of an option.
func refused(option string) func(outcome) Result {
	return func(outcome) Result {
		return Result{Stderr: fmt.Sprintf("bad argument to '%s'\n", option), Exit: 1}
	}
}

// sentAgain is the unit attention as the original shows it, without the line that makes an
// error of it, our remark, and what the original gets when it asks again, without the line
// that shows the same CDB.
func sentAgain(o outcome) Result {
	shown := strings.SplitAfter(o.first.Stderr, "\n")
	_, rest, _ := strings.Cut(o.then.Stderr, "\n")
	o.then.Stderr = strings.Join(shown[:len(shown)-2], "") + "sg_persist: unit attention, sent again\n" + rest
	return o.then
}

// quietHex leaves out that a TransportID is in hex.
func quietHex(r Result) Result {
	r.Stderr = regexp.MustCompile(`(?m)^unable to parse symbolic TransportID: .*\n`).ReplaceAllString(r.Stderr, "")
	return r
}

func likeHex(o outcome) Result { return quietHex(o.then) }

// hexInstead puts the bytes of a TransportID in its place.
func hexInstead(id string) func([]string) []string {
	return func(words []string) []string {
		words[slices.Index(words, "-X")+1] = id
		return words
	}
}

// lengthOption finds -m or -l among words.
func lengthOption(words []string) int {
	return slices.IndexFunc(words, func(w string) bool { return w == "-m" || w == "-l" })
}

func withoutLength(words []string) []string {
	i := lengthOption(words)
	return slices.Delete(words, i, i+2)
}

// cutKeys is the whole answer to -k without the keys that do not fit.
func cutKeys(o outcome) Result {
	const header, key = 8, 8
	lines := strings.SplitAfter(o.then.Stdout, "\n")
	fit := max(0, length(o.words)-header) / key
	o.then.Stdout = strings.Join(lines[:min(len(lines), 1+fit)], "")
	o.then.Stderr = cutShort(o.words, header+key*(len(lines)-2))
	return o.then
}

// cutReservation is the whole answer if all of it arrived but the last two bytes, which are
// reserved, else its header.
func cutReservation(o outcome) Result {
	r := o.then
	if length(o.words) < 22 {
		r = firstLine(r)
	}
	r.Stderr = cutShort(o.words, 24)
	return r
}

func firstLine(r Result) Result {
	r.Stdout = r.Stdout[:strings.Index(r.Stdout, "\n")+1]
	return r
}

// cutHex is what the original prints of three keys, and our remark.
func cutHex(o outcome) Result {
	o.first.Stderr += cutShort(o.words, 32)
	return o.first
}

func cutShort(words []string, all int) string {
	return fmt.Sprintf("sg_persist: answer cut short: %d bytes of %d fit in the allocation length\n", length(words), all)
}

// length is the allocation length that is given. A number that is none is 0, with which
// nothing is as expected.
func length(words []string) int {
	i := lengthOption(words)
	base := map[string]int{"-m": 10, "-l": 16}[words[i]]
	n, _ := strconv.ParseInt(words[i+1], base, 32)
	return int(n)
}

// missingToo is the answer of the first device, then the error of the second.
func missingToo(o outcome) Result {
	o.then.Stdout = "@:\n" + o.then.Stdout + "extra:\n"
	o.then.Stderr += "sg_persist: error opening file (ro): extra: No such file or directory\n"
	o.then.Exit = 52
	return o.then
}
