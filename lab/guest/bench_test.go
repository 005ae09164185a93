//go:build lab

package guest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lunguard/lab/measure"
	"lunguard/scsi"
)

// manyLUNs is how many hardly any other program than the product is measured with. A machine
// that has fewer has fewer disks, too: others are measured on one with fewLUNs. With two
// paths there are multipath maps.
const (
	manyLUNs = 128
	fewLUNs  = 32
)

// TestBench compares the product with programs that do the same. It runs only if the
// laboratory was asked for it, and prints lines of package measure.
func TestBench(t *testing.T) {
	NeedLunguard(t, "pr_start", "pr_halt", "pr_check")
	if flag.NArg() == 0 {
		t.Skip("it tests nothing: go run ./lab -only bench")
	}
	rounds, err := strconv.Atoi(flag.Arg(0))
	if err != nil {
		t.Fatal(err)
	}
	e := effort{rounds: rounds, full: flag.Arg(1) == "full"}
	countAll(t)
	sayVersions(t)
	t.Run("StartUp", func(t *testing.T) { benchStartUp(t, e) })
	for _, paths := range []int{1, 2} {
		t.Run(fmt.Sprintf("Paths%d", paths), func(t *testing.T) { benchPaths(t, paths, e, 1, 8, fewLUNs) })
	}
	t.Run("Udev", func(t *testing.T) { benchUdev(t, e) })
	t.Run("Many1", func(t *testing.T) { benchPaths(t, 1, e, manyLUNs) })
	if e.full {
		t.Run("Many2", func(t *testing.T) { benchPaths(t, 2, e, manyLUNs) })
	}
}

// benchStartUp measures what it takes to start a program that then does nothing.
func benchStartUp(t *testing.T, e effort) {
	array := NewArray(t, "benchnone", 1, 4)
	nodes := array.LoginAll(t, 1, "jack3", "jack4")
	c := newContest(t, nodes[0], nodes[1])
	starts := func(name string, argv ...string) contender {
		return contender{name: name, argv: func(*contest, string, int) []string { return argv }}
	}
	c.measure(measure.Cell{Op: measure.StartUp}, []contender{
		starts(ourName, "pr_start", "--help"), starts("sg_persist", "sg_persist", "-V"), starts(fenceName, "fence_scsi", "--version"),
	}, e)
}

// benchPaths measures some sizes in ascending order, without udevd, on an array of the last.
func benchPaths(t *testing.T, paths int, e effort, sizes ...int) {
	all := sizes[len(sizes)-1]
	array := NewArray(t, fmt.Sprintf("bench%d-%d", paths, all), all, 4)
	rivalPaths := paths
	if all >= manyLUNs {
		// Making and removing its disks takes longer than the comparison.
		rivalPaths = 1
	}
	actor, rival := array.LoginAll(t, paths, "jack3")[0], array.LoginAll(t, rivalPaths, "jack4")[0]
	c := newContest(t, actor, rival)
	for lun := range all {
		device := c.actor.Disk(lun, 0)
		if paths > 1 {
			device = c.actor.Multipath(t, lun)
		}
		c.devices = append(c.devices, device)
	}
	for _, luns := range sizes {
		c.configure(t, luns)
		for _, op := range []string{"start", "take-over", "status", "halt"} {
			c.measure(measure.Cell{Op: op, LUNs: luns, Paths: paths}, contenders(paths, e), e)
		}
	}
}

// benchUdev measures with udevd and multipathd, as they are on a real host.
func benchUdev(t *testing.T, e effort) {
	const luns, paths = 4, 2
	array := NewArray(t, "benchudev", luns, 4)
	nodes := array.LoginAll(t, paths, "jack3", "jack4")
	c := newContest(t, nodes[0], nodes[1])
	c.daemons = StartDaemons(t, c.actor, fmt.Sprintf(multipathDefaults, fmt.Sprintf("reservation_key 0x%x", uint64(benchKey))))
	for lun := range luns {
		c.devices = append(c.devices, "/dev/mapper/mpath"+string(rune('a'+lun)))
	}
	c.configure(t, luns)
	for _, op := range []string{"start", "take-over", "status", "halt"} {
		c.measure(measure.Cell{Op: op, LUNs: luns, Paths: paths, Udev: true}, append(contenders(paths, e), mpathpersist()), e)
	}
}

func newContest(t *testing.T, actor, rival *Node) *contest {
	c := &contest{t: t, actor: actor, rival: rival, paths: actor.Paths(), units: map[*Node][][]*scsi.Unit{}}
	c.open(actor)
	c.open(rival)
	return c
}

// configure writes the product's config for a package of the first LUNs.
func (c *contest) configure(t *testing.T, luns int) {
	t.Helper()
	configure(t, c.actor, "", c.devices[:luns]...)
}

// contenders are those that need no daemon. What takes minutes on an emulated processor is
// measured in smaller cells only.
func contenders(paths int, e effort) []contender {
	most := func(start, others int) map[string]int {
		return map[string]int{"start": start, "take-over": others, "status": others, "halt": others}
	}
	theirs := most(fewLUNs, fewLUNs)
	if paths == 1 {
		theirs = most(manyLUNs, fewLUNs)
	}
	fence := maps.Clone(theirs)
	delete(fence, "halt")
	if !e.full {
		fence["start"] = fewLUNs
	}
	return []contender{
		{name: ourName, argv: ours, most: most(manyLUNs, manyLUNs)},
		{name: "the commands alone", direct: alone, most: most(manyLUNs, manyLUNs)},
		{name: fenceName, argv: fenceSCSI, most: fence},
		{name: "sg_persist loop", argv: persistLoop, most: theirs},
	}
}

