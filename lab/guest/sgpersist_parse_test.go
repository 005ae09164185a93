//go:build lab

package guest

import (
	"slices"
	"strings"
	"testing"
)

// parsers are how programs in the field read what sg_persist prints. Each line is a state
// of the LUN (free: nothing is registered; held: two nodes are, and one has reserved), and
// a pipe, with @ for the disk, that must print something.
const parsers = `
free sg_persist -n -i -k @ | grep 'there are NO registered reservation keys'
free sg_persist -n -i -r @ | grep 'there is NO reservation held'
free sg_persist --in --read-reservation @ 2>&1 | grep -w 'there is NO reservation held'
free sg_persist -n -i -k -d @ | grep -E '\s+0x(\S+)\s*' || echo no keys
free sg_persist -n -i -r -d @ | grep -iE '\s+key=0x(\S+)\s*' || echo no key
free sg_persist @ | head -2
free sg_persist -n -k @ | tail -1
free sg_persist -V 2>&1 | grep -E '^version: ' >/dev/null && echo a version

held sg_persist --in --read-keys @ 2>&1 | grep -w '0xa1$'
held sg_persist --in --read-keys @ 2>&1 | grep -w '0xa$' || echo no such key
held sg_persist --in --read-reservation @ 2>&1 | grep -oe 'Key=0x[0-9a-f]*'
held sg_persist --in --read-reservation @ 2>&1 | sed -n 's/.*type: //p'
held sg_persist -n -i -k -d @ | grep -oE '^\s+0x(\S+)\s*'
held sg_persist -n -i -y -r -d @ | grep -oiE '^\s+key=0x(\S+)\s*'
held sg_persist --no-inquiry --in --read-keys @ | grep -c '^    0x'
held sg_persist --no-inquiry --in --read-keys @ | grep ' 0xa2$'
held sg_persist --no-inquiry --in --read-reservation @ | grep -E 'Key\s*=\s*0x'
held sg_persist --no-inquiry --in --read-reservation @ | busybox awk -F '=' '/Key/{print $2}'
held sg_persist --no-inquiry --in --read-reservation @ | grep -E 'LU_SCOPE,\s+type' | sed -E 's/.*type: *//'
held sg_persist --no-inquiry --in --report-capabilities @ | grep 'Write Exclusive, registrants only: 1'
held sg_persist -n -s @ | busybox awk '/Key=/{k=$1} /Reservation holder/{print k}'
held sg_persist -n -s @ | grep -A1 'Transport Id of initiator:' | grep -o 'iqn[^,]*'
held sg_persist -n -k @ | busybox awk '/registered reservation key/{print $3}'
held sg_persist -o -R -n -K a2 -T 5 @ 2>&1 || echo exit $?
held SG_PERSIST_O_RDONLY=1 sg_persist -n --read-keys @ | grep '^    0x'
`

// TestSgPersistParsers feeds what both programs print to patterns from fence_scsi, the OCF
// agents, LVM's helper, OpenSVC and scripts.
func TestSgPersistParsers(t *testing.T) {
	NeedLunguard(t, "sg_persist")
	w := newTwins(t, "parsers", productSide(), 1, nil)
	held := false
	for line := range strings.Lines(parsers) {
		state, script, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		if state == "held" && !held {
			held = true
			for _, inv := range parseStory(t, "1 -n -o -I -S a1 @\n2 -n -o -I -S a2 @\n1 -n -o -R -K a1 -T 5 @") {
				if r := w.runBoth(t, inv); r[0].Exit != 0 || r[0] != r[1] {
					t.Fatalf("%s: %v, %v", inv.line, r[0], r[1])
				}
			}
		}
		var results [2]Result
		for i, s := range w.sides {
			n := w.actors["2"].node
			path := s.path + ":" + systemPath
			text := strings.ReplaceAll(script, "@", n.Disk(s.lun, 0))
			var err error
			results[i], err = runProgram(slices.Concat(baseEnv(path), s.env), path, "", []string{"/bin/bash", "-c", text})
			must(t, err)
		}
		if results[0] != results[1] || results[1].Stdout == "" {
			t.Errorf("%s: %v\nwith the original: %v", script, results[1], results[0])
		}
	}
}
