package simlun_test

import (
	"context"
	"testing"

	"lunguard/pr"
	"lunguard/pr/pathtest"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// A scsi.Unit on the simulated LUN is a pr.Path, on devices of several kinds.
func TestPath(t *testing.T) {
	for name, quirks := range map[string]simlun.Quirks{
		"standard": {}, "no full status": {NoFullStatus: true}, "no SPEC_I_PT": {NoSpecIPT: true}, "another order": {NewestFirst: true},
	} {
		t.Run(name, func(t *testing.T) {
			pathtest.Run(t, func(t *testing.T) *pathtest.Bench { return pathBench(t, quirks) })
		})
	}
}

func pathBench(t *testing.T, quirks simlun.Quirks) *pathtest.Bench {
	lun, err := simlun.NewMemory(simlun.Config{Quirks: quirks})
	if err != nil {
		t.Fatal(err)
	}
	bench := &pathtest.Bench{}
	var transports [3]scsi.Transport
	for i := range bench.Paths {
		port := scsi.ISCSIPortTransportID("iqn.2001-04.com.example:"+string(rune('a'+i)), uint64(i+1))
		transports[i] = &scsi.Retry{Transport: lun.Nexus(port, 1), AfterStateChange: true}
		bench.Paths[i] = scsi.NewUnit("path", transports[i]).WithIdentity(func() pr.Identity {
			return pr.Identity{Initiator: port, RelativePort: 1}
		})
	}
	bench.Write = func(ctx context.Context, path int) error {
		return scsi.Write{BlockSize: 512, Data: make([]byte, 512)}.Execute(ctx, transports[path])
	}
	return bench
}
