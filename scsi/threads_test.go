package scsi

import (
	"runtime"
	"testing"
)

func TestMakeRoom(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, c := range []struct{ has, commands, want int }{
		{2, 1, 2}, {2, 47, 2}, {2, 48, 3}, {2, 64, 4}, {2, 4096, processors}, {processors + 8, 4096, processors + 8},
	} {
		runtime.GOMAXPROCS(c.has)
		MakeRoom(c.commands)
		if got := runtime.GOMAXPROCS(0); got != c.want {
			t.Errorf("%d processors, %d commands: %d, want %d", c.has, c.commands, got, c.want)
		}
	}
}
