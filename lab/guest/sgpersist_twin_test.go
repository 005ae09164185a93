//go:build lab

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lunguard/scsi"
)

// original is where sg3_utils 1.48 is in the guest.
const original = "/opt/sg3_utils-1.48/usr"

// side is one of the programs that are compared, with the LUN it works on.
type side struct {
	name  string
	path  string   // where sg_persist is looked up
	env   []string // more than the node's environment
	lun   int
	flags []string  // words before all others
	pages [2]string // usage, as -h and -hh print it
}

// originalSide is the real program of 1.48.
func originalSide() *side {
	return &side{name: "1.48", path: original + "/bin", env: []string{"LD_LIBRARY_PATH=" + original + "/lib/x86_64-linux-gnu"}}
}

// debianSide is the real program of 1.46.
func debianSide() *side {
	return &side{name: "1.46", path: filepath.Dir(debianSgPersist), lun: 1}
}

// productSide is the applet. It sends again what met a unit attention, which the original
// leaves to its caller; that is asked for where a story wants it.
func productSide() *side {
	return &side{name: "ours", path: appletDir, lun: 1, flags: []string{"--retries", "0"}}
}

// twins are two LUNs with the same history, each the work of one program: whatever the
// first program does to LUN 0, the second has done to LUN 1.
type twins struct {
	array  *Array
	sides  [2]*side
	actors map[string]*actor
	texts  map[string]string // contents of the files that a story names
	dir    string            // where these files are
	exits  map[int]int       // how often which exit status was seen
}

// actor is an I_T nexus that a story's invocations go through.
type actor struct {
	node    *Node
	path    int
	tid     string            // TransportID
	devices [2]*scsi.SGDevice // for what neither program does
}

