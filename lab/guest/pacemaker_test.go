//go:build lab

package guest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// engineResources are a fence device and a resource that writes to the last LUN.
func engineResources(luns int) string {
	var devices []string
	for lun := range luns {
		devices = append(devices, fmt.Sprint("/dev/lun", lun))
	}
	return `<primitive id="fence" class="stonith" type="fence_lunguard">
<instance_attributes id="fence-i"><nvpair id="fence-d" name="devices" value="` + strings.Join(devices, " ") + `"/></instance_attributes>
<meta_attributes id="fence-m"><nvpair id="fence-p" name="provides" value="unfencing"/></meta_attributes>
<operations><op id="fence-o" name="monitor" interval="30s" timeout="60s"/></operations></primitive>
<primitive id="writer" class="ocf" provider="lab" type="writer">
<instance_attributes id="writer-i"><nvpair id="writer-d" name="device" value="` + devices[luns-1] + `"/></instance_attributes>
<operations><op id="writer-s" name="start" interval="0s" timeout="60s"/><op id="writer-o" name="monitor" interval="5s" timeout="60s"/></operations></primitive>`
}

// keysOf are the keys on each LUN, as an outsider reads them.
func (e *Engine) keysOf(t *testing.T) [][]uint64 {
	t.Helper()
	var list [][]uint64
	for lun := range e.array.luns {
		list = append(list, Witness(t, e.watcher.Disk(lun, 0)).Keys)
	}
	return list
}

// positionKey is the key of a node as fence_scsi makes it, in the cluster called lab.
func positionKey(number int) uint64 { return 0xf9660000 + uint64(number) - 1 }

// wantKeys checks the keys of all LUNs.
func (e *Engine) wantKeys(t *testing.T, members ...*Member) {
	t.Helper()
	var want []uint64
	for _, m := range members {
		want = append(want, positionKey(m.number))
	}
	for lun, keys := range e.keysOf(t) {
		if !slices.Equal(keys, want) {
			t.Errorf("LUN %d has the keys %x, want %x", lun, keys, want)
		}
	}
}

// named is the node of a name.
func (e *Engine) named(name string) *Member {
	i := slices.IndexFunc(e.nodes, func(m *Member) bool { return m.Name == name })
	return e.nodes[i]
}

// write writes to a LUN as a node does, past its cluster engine.
func (m *Member) write(lun int) bool {
	r, err := m.run(fmt.Sprintf("dd if=/dev/zero of=/dev/lun%d oflag=direct bs=512 count=1 conv=notrunc", lun))
	return err == nil && r.Exit == 0
}

// together waits until all nodes are members that were let in, and the writer is up.
func (e *Engine) together(t *testing.T) {
	t.Helper()
	var want []uint64
	for _, m := range e.nodes {
		want = append(want, positionKey(m.number))
	}
	for _, m := range e.nodes {
		m.until(t, "together", func(x monitorXML) bool {
			return len(x.online()) == len(e.nodes) && x.on("writer") != "" && x.on("fence") != "" &&
				!slices.ContainsFunc(e.keysOf(t), func(keys []uint64) bool { return !slices.Equal(keys, want) })
		})
	}
}

