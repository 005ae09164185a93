package cluster

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// manyLines is a file of a size, of lines by their number.
func manyLines(head string, size int, line func(i int) string) string {
	var b strings.Builder
	b.Grow(size + 100)
	b.WriteString(head)
	for i := 0; b.Len() < size; i++ {
		b.WriteString(line(i))
	}
	return b.String()
}

// What is no config costs little, however large it is, and its faults are told up to a
// bound. Memory is what is looked at: who keeps nothing of a line does not compare it with
// all lines before it either, and the tests have an end.
func TestHostileConfigCost(t *testing.T) {
	const head = "CLUSTER_PR_TAG bcb0\nNODE_NAME jack3\nNODE_ID 1\n"
	for name, c := range map[string]struct {
		head string
		line func(i int) string
	}{
		"wrong lines":      {head, func(int) string { return "x 1\n" }},
		"nearly right":     {head, func(i int) string { return fmt.Sprintf("clustre_name%d x\n", i) }},
		"empty lines":      {head, func(int) string { return "\n" }},
		"nodes":            {"", func(i int) string { return fmt.Sprintf("NODE_NAME n%d\n", i) }},
		"one node":         {"", func(int) string { return "NODE_NAME n\n" }},
		"packages":         {head, func(i int) string { return fmt.Sprintf("package_name p%d\n", i) }},
		"one package":      {head, func(int) string { return "package_name p\n" }},
		"nodes of a p.":    {head + "package_name p\n", func(i int) string { return fmt.Sprintf("node_name n%d\n", i) }},
		"groups":           {head + "package_name p\n", func(i int) string { return fmt.Sprintf("vg v%d\n", i) }},
		"one group":        {head + "package_name p\n", func(int) string { return "vg v\n" }},
		"half blocks":      {head + "package_name p\nvg v\n", func(int) string { return "fs_name /dev/v/l\n" }},
		"retired":          {head, func(int) string { return "RETIRED_NODE_ID n=7\n" }},
		"quotes":           {head, func(int) string { return "CLUSTER_NAME \"\\\n" }},
		"values in others": {head + "package_name p\n", func(i int) string { return fmt.Sprintf("pev_%d $X\n", i) }},
	} {
		for _, size := range []int{maxConfig - 100, 16 << 20} {
			t.Run(fmt.Sprint(name, size>>20), func(t *testing.T) {
				text := manyLines(c.head, size, c.line)
				defer debug.SetGCPercent(debug.SetGCPercent(10))
				runtime.GC()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				conf, err := ParseConfig(strings.NewReader(text), "f")
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(conf)
				if grown := int64(after.HeapSys+after.StackSys) - int64(before.HeapSys+before.StackSys); grown > 90<<20 {
					t.Errorf("%d MB more", grown>>20)
				}
				if n := len(leavesOf(err)); n > maxFaults+1 || n == 0 && size > maxConfig {
					t.Errorf("%d faults", n)
				}
			})
		}
	}
}

// leavesOf are the faults that are joined.
func leavesOf(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return nil
}
