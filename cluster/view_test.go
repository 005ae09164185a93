package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// lunOf is a LUN that was read, with these keys, of which holder reserves.
func lunOf(holder scsi.Key, keys ...scsi.Key) LUNView {
	s := &scsi.State{}
	for _, k := range keys {
		s.Registrations = append(s.Registrations, scsi.FullStatus{Key: k})
	}
	if holder != 0 {
		s.Reservation = &scsi.Reservation{Key: holder, Type: reservationType}
	}
	return LUNView{Mode: PREnabled, State: s}
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
	unread := LUNView{Mode: PRUnknown, Err: errors.New("no answer")}
	noPR := LUNView{Mode: PRDisabled}
	for _, tc := range []struct {
		name   string
		typ    PackageType
		forced bool
		luns   []LUNView
		want   string
	}{
		{"halted", Failover, false, []LUNView{lunOf(0), lunOf(0)}, "down owner= well=false A=down B=down"},
		{"up", Failover, false, []LUNView{lunOf(keyA, keyA, keyA), lunOf(keyA, keyA, keyA)}, "up owner=A well=true A=up B=down"},
		{"not reserved yet", Failover, false, []LUNView{lunOf(keyA, keyA), lunOf(0, keyA)}, "starting owner=A well=false A=starting B=down"},
		{"on some", Failover, false, []LUNView{lunOf(keyA, keyA), lunOf(0)}, "starting owner=A well=false A=starting B=down"},
		{"leaving", Failover, false, []LUNView{lunOf(Leaving(keyA), Leaving(keyA)), lunOf(keyA, keyA)}, "halting owner=A well=false A=halting B=down"},
		{"leaving, one left", Failover, false, []LUNView{lunOf(0), lunOf(Leaving(keyA), Leaving(keyA))}, "halting owner=A well=false A=halting B=down"},
		{"unreadable", Failover, false, []LUNView{lunOf(keyA, keyA), unread}, "unknown owner= well=false A=unknown B=unknown"},
		{"unreadable, none elsewhere", Failover, false, []LUNView{lunOf(0), unread}, "unknown owner= well=false A=unknown B=unknown"},
		{"two owners", Failover, false, []LUNView{lunOf(keyB, keyA, keyB)}, "up owner=B well=false A=up B=up"},
		{"a node that may not", Failover, false, []LUNView{lunOf(keyC, keyC)}, "up owner=C well=true A=down B=down C=up"},
		{"a stranger", Failover, false, []LUNView{lunOf(foreign, foreign)}, "down owner= well=false A=down B=down"},
		{"all registrants", MultiNode, false, []LUNView{{Mode: PREnabled, State: &scsi.State{
			Registrations: []scsi.FullStatus{{Key: keyA}, {Key: keyB}},
			Reservation:   &scsi.Reservation{Type: scsi.WriteExclusiveAllRegistrants},
		}}}, "up owner= well=true A=up B=up"},
		{"on one of two", MultiNode, false, []LUNView{lunOf(keyA, keyA)}, "up owner= well=false A=up B=down"},
		{"no LUN", Failover, false, nil, "unknown owner= well=false A=unknown B=unknown"},
		{"no reservations", Failover, false, []LUNView{noPR}, "unknown owner= well=false A=unknown B=unknown"},
		{"another type only", Failover, false, []LUNView{{Mode: PRDisabled, State: lunOf(0).State}}, "unknown owner= well=false A=unknown B=unknown"},
		// B is not known to be down: it would leave no key.
		{"forced, keys of the past", Failover, true, []LUNView{lunOf(keyA, keyA)}, "up owner=A well=false A=up B=unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := newWorld(t, 0, 1, simlun.Quirks{}).conf
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
	conf := newWorld(t, 0, 1, simlun.Quirks{}).conf
	v := conf.ViewOf(&conf.Packages[0], []LUNView{lunOf(keyB, keyB), {Mode: PRUnknown, Err: errors.New("no answer")}})
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

// A look costs two commands a LUN and changes nothing.
func TestViewReads(t *testing.T) {
	for _, tc := range []struct {
		name   string
		quirks simlun.Quirks
		faults string
		mode   PRMode
		status UpStatus
		failed bool
		sent   int64
	}{
		{name: "as the standard says", mode: PREnabled, status: StatusUp, sent: 2},
		{name: "no reservations", quirks: simlun.Quirks{NoPR: true}, mode: PRDisabled, status: StatusUnknown, sent: 1},
		{name: "GOOD to everything", quirks: simlun.Quirks{BadCapabilities: true}, mode: PRUnknown, status: StatusUp, failed: true, sent: 2},
		{name: "no path", faults: "prin@every:host=1", mode: PRUnknown, status: StatusUnknown, failed: true, sent: 1},
		{name: "state unreadable", faults: "prin.full@every:truncate=20", mode: PREnabled, status: StatusUnknown, failed: true, sent: 2},
		{name: "old", quirks: simlun.Quirks{NoCapabilities: true, NoFullStatus: true}, mode: PREnabled, status: StatusUp, sent: 5},
		{name: "old and unreadable", quirks: simlun.Quirks{NoCapabilities: true}, faults: "prin.full@every:host=1", mode: PRUnknown, status: StatusUnknown, failed: true, sent: 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, 2, 1, simlun.Quirks{})
			w.start("A")
			before := []status{w.status(0), w.status(1)}
			for i := range w.luns {
				w.sent[i].Store(0)
			}
			w.luns[0].With(func(m *simlun.Machine) { m.SetQuirks(tc.quirks) })
			if tc.faults != "" {
				w.faults(0, tc.faults)
			}
			v := w.run("B").View(context.Background(), nil)
			failed := slices.ContainsFunc(v.LUNs, func(l LUNView) bool { return l.Err != nil })
			if v.Mode != tc.mode || v.Status != tc.status || failed != tc.failed {
				t.Errorf("mode %s, status %s, failed %v; %s, %s, %v expected", v.Mode, v.Status, failed, tc.mode, tc.status, tc.failed)
			}
			if n := w.sent[0].Load(); n != tc.sent {
				t.Errorf("%d commands, %d expected", n, tc.sent)
			}
			if diff := cmp.Diff(before, []status{w.status(0), w.status(1)}); diff != "" {
				t.Errorf("something was changed:\n%s", diff)
			}
		})
	}
}

// Several looks together keep to the gate, and use it up.
func TestViewGate(t *testing.T) {
	const limit, looks, luns = 6, 4, 8
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		w := newWorld(t, luns, 1, simlun.Quirks{})
		w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
			return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(deviceTime)
				return t.Do(ctx, req)
			})
		}
		gate := NewGate(limit)
		done := make(chan *PackageView)
		for range looks {
			go func() { done <- w.run("A").View(context.Background(), gate) }()
		}
		for range looks {
			if v := <-done; v.Status != StatusDown {
				t.Errorf("status %s", v.Status)
			}
		}
		if most.Load() != limit {
			t.Errorf("%d commands at once, %d expected", most.Load(), limit)
		}
	})
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
