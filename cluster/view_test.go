package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lunguard/pr"
	"lunguard/protocol"
)

// Keys of nodes, and one of nobody.
const (
	keyA    = pr.Key(0xbcb00001)
	keyB    = pr.Key(0xbcb00002)
	keyC    = pr.Key(0xbcb00003)
	foreign = pr.Key(0xdead)
)

// cluster is one of three nodes.
func cluster() *Config {
	return &Config{
		Path:     "cluster.conf",
		Nodes:    []Node{{Name: "A", ID: 1, Key: keyA}, {Name: "B", ID: 2, Key: keyB}, {Name: "C", ID: 3, Key: keyC}},
		Packages: []Package{{Name: "pkg1", Type: Failover, Nodes: []string{"A", "B", "C"}}},
	}
}

// lunOf is a LUN that was read, with these keys, of which holder reserves.
func lunOf(holder pr.Key, keys ...pr.Key) protocol.View {
	s := &pr.State{}
	for _, k := range keys {
		s.Registrations = append(s.Registrations, pr.Registration{Key: k})
	}
	if holder != 0 {
		s.Reservation = &pr.Reservation{Key: holder, Type: pr.WriteExclusiveRegistrantsOnly}
	}
	return protocol.View{Support: protocol.Supported, State: s}
}

// summary is what the tests compare of a view.
func (v *PackageView) summary() string {
	words := []string{string(v.Status), "owner=" + v.Owner(), fmt.Sprintf("well=%v", v.Well())}
	for _, n := range v.Nodes {
		words = append(words, n.Node+"="+string(n.Status))
	}
	return strings.Join(words, " ")
}

