// Package likeness says what made a key, by its form: a likeness, and never more.
package likeness

import (
	"fmt"
	"strconv"
	"strings"

	"lunguard/pr"
	"lunguard/probe"
	"lunguard/protocol"
)

// Of says what makes keys of this form; empty if no form is known.
func Of(k pr.Key) string {
	for _, p := range patterns() {
		if like := p.match(k); like != "" {
			return like
		}
	}
	return ""
}

// pattern is how some software makes its keys.
type pattern struct {
	// source is where that is written down.
	source string
	// match says whose the key would be, empty if it is not of the pattern.
	match func(pr.Key) string
}

// patterns are tried in this order. Those of which nothing but examples is known are not
// among them: Windows' and VMware's keys are like random numbers from outside.
func patterns() []pattern {
	return []pattern{
		{"Cluster Server Administrator's Guide, About the I/O fencing registration key format", func(k pr.Key) string {
			text := Text(k)
			if len(text) != 8 || text[:2] != "VF" {
				return ""
			}
			id, err := strconv.ParseUint(text[2:6], 16, 16)
			node, err2 := strconv.ParseUint(text[6:], 16, 8)
			if err != nil || err2 != nil {
				return ""
			}
			return fmt.Sprintf("Veritas I/O fencing, cluster %d, node %d", id, node)
		}},
		{"the same page", func(k pr.Key) string {
			// Bytes that are not used are 0, or hyphens.
			letter, rest := rune(k>>56), Text(k<<8)
			if letter < 'A' || letter > 'A'+63 {
				return ""
			}
			node := letter - 'A'
			switch {
			case strings.HasPrefix(rest, "PGR") && len(rest) == 7:
				return fmt.Sprintf("Veritas CVM, node %d, disk group %s", node, rest[3:])
			case rest == "VCS", rest == "VCS----":
				return fmt.Sprintf("Veritas Cluster Server, node %d", node)
			case rest == "-------":
				return fmt.Sprintf("Veritas I/O fencing, node %d", node)
			}
			return ""
		}},
		{"package probe", func(k pr.Key) string {
			if !probe.IsMark(k) {
				return ""
			}
			return "a run of pr_probe that was cut short, or is at work"
		}},
		{"lvmpersist(8), KEY: 0x10, two bytes of 0, three of the generation, two of the host id", func(k pr.Key) string {
			if k>>40 != 0x100000 {
				return ""
			}
			return fmt.Sprintf("LVM (vgchange --persist), host id %d, generation %d", k&0xffff, k>>16&0xffffff)
		}},
		{"Linux, fs/nfsd/blocklayout.c, NFSD_MDS_PR_KEY", func(k pr.Key) string {
			if k != 0x0100000000000000 {
				return ""
			}
			return "a Linux NFS server with pNFS SCSI layouts"
		}},
		{"Storage Scale problem determination guide, tsprreadkeys", func(k pr.Key) string {
			if k>>40 != 0x00006d {
				return ""
			}
			return "IBM Storage Scale (GPFS)"
		}},
		{"cmapplyconf(1m); fence_scsi(8), key by id", func(k pr.Key) string {
			if k>>32 != 0 || k>>16 == 0 || k&0xffff == 0 || k&0xffff > protocol.MaxMembers {
				return ""
			}
			return fmt.Sprintf("node %d of the tag %#04x (Serviceguard, lunguard or fence_scsi)", k&0xffff, uint16(k>>16))
		}},
		{"resource agent ocf:heartbeat:sg_persist, node id", func(k pr.Key) string {
			if k == 0 || k > 0xff {
				return ""
			}
			return "a key given by hand, or by the resource agent sg_persist"
		}},
	}
}

// Text is a key as text, without zeros behind; empty if it is none.
func Text(k pr.Key) string {
	var b [8]byte
	for i := range b {
		b[i] = byte(k >> (56 - 8*i))
	}
	text := strings.TrimRight(string(b[:]), "\x00")
	for _, c := range []byte(text) {
		if c < ' ' || c >= 0x7f {
			return ""
		}
	}
	return text
}
