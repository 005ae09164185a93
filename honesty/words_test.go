package honesty

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// lunNumber is the LUN of a device of this host; -1 for none.
func lunNumber(luns int, device string) int {
	for i := range luns {
		if device == volume(i) {
			return i
		}
		for path := range paths {
			if device == disk(i, path) {
				return i
			}
		}
	}
	return -1
}

// good are the words for a LUN of which nothing is wrong.
var good = []string{"ok", "up", "down"}

// claim is what was said of one LUN: the keys that it has, if that was said, and
// that it is well.
func (o *outcome) claim(device string, keys []string, well bool) (found lies) {
	i := lunNumber(len(o.truth), device)
	if i < 0 || !well {
		return nil
	}
	l := o.truth[i]
	if len(l.registrations) == 0 && len(keys) == 0 {
		return nil
	}
	if !slices.Equal(keys, l.keys()) {
		found.add("%s is said to have %v, and has %v", device, keys, l.keys())
	}
	return append(found, l.protected(i)...)
}

func splitKeys(word string) []string {
	if word == "NONE" {
		return nil
	}
	return strings.Split(word, ",")
}

// checkLines reads the list of pr_check: PACKAGE LUN PATHS KEYS HOLDER STATE.
func checkLines(o *outcome) (found lies) {
	for line := range strings.Lines(o.out) {
		f := strings.Fields(line)
		if len(f) == 6 && f[0] == "pkg1" {
			found = append(found, o.claim(f[1], splitKeys(f[3]), slices.Contains(good, f[5]))...)
		}
	}
	return found
}

// checkTable reads the table: LUN, nodes, STATE.
func checkTable(o *outcome) (found lies) {
	for line := range strings.Lines(o.out) {
		f := strings.Fields(line)
		if len(f) != 4 || !slices.Contains(good, f[3]) {
			continue
		}
		var keys []string
		for i, key := range []string{keyHere.String(), keyThere.String()} {
			if !strings.HasPrefix(f[1+i], "0") {
				keys = append(keys, key)
			}
		}
		found = append(found, o.claim(f[0], keys, true)...)
	}
	return found
}

