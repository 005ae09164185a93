package simns_test

import (
	"context"
	"testing"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/pr/pathtest"
)

// targets are those that the suites run on.
func targets() map[string]simns.Quirks {
	return map[string]simns.Quirks{
		"standard": {}, "nvmet": simns.NVMet(), "SPDK": simns.SPDK(), "short host identifiers": {ShortHostIDs: true},
	}
}

// hostOf is the host identifier of host a, b, ...
func hostOf(i int) nvme.HostID {
	h, err := nvme.MakeHostID([]byte{0: byte(i + 1), 15: 0xaa})
	if err != nil {
		panic(err)
	}
	return h
}

// A nvme.Unit on the simulated namespace is a pr.Path, whatever the target.
func TestPath(t *testing.T) {
	for name, quirks := range targets() {
		t.Run(name, func(t *testing.T) {
			pathtest.Run(t, func(t *testing.T) *pathtest.Bench { return pathBench(quirks) })
		})
	}
}

func pathBench(quirks simns.Quirks) *pathtest.Bench {
	ns := simns.NewMemory(simns.Config{Quirks: quirks})
	bench := &pathtest.Bench{Traits: pathtest.Traits{
		PreemptsNobody: quirks.PreemptsNobody, KeepsAllRegistrants: quirks.KeepsType, SecondConflicts: quirks.SecondConflicts,
		HolderPreemptsNobody: quirks.HolderPreemptsNobody,
	}}
	var transports [3]nvme.Transport
	for i := range bench.Paths {
		host := hostOf(i)
		transports[i] = &nvme.Retry{Transport: ns.Connect(simns.Controller{ID: uint16(i + 1), Host: host})}
		// The host asks the controller who it is.
		id, err := nvme.ReadHostID(context.Background(), transports[i])
		if err != nil {
			panic(err)
		}
		bench.Paths[i] = nvme.NewUnit("path", transports[i]).WithIdentity(func() pr.Identity { return id.Identity() })
	}
	bench.Write = func(ctx context.Context, path int) error {
		_, err := nvme.Exec(ctx, transports[path], &nvme.Request{Opcode: nvme.OpWrite, Data: make([]byte, 512)})
		return err
	}
	return bench
}
