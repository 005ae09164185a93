package probe_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"lunguard/nvme"
	"lunguard/nvme/simns"
	"lunguard/probe"
)

// newNamespace is a simulated namespace with quirks.
func newNamespace(t *testing.T, text string) *simns.Namespace {
	t.Helper()
	q, err := simns.ParseQuirks(text)
	if err != nil {
		t.Fatal(err)
	}
	return simns.NewMemory(simns.Config{Quirks: q})
}

// hostPath connects a host by two controllers, and is the path by the first one.
func hostPath(t *testing.T, ns *simns.Namespace, n int) probe.NamespacePath {
	t.Helper()
	id, err := nvme.MakeHostID([]byte(fmt.Sprintf("host %d, 16 bytes", n)[:16]))
	if err != nil {
		t.Fatal(err)
	}
	c := simns.Controller{ID: uint16(10 * n), Host: id}
	ns.Connect(simns.Controller{ID: uint16(10*n + 1), Host: id})
	path := ns.Connect(c)
	return probe.NamespacePath{
		Name: "/dev/nvme0n1", Transport: path, Controllers: 2,
		Open: func() (nvme.Transport, io.Closer, error) { return path, nothing{}, nil },
	}
}

func tryNamespace(t *testing.T, ns *simns.Namespace) (*probe.Report, error) {
	t.Helper()
	second := hostPath(t, ns, 2)
	trial := probe.NewNamespaceTrial(hostPath(t, ns, 1), &second, options())
	state, err := trial.Look(t.Context())
	if err == nil && state != nil {
		err = trial.Run(t.Context())
	}
	return &trial.Report, err
}

func findingsOf(r *probe.Report) string { return findings(r) }

// TestNamespaceRoundTrip finds each quirk of the simulated namespace from outside, and
// nothing else.
func TestNamespaceRoundTrip(t *testing.T) {
	for _, name := range append(simns.QuirkNames(), "", "nvmet", "spdk") {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t, name)
			r, err := tryNamespace(t, ns)
			if err != nil {
				t.Fatalf("%v\n%s", err, findingsOf(r))
			}
			got, err := simns.ParseQuirks(r.Quirks())
			if err != nil {
				t.Fatal(err)
			}
			want, _ := simns.ParseQuirks(name)
			if want.NoControllers {
				want.OneEntry = false // nothing tells
			}
			if want.HolderPreemptsNobody {
				want.NamesakesStay = false // likewise: it says the same
			}
			if got != want {
				t.Errorf("found %v, want %v\n%s", got, want, findingsOf(r))
			}
			ns.With(func(m *simns.Machine) {
				if s := m.State(); s == nil || !s.Empty() {
					t.Errorf("left is %v", s)
				}
			})
			unfit := strings.Contains(" NoReservations NotShared NoPreemptAndAbort ShortHostIDs WriteProtected GivesUp Inflates ", " "+name+" ") && name != ""
			if (r.Verdict() == probe.Unfit) != unfit {
				t.Errorf("%v\n%s", r.Verdict(), findingsOf(r))
			}
		})
	}
}