// checkJSON reads the document of pr_check, its metrics and its page.
func checkJSON(o *outcome) (found lies) {
	var doc struct {
		Status   int `json:"exit_status"`
		Packages []struct{ Protected *bool }
		LUNs     []struct {
			LUN       string
			Known     bool
			Protected *bool
			Keys      []string
			Findings  []struct{ Kind string }
		}
	}
	if err := json.Unmarshal([]byte(o.out), &doc); err != nil {
		found.add("no document: %v", err)
		return found
	}
	if doc.Status != o.status {
		found.add("the document says exit status %d", doc.Status)
	}
	for _, l := range doc.LUNs {
		if protected := l.Protected != nil && *l.Protected; protected || l.Known && len(l.Findings) == 0 {
			found = append(found, o.claim(l.LUN, l.Keys, true)...)
			if i := lunNumber(len(o.truth), l.LUN); protected && i >= 0 {
				found = append(found, o.truth[i].protected(i)...)
			}
		}
	}
	for _, p := range doc.Packages {
		if p.Protected != nil && *p.Protected {
			for i, l := range o.truth {
				found = append(found, l.protected(i)...)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^lunguard_lun_protected\{.*lun="([^"]*)".*\} 1$`).FindAllStringSubmatch(o.files["metrics"], -1) {
		if i := lunNumber(len(o.truth), m[1]); i >= 0 {
			found = append(found, o.truth[i].protected(i)...)
		}
	}
	return found
}

// keyLines reads vg_pr_key -g: DEVICE KEYS HOLDER NODE.
func keyLines(o *outcome) (found lies) {
	for line := range strings.Lines(o.out) {
		if f := strings.Fields(line); len(f) == 4 && f[1] != "UNKNOWN" {
			found = append(found, o.shows(f[0], splitKeys(f[1]), f[2])...)
		}
	}
	return found
}

// shows is a LUN with its keys and its holder, as they were printed.
func (o *outcome) shows(device string, keys []string, holder string) (found lies) {
	i := lunNumber(len(o.truth), device)
	if i < 0 {
		return nil
	}
	l := o.truth[i]
	slices.Sort(keys)
	if !slices.Equal(slices.Compact(keys), l.keys()) {
		found.add("%s is said to have %v, and has %v", device, keys, l.keys())
	}
	if holder == "NONE" {
		holder = ""
	}
	if holder != "UNKNOWN" && holder != l.holder() {
		found.add("%s is said to be held by %q, and is by %q", device, holder, l.holder())
	}
	return found
}

// keyJSON reads the document of vg_pr_key -g.
func keyJSON(o *outcome) (found lies) {
	var doc struct {
		Volumes []struct {
			LUN    string
			Known  bool
			Keys   []string
			Holder string
		} `json:"volumes"`
	}
	if err := json.Unmarshal([]byte(o.out), &doc); err != nil {
		found.add("no document: %v", err)
		return found
	}
	for _, v := range doc.Volumes {
		if v.Known {
			found = append(found, o.shows(v.LUN, v.Keys, v.Holder)...)
		}
	}
	return found
}

// says is the package's state in the words of cmviewcl.
func (o *outcome) says(status string) (found lies) {
	switch status {
	case "up":
		for i, l := range o.truth {
			found = append(found, l.protected(i)...)
		}
	case "down":
		return o.truth.free()
	}
	return found
}

// viewLines reads cmviewcl -f line.
func viewLines(o *outcome) (found lies) {
	for _, m := range regexp.MustCompile(`(?m)^package:pkg1\|status=(\w+)$`).FindAllStringSubmatch(o.out, -1) {
		found = append(found, o.says(m[1])...)
	}
	return found
}

// viewTable reads the tables of cmviewcl.
func viewTable(o *outcome) (found lies) {
	for _, m := range regexp.MustCompile(`(?m)^ *pkg1 +(\w+) `).FindAllStringSubmatch(o.out, -1) {
		found = append(found, o.says(m[1])...)
	}
	return found
}

// viewJSON reads the tree of cmviewcl.
func viewJSON(o *outcome) (found lies) {
	var doc struct {
		Packages []struct{ Status string } `json:"package"`
	}
	if err := json.Unmarshal([]byte(o.out), &doc); err != nil {
		found.add("no document: %v", err)
		return found
	}
	for _, p := range doc.Packages {
		found = append(found, o.says(p.Status)...)
	}
	return found
}

// powerOff reads the status of a fence agent: that a node is off says that it cannot
// write.
func powerOff(o *outcome) (found lies) {
	if !strings.Contains(o.out, "Status: OFF") {
		return nil
	}
	for i, l := range o.truth {
		if l.canWrite(there) {
			found.add("LUN %d: %s can write", i, there)
		}
	}
	return found
}

// sgKeys reads sg_persist -k.
func sgKeys(o *outcome) lies {
	if o.status != 0 {
		return nil
	}
	return o.shows(disk(o.cell.at, o.cell.path), regexp.MustCompile(`\b0x[0-9a-f]{8}\b`).FindAllString(o.out, -1), "UNKNOWN")
}

// sgStatus reads sg_persist -s.
func sgStatus(o *outcome) lies {
	if o.status != 0 {
		return nil
	}
	var keys []string
	for _, m := range regexp.MustCompile(`Key=(0x[0-9a-f]+)`).FindAllStringSubmatch(o.out, -1) {
		keys = append(keys, m[1])
	}
	return o.shows(disk(o.cell.at, o.cell.path), keys, "UNKNOWN")
}

// sgHolder reads sg_persist -r.
func sgHolder(o *outcome) (found lies) {
	if o.status != 0 {
		return nil
	}
	holder := ""
	if m := regexp.MustCompile(`Key=(0x[0-9a-f]+)`).FindStringSubmatch(o.out); m != nil {
		holder = m[1]
	}
	if l := o.truth[o.cell.at]; holder != l.holder() {
		found.add("held by %q, not %q", l.holder(), holder)
	}
	return found
}
