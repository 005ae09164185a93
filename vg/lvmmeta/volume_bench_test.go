package lvmmeta

import (
	"bytes"
	"fmt"
	"testing"

	"lunguard/vg/lvmmeta/lvmtest"
)

// BenchmarkRead finds and reads the metadata of a volume whose group has 256
// members, in an area of 1 MiB, as lvm2 makes it.
func BenchmarkRead(b *testing.B) {
	g := group()
	g.Members = nil
	for i := range 256 {
		g.Members = append(g.Members, lvmtest.Member{UUID: lvmtest.UUID(fmt.Sprintf("pv%dp", i)), Hint: "/dev/sda", Used: true})
	}
	const size = 2 << 20
	image := lvmtest.Disk{UUID: g.Members[0].UUID, Size: size, Areas: []lvmtest.Area{{Start: 4096, Size: 1<<20 - 4096, Text: g.Text(), Offset: 512}}}.Image()
	b.ReportAllocs()
	for b.Loop() {
		v, err := NewReader().Read(bytes.NewReader(image), size)
		if err != nil || len(v.Groups) != 1 || len(v.Groups[0].Volumes) != 256 {
			b.Fatalf("%+v, %v", v, err)
		}
	}
}