// ours is the product's command.
func ours(_ *contest, op string, _ int) []string {
	applet := map[string]string{"start": "pr_start", "take-over": "pr_start", "status": "pr_check", "halt": "pr_halt"}
	return []string{applet[op], "pkg1"}
}

// fenceSCSI is fence_scsi as Pacemaker calls it. It cannot give up what is its own.
func fenceSCSI(c *contest, op string, luns int) []string {
	for _, name := range fenceMemory() {
		must(c.t, removeExisting(filepath.Join(fenceStore, name)))
	}
	action, key := "on", benchKey
	switch op {
	case "take-over":
		action, key = "off", benchRival
		must(c.t, os.WriteFile(filepath.Join(fenceStore, fenceMemory()[0]), fmt.Appendf(nil, "%x\n", uint64(benchKey)), 0o644))
	case "status":
		action = "status"
	}
	return []string{"fence_scsi", "-a", "-o", action, "-k", fmt.Sprintf("%x", uint64(key)), "-d", strings.Join(c.kernelNames(luns), ",")}
}

// kernelNames are the devices by the names that the kernel gives them. fence_scsi knows a
// map by that, which it finds where udev has made a link of /dev/mapper's name.
func (c *contest) kernelNames(luns int) []string {
	c.t.Helper()
	var list []string
	for _, device := range c.devices[:luns] {
		var st unix.Stat_t
		must(c.t, unix.Stat(device, &st))
		link, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
		must(c.t, err)
		list = append(list, "/dev/"+filepath.Base(link))
	}
	return list
}

// persistLoop is what an administrator writes who has nothing but sg_persist.
func persistLoop(c *contest, op string, luns int) []string {
	var paths, first []string
	for lun := range luns {
		disks := c.actor.Disks(lun)
		paths, first = append(paths, disks...), append(first, disks[0])
	}
	each := func(disks []string, command string) string {
		return fmt.Sprintf("for d in %s; do %s $d || exit; done\n", strings.Join(disks, " "), command)
	}
	key, rival := fmt.Sprintf("%x", uint64(benchKey)), fmt.Sprintf("%x", uint64(benchRival))
	register := each(paths, "sg_persist -n -o -I -Z -S "+key)
	script := map[string]string{
		"start":     register + each(first, "sg_persist -n -o -R -T 5 -K "+key),
		"take-over": register + each(first, "sg_persist -n -o -A -T 5 -K "+key+" -S "+rival),
		"status":    each(first, "sg_persist -n -k") + each(first, "sg_persist -n -r"),
		"halt":      each(first, "sg_persist -n -o -C -K "+key),
	}
	return []string{"/bin/bash", "-c", script[op]}
}

// mpathpersist works on maps, and only beside multipathd. All commands go in one call.
func mpathpersist() contender {
	argv := func(c *contest, op string, luns int) []string {
		key, rival := fmt.Sprintf("0x%x", uint64(benchKey)), fmt.Sprintf("0x%x", uint64(benchRival))
		words := map[string][]string{
			"start":     {"-o -I -Z -S " + key, "-o -R -T 5 -K " + key},
			"take-over": {"-o -I -Z -S " + key, "-o -A -T 5 -K " + key + " -S " + rival},
			"status":    {"-i -k", "-i -r"},
			"halt":      {"-o -C -K " + key},
		}
		var batch strings.Builder
		for _, word := range words[op] {
			for _, device := range c.devices[:luns] {
				fmt.Fprintf(&batch, "%s %s\n", word, device)
			}
		}
		file := filepath.Join(c.actor.dir(), "mpathpersist.batch")
		must(c.t, os.WriteFile(file, []byte(batch.String()), 0o644))
		return []string{"mpathpersist", "--batch-file=" + file}
	}
	return contender{name: "mpathpersist", argv: argv,
		most: map[string]int{"start": fewLUNs, "take-over": fewLUNs, "status": fewLUNs, "halt": fewLUNs}}
}

// sayVersions tells what is compared.
func sayVersions(t *testing.T) {
	t.Helper()
	for _, v := range []struct{ name, script string }{
		{"lunguard", lunguard + " --version"},
		{"Linux", "uname -r"},
		{"processors", "nproc"},
		{"sg_persist", "sg_persist -V 2>&1"},
		{"fence_scsi", "fence_scsi --version | head -1"},
		{"multipath-tools", "multipath -h 2>&1 | head -1"},
		{"udev", "udevadm --version"},
	} {
		cmd := exec.Command("/bin/bash", "-c", v.script)
		cmd.Env = baseEnv(systemPath)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("version of %s: %v", v.name, err)
		}
		say(measure.Line{Version: &measure.Version{Name: v.name, Version: strings.TrimSpace(string(out))}})
	}
	say(measure.Line{Left: &measure.Left{Tool: "lvmpersist", Why: "it makes no Write Exclusive - Registrants Only reservations, and no Debian up to unstable, whose lvm2 is 2.03.31, has it"}})
}
