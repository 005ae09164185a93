package cluster

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse300 reads a config of 300 packages with four volumes each.
func BenchmarkParse300(b *testing.B) {
	var text strings.Builder
	text.WriteString("CLUSTER_NAME bla\nCLUSTER_PR_TAG 0xbcb0\n")
	for i := range 16 {
		fmt.Fprintf(&text, "NODE_NAME n%d\nNODE_ID %d\n", i, i+1)
	}
	for i := range 300 {
		fmt.Fprintf(&text, "\npackage_name p%d\npackage_type failover\nnode_name n%d\nnode_name n%d\n", i, i%16, (i+1)%16)
		for j := range 4 {
			fmt.Fprintf(&text, "pv /dev/mapper/mpath%d_%d # raw\n", i, j)
		}
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		conf, err := ParseConfig(strings.NewReader(text.String()), "cluster.conf")
		if err != nil || len(conf.Packages) != 300 {
			b.Fatalf("%v", err)
		}
	}
}