// newTwins makes the LUNs, nodes 1 to 3 with their paths, and the files of a story.
func newTwins(t *testing.T, name string, ours *side, paths int, texts map[string]string) *twins {
	t.Helper()
	w := &twins{
		array: NewArray(t, name, 2, 16), sides: [2]*side{originalSide(), ours},
		actors: map[string]*actor{}, texts: texts, dir: t.TempDir(),
		exits: map[int]int{},
	}
	for _, n := range w.array.LoginAll(t, paths, "node1", "node2", "node3") {
		number := n.Name[len(n.Name)-1:]
		for path, suffix := range []string{"", "b"}[:paths] {
			w.actors[number+suffix] = &actor{node: n, path: path}
		}
	}
	for _, a := range w.actors {
		for lun := range a.devices {
			a.devices[lun] = openSG(t, a.node.Disk(lun, a.path))
		}
	}
	w.meet(t)
	for name, text := range texts {
		w.texts[name] = w.expand(text)
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(w.texts[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range w.sides {
		for i, flag := range []string{"-h", "-hh"} {
			r, err := w.runSide(s, &invocation{actor: "1", words: []string{flag}})
			must(t, err)
			s.pages[i] = r.Stdout + r.Stderr
		}
	}
	return w
}

// meet learns the TransportIDs of the actors by registering each on both LUNs.
func (w *twins) meet(t *testing.T) {
	t.Helper()
	for _, a := range w.actors {
		for lun := range w.sides {
			register(t, a.node, a.node.Disk(lun, a.path), hex1)
		}
	}
	first := w.actors["1"].node
	for _, r := range WitnessFull(t, first.Disk(0, 0)) {
		for _, a := range w.actors {
			if a.node.IQN() == r.Initiator && a.path == int(r.Port)-1 {
				a.tid = fmt.Sprintf("%s,i,0x%s", r.Initiator, r.ISID)
			}
		}
	}
	for name, a := range w.actors {
		if a.tid == "" {
			t.Fatalf("node %s is not among the registered", name)
		}
	}
	w.reset(t)
}

// reset takes all registrations and pending unit attentions away and makes the generations
// equal, as a third party.
func (w *twins) reset(t *testing.T) {
	t.Helper()
	const key = 0xc1ea5
	w.quiet(t)
	first := w.actors["1"]
	for w.generation(t, 0) != w.generation(t, 1) {
		lun := 0
		if w.generation(t, 1) < w.generation(t, 0) {
			lun = 1
		}
		must(t, scsi.NewUnit("", first.devices[lun]).RegisterAndIgnore(t.Context(), key, false))
	}
	for _, d := range first.devices {
		u := scsi.NewUnit("", d)
		must(t, u.RegisterAndIgnore(t.Context(), key, false))
		must(t, u.Clear(t.Context(), key))
	}
	w.quiet(t)
}

// direct does what a story wants that is no invocation, and reports whether it is that.
//
//	quiet          take note of all unit attentions
//	offline NODE   its path fails at once
//	online NODE
//	break NODE     its connection is cut: a command is held for a second, then it fails
//	gone NODE      it has no part in the story any more
func (w *twins) direct(t *testing.T, inv *invocation) bool {
	t.Helper()
	name := strings.Join(inv.words, " ")
	a := w.actors[name]
	if a == nil && inv.actor != "quiet" {
		return false
	}
	switch inv.actor {
	case "quiet":
		w.quiet(t)
	case "offline":
		a.node.FailPath(t, a.path)
	case "online":
		a.node.RestorePath(t, a.path)
	case "break":
		must(t, writeAttr(filepath.Join(sessionFS, a.node.paths[a.path].name, "recovery_tmo"), "1"))
		a.node.BreakPath(t, a.path)
	case "gone":
		delete(w.actors, name)
	default:
		return false
	}
	return true
}

// quiet takes note of all unit attentions.
func (w *twins) quiet(t *testing.T) {
	t.Helper()
	const most = 5 // unit attentions may queue up
	for _, a := range w.actors {
		for _, d := range a.devices {
			var err error
			for range most {
				if err = (scsi.TestUnitReady{}).Execute(t.Context(), d); err == nil {
					break
				}
			}
			must(t, err)
		}
	}
}

// generation is how often a LUN's registrations have changed.
func (w *twins) generation(t *testing.T, lun int) uint32 {
	t.Helper()
	answer, err := scsi.ReadKeys{}.Execute(t.Context(), w.actors["1"].devices[lun])
	must(t, err)
	return answer.Generation
}

func openSG(t *testing.T, disk string) *scsi.SGDevice {
	t.Helper()
	d, err := scsi.OpenSG(disk, scsi.OpenReadOnly)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// expand puts TransportIDs in place of $1, $1b and so on, and initiator names in place of
// $name1 and so on.
func (w *twins) expand(text string) string {
	var pairs []string
	for name, a := range w.actors {
		if a.path == 1 { // first, for $1 begins $1b
			pairs = append(pairs, "$"+name, a.tid)
		} else {
			pairs = append(pairs, "$name"+name, a.node.IQN())
		}
	}
	for name, a := range w.actors {
		if a.path == 0 {
			pairs = append(pairs, "$"+name, a.tid)
		}
	}
	return strings.NewReplacer(append(pairs, "%", w.dir+"/")...).Replace(text)
}

// runSide runs one program on its LUN and makes what it printed comparable.
func (w *twins) runSide(s *side, inv *invocation) (Result, error) {
	a := w.actors[inv.actor]
	if a == nil {
		return Result{}, fmt.Errorf("%s: no node %q", inv.line, inv.actor)
	}
	disk := a.node.Disk(s.lun, a.path)
	sg, err := sgNode(disk)
	if err != nil {
		return Result{}, err
	}
	argv := []string{"sg_persist"}
	if inv.full {
		argv[0] = filepath.Join(s.path, argv[0])
	}
	if !inv.retries {
		argv = append(argv, s.flags...)
	}
	for _, word := range inv.words {
		argv = append(argv, w.expand(strings.NewReplacer("@sg", sg, "@", disk).Replace(word)))
	}
	env := slices.Concat(a.node.Env(), s.env, inv.env)
	r, err := runProgram(env, s.path, w.texts[inv.stdin], argv)
	if err != nil {
		return r, fmt.Errorf("%s: %s by %s: %w", inv.line, strings.Join(argv, " "), s.name, err)
	}
	r.Stdout, r.Stderr = s.normal(r.Stdout, disk, sg), s.normal(r.Stderr, disk, sg)
	return r, nil
}

// normal takes out of a program's output what may differ. Device names become @, and the
// usage, which each program has in its own words, one line a page.
func (s *side) normal(out, disk, sg string) string {
	for i, page := range s.pages {
		if page != "" {
			out = strings.ReplaceAll(out, page, fmt.Sprintf("<usage, page %d>\n", i+1))
		}
	}
	for _, change := range []struct{ from, to string }{
		{regexp.QuoteMeta(disk) + `\b`, "@"},
		{regexp.QuoteMeta(sg) + `\b`, "@sg"},
		{`\b` + regexp.QuoteMeta(s.path[1:]) + `/`, "..."},
		{`duration=\d+ ms`, "duration=N ms"},
		{`(?m)^(version: |version_string=)\S.*$`, "$1..."},
	} {
		out = regexp.MustCompile(change.from).ReplaceAllString(out, change.to)
	}
	return out
}

// sgNode is the other device node of a disk, /dev/sgN.
func sgNode(disk string) (string, error) {
	found, err := filepath.Glob("/sys/block/" + filepath.Base(disk) + "/device/scsi_generic/sg*")
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("the sg node of %s: %w, %q", disk, err, found)
	}
	return "/dev/" + filepath.Base(found[0]), nil
}

// state is all that the kernel's target tells about the reservations of a LUN.
func (w *twins) state(t *testing.T, lun int) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(backendDir, w.array.device(lun), "pr/res_*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("reservations of LUN %d: %v, %d files", lun, err, len(files))
	}
	var b strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s\n", filepath.Base(file), strings.TrimSpace(string(data)))
	}
	text := strings.ReplaceAll(b.String(), w.array.device(lun), "LUN")
	return regexp.MustCompile(`Logical Unit: \d+`).ReplaceAllLiteralString(text, "Logical Unit: N")
}
