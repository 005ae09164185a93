//go:build lab

package guest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// needEngine leaves a test out in a machine that has no cluster engine, and says how often
// what is counted is to be done.
func needEngine(t *testing.T) (rounds int) {
	t.Helper()
	NeedLunguard(t, "fence_lunguard")
	if _, err := os.Stat("/usr/sbin/pacemakerd"); err != nil {
		t.Skip("this machine has no Pacemaker: go run ./lab -only pacemaker")
	}
	rounds, err := strconv.Atoi(flag.Arg(0))
	must(t, err)
	return rounds
}

// anotherFence is the name of a device that comes in the place of the one named fence.
const anotherFence = "guard"

// fenceDevice is the fence agent in the CIB, with parameters NAME=VALUE.
func fenceDevice(agent string, params ...string) string {
	return `<primitive id="fence" class="stonith" type="` + agent + `">` + attributes("fence", params) + `
<meta_attributes id="fence-m"><nvpair id="fence-p" name="provides" value="unfencing"/></meta_attributes>
<operations><op id="fence-o" name="monitor" interval="30s" timeout="60s"/></operations></primitive>`
}

// attributes are the parameters of a resource.
func attributes(id string, params []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<instance_attributes id="%s-i">`, id)
	for i, p := range params {
		name, value, _ := strings.Cut(p, "=")
		fmt.Fprintf(&b, `<nvpair id="%s-i%d" name="%s" value="%s"/>`, id, i, name, value)
	}
	b.WriteString("</instance_attributes>")
	return b.String()
}

// primitive is a resource of an OCF agent with parameters NAME=VALUE.
func primitive(id, provider, agent, monitor string, params ...string) string {
	return fmt.Sprintf(`<primitive id="%s" class="ocf" provider="%s" type="%s">%s<operations><op id="%[1]s-b" name="start" interval="0s" timeout="120s"/>`+
		`<op id="%[1]s-e" name="stop" interval="0s" timeout="120s"/><op id="%[1]s-m" name="monitor" timeout="60s" %[5]s/></operations></primitive>`,
		id, provider, agent, attributes(id, params), monitor)
}

// positionKey is the key of a node as fence_scsi makes it, nodeIDKey that by its nodeid,
// in the cluster called lab.
func positionKey(number int) uint64 { return 0xf9660000 + uint64(number) - 1 }
func nodeIDKey(number int) uint64   { return 0x0cf9664e00000000 + uint64(number) }

// keysOf are the keys on each LUN, as an outsider reads them.
func (e *Engine) keysOf(t *testing.T) [][]uint64 {
	t.Helper()
	var list [][]uint64
	for _, disk := range e.disks() {
		list = append(list, Witness(t, disk).Keys)
	}
	return list
}

// areIn reports whether these nodes, and nobody else, are registered on all that is shared.
func (e *Engine) areIn(t *testing.T, members ...*Member) bool {
	t.Helper()
	var want []uint64
	for _, m := range members {
		want = append(want, e.Key(m.number))
	}
	return !slices.ContainsFunc(e.keysOf(t)[:e.Shared], func(keys []uint64) bool { return !slices.Equal(keys, want) })
}

// wantIn checks that.
func (e *Engine) wantIn(t *testing.T, members ...*Member) {
	t.Helper()
	if !e.areIn(t, members...) {
		t.Errorf("keys are %x, want those of %d nodes, the first of them %s", e.keysOf(t), len(members), members[0].Name)
	}
}

// named is the node of a name, nil if there is none.
func (e *Engine) named(name string) *Member {
	if i := slices.IndexFunc(e.nodes, func(m *Member) bool { return m.Name == name }); i >= 0 {
		return e.nodes[i]
	}
	return nil
}

// owner is the node that has a resource, and another one.
func (e *Engine) owner(t *testing.T, resource string) (has, other *Member) {
	t.Helper()
	x, err := e.nodes[0].monitor()
	must(t, err)
	if has = e.named(x.on(resource)); has == nil {
		t.Fatalf("%s is up nowhere: %+v", resource, x)
	}
	return has, e.nodes[len(e.nodes)-has.number]
}

// write writes to a LUN as a node does, past its cluster engine.
func (m *Member) write(lun int) bool {
	r, err := m.run(fmt.Sprintf("dd if=/dev/zero of=/dev/lun%d oflag=direct bs=512 count=1 conv=notrunc seek=32000", lun))
	return err == nil && r.Exit == 0
}

// together waits until all nodes are members that were let in, and the resource is up.
func (e *Engine) together(t *testing.T) {
	t.Helper()
	for _, m := range e.nodes {
		m.until(t, "together", func(x monitorXML) bool {
			return len(x.online()) == len(e.nodes) && x.on(e.Resource) != "" && x.on("fence")+x.on(anotherFence) != "" && x.members() >= e.clones() && e.areIn(t, e.nodes...)
		})
	}
}

// clones is how many instances of the clone there are to be.
func (e *Engine) clones() int { return strings.Count(e.Resources, "<clone") * len(e.nodes) }

// restart is the end of a node that was fenced: it goes down, comes back, and is let in.
func (e *Engine) restart(t *testing.T, m *Member) {
	t.Helper()
	must(t, m.powerOff())
	must(t, m.powerOn())
	e.together(t)
	for lun := range e.Shared {
		if !m.write(lun) {
			t.Errorf("LUN %d: a node that was let in cannot write", lun)
		}
	}
}

// TestPacemaker is the life of a cluster of two nodes with four LUNs and no configuration
// of the product's: it comes up, moves its resource, a node hangs, and the link between
// them is cut, as often as is wanted.
func TestPacemaker(t *testing.T) {
	rounds := needEngine(t)
	e := dropIn(t, "fence_lunguard")

	t.Run("move", func(t *testing.T) {
		for range 3 {
			from, to := e.owner(t, "writer")
			must(t, from.sh("crm_resource --move --resource writer --node "+to.Name))
			to.until(t, "writer on "+to.Name, func(x monitorXML) bool { return x.on("writer") == to.Name })
			must(t, from.sh("crm_resource --clear --resource writer"))
		}
		e.wantIn(t, e.nodes...)
	})

	t.Run("hang", func(t *testing.T) {
		owner, other := e.owner(t, "writer")
		begin := time.Now()
		must(t, owner.freeze(true))
		other.until(t, "writer on "+other.Name, func(x monitorXML) bool { return x.on("writer") == other.Name })
		t.Logf("%.1f s from the hang to the resource elsewhere", time.Since(begin).Seconds())
		e.wantIn(t, other)
		must(t, owner.freeze(false))
		for lun := range e.Shared {
			if owner.write(lun) {
				t.Errorf("LUN %d: a node that was fenced can write", lun)
			}
		}
		e.wantIn(t, other)
		e.restart(t, owner)
	})

	for round := range rounds {
		t.Run(fmt.Sprint("split ", round+1), func(t *testing.T) {
			_, loser := e.split(t)
			e.join(t)
			e.restart(t, loser)
		})
	}
}

// dropIn is a cluster of two nodes whose fence device names its LUNs, and a resource that
// writes to the last of them.
func dropIn(t *testing.T, agent string) *Engine {
	t.Helper()
	const luns = 4
	devices := "/dev/lun0 /dev/lun1 /dev/lun2 /dev/lun3"
	e := NewEngine(t, EngineSpec{Nodes: 2, LUNs: luns, Shared: luns, Devices: "-d '" + devices + "'", Key: positionKey, Resource: "writer",
		Resources: fenceDevice(agent, "devices="+devices) + primitive("writer", "lab", "writer", `interval="5s"`, "device=/dev/lun3")})
	e.together(t)
	return e
}