// TestPacemaker is the life of a cluster of two nodes with four LUNs: it comes up, moves
// its resource, a node hangs, and the link between them is cut.
func TestPacemaker(t *testing.T) {
	NeedLunguard(t, "fence_lunguard")
	if _, err := os.Stat("/usr/sbin/pacemakerd"); err != nil {
		t.Skip("this machine has no Pacemaker: go run ./lab -only pacemaker")
	}
	const luns = 4
	e := NewEngine(t, 2, luns, engineResources(luns))
	e.together(t)

	t.Run("move", func(t *testing.T) {
		for range 3 {
			x, err := e.nodes[0].monitor()
			must(t, err)
			from := e.named(x.on("writer"))
			to := e.nodes[2-from.number]
			must(t, from.sh("crm_resource --move --resource writer --node "+to.Name))
			to.until(t, "writer on "+to.Name, func(x monitorXML) bool { return x.on("writer") == to.Name })
			must(t, from.sh("crm_resource --clear --resource writer"))
		}
		e.wantKeys(t, e.nodes...)
	})

	t.Run("hang", func(t *testing.T) {
		x, err := e.nodes[0].monitor()
		must(t, err)
		owner := e.named(x.on("writer"))
		other := e.nodes[2-owner.number]
		begin := time.Now()
		must(t, owner.freeze(true))
		other.until(t, "writer on "+other.Name, func(x monitorXML) bool { return x.on("writer") == other.Name })
		t.Logf("%.1f s from the hang to the resource elsewhere", time.Since(begin).Seconds())
		e.wantKeys(t, other)
		must(t, owner.freeze(false))
		for lun := range luns {
			if owner.write(lun) {
				t.Errorf("LUN %d: a node that was fenced can write", lun)
			}
		}
		e.wantKeys(t, other)
		restart(t, e, owner)
	})

	for round := range 2 {
		t.Run(fmt.Sprint("split ", round+1), func(t *testing.T) { split(t, e) })
	}
}

// restart is the end of a node that was fenced: it goes down, comes back, and is let in.
func restart(t *testing.T, e *Engine, m *Member) {
	t.Helper()
	must(t, m.powerOff())
	must(t, m.powerOn())
	e.together(t)
	for lun := range e.array.luns {
		if !m.write(lun) {
			t.Errorf("LUN %d: a node that was let in cannot write", lun)
		}
	}
}

// split cuts the link between two nodes: one of them has all LUNs afterwards, and the other
// one nothing.
func split(t *testing.T, e *Engine) {
	t.Helper()
	for _, m := range e.nodes {
		must(t, m.isolate(true))
	}
	var winner, loser *Member
	for begin := time.Now(); time.Since(begin) < engineWait && winner == nil; time.Sleep(500 * time.Millisecond) {
		for _, m := range e.nodes {
			if x, err := m.monitor(); err == nil && x.on("writer") == m.Name && len(x.online()) == 1 {
				if keys := e.keysOf(t); len(keys[0]) == 1 && keys[0][0] == positionKey(m.number) {
					winner, loser = m, e.nodes[2-m.number]
				}
			}
		}
	}
	if winner == nil {
		t.Fatalf("nobody wins: keys %x\n%s\n%s", e.keysOf(t), e.nodes[0].logs(), e.nodes[1].logs())
	}
	t.Logf("%s wins", winner.Name)
	e.wantKeys(t, winner)
	// The loser goes on asking for the winner's fence; ask it ourselves, too.
	for range 3 {
		r, err := loser.run("fence_lunguard -o off -n " + winner.Name + " -d '/dev/lun0 /dev/lun1 /dev/lun2 /dev/lun3'")
		must(t, err)
		if r.Exit != 1 || strings.Contains(r.Stdout, "Success") {
			t.Errorf("the loser fences the winner: %v", r)
		}
		if r, err = loser.run("fence_lunguard -o on -n " + loser.Name + " -d '/dev/lun0 /dev/lun1 /dev/lun2 /dev/lun3'"); err != nil || r.Exit != 1 {
			t.Errorf("the loser lets itself in: %v, %v", r, err)
		}
	}
	for lun := range e.array.luns {
		if loser.write(lun) {
			t.Errorf("LUN %d: the loser can write", lun)
		}
		if !winner.write(lun) {
			t.Errorf("LUN %d: the winner cannot write", lun)
		}
	}
	if r, err := loser.run("grep -c 'Success: Powered OFF' /var/log/pacemaker/pacemaker.log"); err == nil && r.Exit == 0 && strings.TrimSpace(r.Stdout) != "0" {
		t.Logf("the loser's log has %s", strings.TrimSpace(r.Stdout))
	}
	e.wantKeys(t, winner)
	for _, m := range e.nodes {
		must(t, m.isolate(false))
	}
	restart(t, e, loser)
}
