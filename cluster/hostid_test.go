package cluster

import (
	"strings"
	"testing"
)

// The NVMe host identifier of a node, however it is written; what cannot be one, or is
// another node's, is refused.
func TestNodeHostID(t *testing.T) {
	const a, b = "6a61636b-3300-0000-0000-00000000000A", "6a61636b340000000000000000000000"
	conf := func(first, second string) string {
		return "NODE_NAME jack3\nNODE_PR_KEY 1\nNODE_NVME_HOSTID " + first + "\nNODE_NAME jack4\nNODE_PR_KEY 2\nNODE_NVME_HOSTID " + second + "\n"
	}
	c, err := ParseConfig(strings.NewReader(conf(a, b)), "f")
	if err != nil || c.Nodes[0].HostID() != "6a61636b33000000000000000000000a" || c.Nodes[1].HostID() != b {
		t.Errorf("%v", err)
	}
	if c, err := ParseConfig(strings.NewReader("NODE_NAME jack3\nNODE_PR_KEY 1\n"), "f"); err != nil || c.Nodes[0].HostID() != "" {
		t.Errorf("%v", err)
	}
	for name, bad := range map[string][2]string{
		"zero": {a, "00000000-0000-0000-0000-000000000000"}, "short": {a, "6a61636b"}, "no digits": {a, strings.Repeat("x", 32)},
		"the same": {a, a}, "the same, in other letters": {a, strings.ToLower(strings.ReplaceAll(a, "-", ""))},
	} {
		_, err := ParseConfig(strings.NewReader(conf(bad[0], bad[1])), "f")
		if err == nil || !strings.Contains(err.Error(), "a host identifier") || !strings.Contains(err.Error(), "f:6") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseConfig(strings.NewReader(conf(a, b)+"NODE_NVME_HOSTID "+b+"\n"), "f"); err == nil {
		t.Error("a second one")
	}
	if _, ok := PlainHostID("0123456789abcdef"); !ok {
		t.Error("8 bytes")
	}
}
