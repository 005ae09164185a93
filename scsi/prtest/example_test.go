package prtest_test

import (
	"testing"

	"lunguard/scsi"
	"lunguard/scsi/prtest"
	"lunguard/scsi/simlun"
)

// The suite on a unit in memory. On a real one the transports are disks that were opened
// by scsi.OpenSG, and prtest.Clear makes the unit empty for each case.
func ExampleRun() {
	_ = func(t *testing.T) {
		prtest.Run(t, func(t *testing.T) *prtest.Bench {
			lun, err := simlun.NewMemory(simlun.Config{})
			if err != nil {
				t.Fatal(err)
			}
			bench := &prtest.Bench{}
			for i := range bench.Paths {
				bench.Paths[i].Transport = lun.Nexus(scsi.SASTransportID(uint64(i+1)), 1)
			}
			return bench
		})
	}
	// Output:
}
