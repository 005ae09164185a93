package simns_test

import (
	"testing"

	"lunguard/nvme"
	"lunguard/nvme/nvmetest"
	"lunguard/nvme/simns"
)

// The simulated namespace follows the standard, and errs as its models do.
func TestSuite(t *testing.T) {
	for name, c := range map[string]struct {
		quirks simns.Quirks
		errs   nvmetest.Deviations
	}{
		"standard": {}, "nvmet": {simns.NVMet(), nvmetest.NVMet()}, "SPDK": {simns.SPDK(), nvmetest.SPDK()},
	} {
		t.Run(name, func(t *testing.T) {
			nvmetest.Run(t, c.errs, func(*testing.T) *nvmetest.Bench {
				ns := simns.NewMemory(simns.Config{Quirks: c.quirks})
				controllers := map[string]nvme.Transport{}
				for i, name := range []string{"A", "A2", "B", "C"} {
					controllers[name] = ns.Connect(simns.Controller{ID: uint16(i + 1), Host: hostOf(int(name[0] - 'A'))})
				}
				return &nvmetest.Bench{Controllers: controllers}
			})
		})
	}
}
