//go:build lab

package guest

import (
	"slices"
	"strconv"
	"testing"
)

// prOuts lists the service actions of the PERSISTENT RESERVE OUTs that a node has sent to a LUN.
func prOuts(t *testing.T, n *Node, lun int) []int {
	t.Helper()
	const prOut = 0x5f
	var actions []int
	for _, k := range n.Commands(t) {
		if k.LUN == lun && len(k.CDB) > 1 && k.CDB[0] == prOut {
			actions = append(actions, int(k.CDB[1]&0x1f))
		}
	}
	return actions
}

// calm takes the unit attentions off a path.
func calm(t *testing.T, n *Node, disk string) {
	t.Helper()
	const attempts = 10
	for range attempts {
		if n.Run(t, "sg_turs", disk).Exit == 0 {
			return
		}
	}
	t.Fatalf("%s is not ready", disk)
}

// returnedByMove is a path that comes back to the node that holds: it is registered by one
// REGISTER AND MOVE from the path that held and by nothing else, so that it holds then. The
// same command, sent after another node has taken over, registers nothing.
func (c *mpath) returnedByMove(t *testing.T) {
	const registerAndMove = 7
	c.down(t, 1)
	wantWarnings(t, typed(t, c.jack3, "pr_start pkg1"), disksOn(c.jack3, 1)...)
	c.wantPaths(t, c.jack3, []int{0}, nil)
	ForgetCommands(t)
	c.returned(t, 1)
	c.wantPaths(t, c.jack3, both(), nil)
	var late []string
	for lun, p := range c.look(t) {
		if sent := prOuts(t, c.jack3, lun); !slices.Equal(sent, []int{registerAndMove}) {
			t.Errorf("LUN %d: PERSISTENT RESERVE OUTs %v, want one REGISTER AND MOVE", lun, sent)
		}
		i := slices.IndexFunc(p.Full, func(r Registration) bool { return r.Holder })
		if i < 0 || p.Full[i].Port != 2 || p.Full[i].Initiator != c.jack3.IQN() {
			t.Fatalf("LUN %d is not held by jack3's second path: %+v", lun, p.Full)
		}
		late = append(late, p.Full[i].Initiator+",i,0x"+p.Full[i].ISID)
	}
	mustType(t, c.jack4, "pr_start pkg1")
	c.wantPaths(t, c.jack4, nil, both())
	before := c.look(t)
	for lun, id := range late {
		calm(t, c.jack3, c.jack3.Disk(lun, 0))
		r := c.jack3.Run(t, debianSgPersist, "--no-inquiry", "--out", "--register-move", "--param-rk="+hex1,
			"--param-sark="+hex1, "--relative-target-port=2", "--transport-id="+id, c.jack3.Disk(lun, 0))
		const conflict = 24
		wantExit(t, r, conflict)
	}
	c.wantSame(t, before)
	mustType(t, c.jack4, "pr_halt pkg1")
}

// markedHolderGone is a halt of shared LUNs after one that was killed when it had marked the
// path that holds, and that path has died since.
func (c *mpath) markedHolderGone(t *testing.T) {
	c.configure(t, "multi_node")
	mustType(t, c.jack3, "pr_start pkg1")
	mustType(t, c.jack4, "pr_start pkg1")
	c.wantPaths(t, c.jack3, both(), both())
	full := c.look(t)[0].Full
	path := int(full[slices.IndexFunc(full, func(r Registration) bool { return r.Holder })].Port) - 1
	for lun := range mpathLUNs {
		c.jack3.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--register", "--param-aptpl",
			"--param-rk="+hex1, "--param-sark=0x80000000bcb00001", c.jack3.Disk(lun, path))
	}
	writer := StartWriter(t, c.devices(c.jack4)[0], WriterOffset)
	gone := disksOn(c.jack3, path)
	c.jack3.Logout(t, path)
	ForgetCommands(t)
	wantWarnings(t, typed(t, c.jack3, "pr_halt pkg1"), gone...)
	c.wantPaths(t, c.jack4, nil, both())
	for lun := range mpathLUNs {
		// Mark the other path; remove the one that is gone; hand over.
		if sent := prOuts(t, c.jack3, lun); len(sent) > 4 {
			t.Errorf("LUN %d: %d PERSISTENT RESERVE OUTs: %v", lun, len(sent), sent)
		}
	}
	c.wantRefused(t, c.jack3)
	stopped(t, c.jack4, writer)
	mustType(t, c.jack4, "pr_halt pkg1")
}

// allRegistrants is a take-over of LUNs on which each path of the other node holds the
// reservation, as other software makes it. Raw LUNs, for lvm2 sees no group where reading is
// refused.
func (c *mpath) allRegistrants(t *testing.T) {
	for _, n := range []*Node{c.jack3, c.jack4} {
		configureAs(t, n, "failover", "/dev/mapper/"+n.Name+"p1", "/dev/mapper/"+n.Name+"_part1", "/dev/mapper/"+n.Name+"-third")
	}
	for _, kind := range []int{7, 8} {
		for lun := range mpathLUNs {
			for _, disk := range c.jack3.Disks(lun) {
				calm(t, c.jack3, disk)
				register(t, c.jack3, disk, hex1)
			}
			c.jack3.MustRun(t, debianSgPersist, "--no-inquiry", "--out", "--reserve", "--param-rk="+hex1,
				"--prout-type="+strconv.Itoa(kind), c.jack3.Disk(lun, 0))
		}
		mustType(t, c.jack4, "pr_start pkg1")
		c.wantPaths(t, c.jack4, nil, both())
		for path := range 2 {
			c.wantWrites(t, c.jack4, path)
		}
		c.wantRefused(t, c.jack3)
		mustType(t, c.jack4, "pr_check pkg1")
		mustType(t, c.jack4, "pr_halt pkg1")
	}
}
