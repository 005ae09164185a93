package fenceagent

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"lunguard/child"
	"lunguard/cluster"
	"lunguard/cluster/corosync"
)

// cmapctl shows what a corosync that runs has in memory.
const cmapctl = "corosync-cmapctl"

// cmapLimit is how long it may take to.
const cmapLimit = 2 * time.Second

// loaded says whether nodes and keys are those of the cluster that runs: a configuration
// that was edited, and not loaded on all nodes, gives nodes other keys here than there. Where
// corosync does not run, or does not answer, there is nothing to compare. The error is
// *unloadedError.
func loaded(ctx context.Context, from *cluster.FromCorosync) error {
	if from == nil {
		return nil
	}
	answer, err := child.Run(ctx, cmapLimit, append(os.Environ(), "LC_ALL=C"), cmapctl)
	if err != nil {
		return nil
	}
	running := inMemory(string(answer.Out))
	if len(running.Nodes) == 0 || same(running, from.Conf) {
		return nil
	}
	return &unloadedError{from.Path, running}
}

// same reports whether two configurations give the same nodes the same keys.
func same(a, b *corosync.Config) bool {
	return a.Name == b.Name && slices.EqualFunc(a.Nodes, b.Nodes, func(x, y corosync.Node) bool { return x.Name == y.Name && x.ID == y.ID })
}

// inMemory reads what cmapctl prints, lines such as "nodelist.node.0.name (str) = node1".
// Nodes are in the order of their positions, and those without a nodeid are none.
func inMemory(text string) *corosync.Config {
	c := &corosync.Config{}
	nodes := map[int]*corosync.Node{}
	var positions []int
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		key, _, _ = strings.Cut(key, " ")
		if key == "totem.cluster_name" {
			c.Name = value
		}
		words := strings.Split(strings.TrimPrefix(key, "nodelist.node."), ".")
		position, err := strconv.Atoi(words[0])
		if err != nil || len(words) != 2 {
			continue
		}
		n := nodes[position]
		if n == nil {
			n = &corosync.Node{}
			nodes[position] = n
			positions = append(positions, position)
		}
		switch words[1] {
		case "name":
			n.Name = value
		case "ring0_addr":
			n.Address = value
		case "nodeid":
			id, _ := strconv.ParseUint(value, 10, 32)
			n.ID = uint32(id)
		}
	}
	slices.Sort(positions)
	for _, p := range positions {
		n := nodes[p]
		if n.Name == "" {
			n.Name = n.Address
		}
		if n.ID != 0 {
			c.Nodes = append(c.Nodes, *n)
		}
	}
	return c
}
