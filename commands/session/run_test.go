package session

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMakeRoom(t *testing.T) {
	before, percent := runtime.GOMAXPROCS(0), debug.SetGCPercent(100)
	defer func() {
		runtime.GOMAXPROCS(before)
		debug.SetGCPercent(percent)
	}()
	for _, c := range []struct{ has, commands, want, garbage, wantGarbage int }{
		{2, 1, 2, 100, 100}, {2, 23, 2, 100, 100}, {2, 24, 3, 100, garbage}, {2, 32, 4, 50, garbage}, {2, 4096, processors, 1000, 1000},
		{2, 4096, processors, -1, -1}, {processors + 8, 4096, processors + 8, 100, 100},
	} {
		runtime.GOMAXPROCS(c.has)
		debug.SetGCPercent(c.garbage)
		makeRoom(c.commands)
		got, gotGarbage := runtime.GOMAXPROCS(0), debug.SetGCPercent(100)
		if got != c.want || gotGarbage != c.wantGarbage {
			t.Errorf("%d processors, %d commands: %d, want %d; garbage %d %%, want %d %%", c.has, c.commands, got, c.want, gotGarbage, c.wantGarbage)
		}
	}
}
