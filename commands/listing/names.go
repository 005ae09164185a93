package listing

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"lunguard/cluster/ownfile"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/pr"
)

// hosts tells which host an initiator is.
type hosts struct {
	// given are names by those of initiators, in small letters and without what people
	// write between digits.
	given map[string]string
	// known are the names that /etc/hosts has.
	known map[string]bool
}

// maxNames is the largest file of names, in bytes.
const maxNames = 1 << 20

// readHosts reads a file with an initiator and a name a line. A # begins a comment.
func readHosts(ctx context.Context, path string) (hosts, error) {
	list := hosts{given: map[string]string{}}
	if path == "" {
		return list, nil
	}
	text, err := readNames(ctx, path)
	if err != nil {
		return hosts{}, front.Usagef("--names: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		switch f := strings.Fields(line); len(f) {
		case 0:
		case 2:
			list.given[bare(f[0])] = picture.Printable(f[1])
		default:
			return hosts{}, front.Usagef("--names: %s: line %d: an initiator and a name were expected", path, n)
		}
	}
	if err := lines.Err(); err != nil {
		return hosts{}, front.Usagef("--names: %s: %v", path, err)
	}
	return list, nil
}

// readNames reads a file that decides nothing: anybody's will do.
func readNames(ctx context.Context, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := ownfile.ReadAll(ctx, f, maxNames)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return text, err
}

// readKnown takes in the names that /etc/hosts has, or a file like it; without one there
// are none.
func (h *hosts) readKnown(ctx context.Context, path string) {
	text, _ := readNames(ctx, path)
	h.known = map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 1 {
			for _, name := range f[1:] {
				h.known[strings.ToLower(name)] = true
			}
		}
	}
}

// bare is the name of an initiator as it is compared: 0x2100:00, 21:00 and naa.2100 are
// spelled in all these ways.
func bare(name string) string {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "iqn.") || strings.HasPrefix(name, "eui.") {
		return name
	}
	for _, prefix := range []string{"naa.", "0x"} {
		name = strings.TrimPrefix(name, prefix)
	}
	return strings.NewReplacer(":", "", "-", "").Replace(name)
}

// of is the name of the host of an initiator, empty if nobody gave one.
func (h hosts) of(i pr.Initiator) string {
	if i == nil {
		return ""
	}
	whole := i.String()
	// fc,2100..., sas,5000..., iqn...,i,0x...
	_, port, _ := strings.Cut(whole, ",")
	for _, name := range []string{whole, i.Host(), port} {
		if host, ok := h.given[bare(name)]; ok && name != "" {
			return host
		}
	}
	// What people put behind the colon of an iSCSI name is the host's, if it is one's.
	name := i.Host()
	if name = strings.ToLower(name[strings.LastIndex(name, ":")+1:]); h.known[name] {
		return picture.Printable(name)
	}
	return ""
}

// initiatorText is an initiator and its host, if that is known.
func (h hosts) initiatorText(i pr.Initiator) string {
	switch host := h.of(i); {
	case i == nil:
		return ""
	case host == "":
		return i.String()
	default:
		return fmt.Sprintf("%s (%s)", i, host)
	}
}