// What the LUNs of a package say of it, by the keys alone.
func TestViewOf(t *testing.T) {
	unread := protocol.View{Err: errors.New("no answer")}
	noPR := protocol.View{Support: protocol.Unsupported}
	for _, tc := range []struct {
		name   string
		typ    PackageType
		forced bool
		luns   []protocol.View
		want   string
	}{
		{"halted", Failover, false, []protocol.View{lunOf(0), lunOf(0)}, "down owner= well=false A=down B=down"},
		{"up", Failover, false, []protocol.View{lunOf(keyA, keyA, keyA), lunOf(keyA, keyA, keyA)}, "up owner=A well=true A=up B=down"},
		{"not reserved yet", Failover, false, []protocol.View{lunOf(keyA, keyA), lunOf(0, keyA)}, "starting owner=A well=false A=starting B=down"},
		{"on some", Failover, false, []protocol.View{lunOf(keyA, keyA), lunOf(0)}, "starting owner=A well=false A=starting B=down"},
		{"leaving", Failover, false, []protocol.View{lunOf(protocol.Leaving(keyA), protocol.Leaving(keyA)), lunOf(keyA, keyA)}, "halting owner=A well=false A=halting B=down"},
		{"leaving, one left", Failover, false, []protocol.View{lunOf(0), lunOf(protocol.Leaving(keyA), protocol.Leaving(keyA))}, "halting owner=A well=false A=halting B=down"},
		{"taking over", Failover, false, []protocol.View{lunOf(protocol.Taking(keyB), protocol.Taking(keyB)), lunOf(keyA, keyA)}, "starting owner=A well=false A=starting B=starting"},
		{"taken over, not resolved", Failover, false, []protocol.View{lunOf(protocol.Taking(keyB), protocol.Taking(keyB), keyB)}, "starting owner=B well=false A=down B=starting"},
		{"fencing", MultiNode, false, []protocol.View{lunOf(keyA, keyA, protocol.Taking(keyB))}, "up owner= well=true A=up B=up"},
		{"unreadable", Failover, false, []protocol.View{lunOf(keyA, keyA), unread}, "unknown owner= well=false A=unknown B=unknown"},
		{"unreadable, none elsewhere", Failover, false, []protocol.View{lunOf(0), unread}, "unknown owner= well=false A=unknown B=unknown"},
		{"two owners", Failover, false, []protocol.View{lunOf(keyB, keyA, keyB)}, "up owner=B well=false A=up B=up"},
		{"a node that may not", Failover, false, []protocol.View{lunOf(keyC, keyC)}, "up owner=C well=true A=down B=down C=up"},
		{"a stranger", Failover, false, []protocol.View{lunOf(foreign, foreign)}, "down owner= well=false A=down B=down"},
		{"all registrants", MultiNode, false, []protocol.View{{Support: protocol.Supported, State: &pr.State{
			Registrations: []pr.Registration{{Key: keyA}, {Key: keyB}},
			Reservation:   &pr.Reservation{Type: pr.WriteExclusiveAllRegistrants},
		}}}, "up owner= well=true A=up B=up"},
		{"on one of two", MultiNode, false, []protocol.View{lunOf(keyA, keyA)}, "up owner= well=false A=up B=down"},
		{"no LUN", Failover, false, nil, "unknown owner= well=false A=unknown B=unknown"},
		{"no reservations", Failover, false, []protocol.View{noPR}, "unknown owner= well=false A=unknown B=unknown"},
		{"another type only", Failover, false, []protocol.View{{Support: protocol.Unsupported, State: lunOf(0).State}}, "unknown owner= well=false A=unknown B=unknown"},
		// B is not known to be down: it would leave no key.
		{"forced, keys of the past", Failover, true, []protocol.View{lunOf(keyA, keyA)}, "up owner=A well=false A=up B=unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := cluster()
			conf.PRDisabled = tc.forced
			pkg := &Package{Name: "p", Type: tc.typ, Nodes: []string{"A", "B"}}
			v := conf.ViewOf(pkg, tc.luns)
			if diff := cmp.Diff(tc.want, v.summary()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A key that was seen on one LUN is seen, even if another cannot be read.
func TestViewSeen(t *testing.T) {
	conf := cluster()
	v := conf.ViewOf(&conf.Packages[0], []protocol.View{lunOf(keyB, keyB), {Err: errors.New("no answer")}})
	var seen []string
	for _, n := range v.Nodes {
		if n.Seen {
			seen = append(seen, n.Node)
		}
	}
	if !slices.Equal(seen, []string{"B"}) {
		t.Errorf("seen: %v, B expected", seen)
	}
}

// Parameters come apart into what a package has once and what it repeats.
func TestOutline(t *testing.T) {
	const text = `
NODE_NAME A
NODE_PR_KEY 1
NETWORK_INTERFACE eth0
HEARTBEAT_IP 192.0.2.1
HEARTBEAT_IP 192.0.2.2
MEMBER_TIMEOUT 1
SUBNET 192.0.2.0
POLLING_TARGET 192.0.2.9
package_name p
vg v1
service_name s1
service_cmd /one
ip_subnet 192.0.2.0
ip_address 192.0.2.3
ip_address 192.0.2.4
service_name s2
service_cmd /two
service_restart 3
auto_run no
`
	conf, err := ParseConfig(strings.NewReader(text), "c")
	if err != nil {
		t.Fatal(err)
	}
	show := func(single Settings, blocks []Block) string {
		var b strings.Builder
		for _, s := range single {
			fmt.Fprintf(&b, "%s=%s ", s.Name, s.Value)
		}
		for _, x := range blocks {
			fmt.Fprintf(&b, "[%s=%s", x.Name, x.Value)
			for _, s := range x.Inside {
				fmt.Fprintf(&b, " %s=%s", s.Name, s.Value)
			}
			for _, s := range x.Repeated {
				fmt.Fprintf(&b, " +%s=%s", s.Name, s.Value)
			}
			b.WriteString("]")
		}
		return b.String()
	}
	for _, tc := range []struct{ got, want string }{
		{show(conf.Packages[0].Outline()), "package_name=p auto_run=no [vg=v1][service_name=s1 service_cmd=/one]" +
			"[ip_subnet=192.0.2.0 +ip_address=192.0.2.3 +ip_address=192.0.2.4][service_name=s2 service_cmd=/two service_restart=3]"},
		{show(conf.Nodes[0].Outline()), "node_name=A node_pr_key=1 [network_interface=eth0 +heartbeat_ip=192.0.2.1 +heartbeat_ip=192.0.2.2]"},
		{show(conf.Outline()), "member_timeout=1 [subnet=192.0.2.0 +polling_target=192.0.2.9]"},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}
