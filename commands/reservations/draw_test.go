package reservations

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lunguard/cluster"
	"lunguard/commands/front"
	"lunguard/commands/picture"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/pr"
	"lunguard/protocol"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// stuckHost cannot open one of its paths.
type stuckHost struct {
	vg.Host
	path string
}

func (h stuckHost) Open(path vg.Device) (vg.Path, error) {
	if path.Name == h.path {
		return nil, &vg.DeviceError{Device: path.Name, Err: syscall.ENXIO}
	}
	return h.Host.Open(path)
}

// A path that cannot be opened is one that this node has, and that does not
// answer: not 1 of 1, but 1 of 2.
func TestUnopenedPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	if _, err := simhost.CreateArray(dir, simhost.Spec{Nodes: []string{"jack3"}, LUNs: 1, Paths: 2, LUN: simlun.Config{Blocks: 16}}); err != nil {
		t.Fatal(err)
	}
	sim, err := simhost.Open(filepath.Join(dir, "jack3"))
	if err != nil {
		t.Fatal(err)
	}
	path, err := sim.OpenName("/dev/sda")
	if err != nil {
		t.Fatal(err)
	}
	u := scsi.NewUnit("/dev/sda", &scsi.Retry{Transport: path, AfterStateChange: true})
	if err := errors.Join(u.RegisterAndIgnore(t.Context(), 1, false), u.Reserve(t.Context(), 1, pr.WriteExclusiveRegistrantsOnly), path.Close()); err != nil {
		t.Fatal(err)
	}
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "jack3", Key: 1}}}
	var said bytes.Buffer
	c := front.NewCall(t.Context(), PRCheck(), front.Streams{Err: &said}, func(string) string { return "" })
	on := session.On(c, conf, stuckHost{sim, "/dev/sdb"}, conf.Nodes[0])
	o, err := on.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	reports, at := o.OpenEach(t.Context(), on.Host, []string{"/dev/mapper/mpatha"}, c.WarnErr, nil, nil)
	if len(reports) != 1 || len(at) != 1 {
		t.Fatalf("%v, %v", reports, at)
	}
	pkg := &cluster.Package{Name: "p", Type: cluster.Failover, Nodes: []string{"jack3"}}
	run := on.Run(pkg, o)
	l := packageSection(conf, pkg, conf.Nodes[0], run.Check(context.Background())).LUNs[0]
	if *l.Paths != 2 || *l.Working != 1 || *l.Nodes[0].Registered != 1 || *l.Nodes[0].Expected != 2 {
		t.Errorf("%d of %d paths work, %d of %d are registered", *l.Working, *l.Paths, *l.Nodes[0].Registered, *l.Nodes[0].Expected)
	}
	var kinds []string
	for _, f := range l.Findings {
		kinds = append(kinds, f.Kind)
	}
	if diff := gocmp.Diff([]string{"dead-path", "not-kept"}, kinds); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got := said.String(); got != "pr_check: warning: /dev/sdb: the device is offline or gone\n" {
		t.Errorf("said: %q", got)
	}
}

// A LUN is protected only if nothing that was found says otherwise.
func TestProtection(t *testing.T) {
	held := &pr.State{
		Registrations: []pr.Registration{{Key: 1, Holder: true}},
		Reservation:   &pr.Reservation{Key: 1, Type: pr.WriteExclusiveRegistrantsOnly},
	}
	yes, no := true, false
	for kind, want := range map[protocol.FindingKind]*bool{
		"": &yes, protocol.DeadPath: &yes, protocol.LeavingKeys: &yes, protocol.PathsUnregistered: &yes,
		protocol.KeysMissing: &yes, protocol.WrongKey: &yes, protocol.NotKept: &yes, protocol.NoAbort: &yes,
		protocol.ForeignKeys: &no, protocol.Unreserved: &no, protocol.WrongType: &no,
		protocol.TakingKeys: &no, protocol.DifferentSets: &no, protocol.SeveralOwners: &no, protocol.StaleNexus: &no, protocol.SameHost: &no, words.InTwoPackages: &no, protocol.Unreadable: nil,
	} {
		rep := protocol.Report{LUN: "a", State: held}
		if kind != "" {
			rep.Findings = []protocol.Finding{{Kind: kind}}
		}
		if diff := gocmp.Diff(want, protection(rep)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", kind, diff)
		}
	}
	if got := protection(protocol.Report{State: &pr.State{}}); *got {
		t.Error("protected without a reservation")
	}
}

// Another node's cell counts nexuses, as far as they can be told apart, and no
// key of nobody.
func TestDrawNode(t *testing.T) {
	conf := &cluster.Config{Nodes: []cluster.Node{{Name: "a", Key: 1}, {Name: "b", Key: 2}, {Name: "c", Key: 3}}}
	port := func(n uint64, relative uint16, key pr.Key) pr.Registration {
		return pr.Registration{Key: key, Initiator: scsi.FCTransportID(n), RelativePort: relative}
	}
	state := &pr.State{Identified: true, Registrations: []pr.Registration{
		port(1, 1, 1), port(1, 2, 1), port(9, 1, 2), port(9, 1, 2), port(9, 2, 2|protocol.LeavingMark), port(3, 1, 0xdead),
		port(4, 1, protocol.Taking(3)),
	}}
	state.Reservation = &pr.Reservation{Key: protocol.Taking(3), Type: pr.WriteExclusiveRegistrantsOnly}
	two := 2
	count := func(n int) *int { return &n }
	rep := protocol.Report{State: state, Paths: two}
	for node, want := range map[string]picture.OfNode{
		"a": {Node: "a", Registered: count(2), Expected: &two},
		"b": {Node: "b", Registered: count(2), Leaving: true},
		"c": {Node: "c", Registered: count(1), Taking: true, Holds: true},
	} {
		if diff := gocmp.Diff(want, drawNode(conf, conf.Nodes[0], node, rep)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	state.Identified = false
	if got := drawNode(conf, conf.Nodes[0], "b", rep); *got.Registered != 3 {
		t.Errorf("%d keys, 3 expected of a device that does not tell whose they are", *got.Registered)
	}
	if got := drawNode(conf, conf.Nodes[0], "b", protocol.Report{Paths: 2}); got.Registered != nil || got.Holds {
		t.Errorf("%v of a LUN that could not be read", got)
	}
}
