package session

import (
	"testing"

	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// A rehearsal resets the simulated LUN, never the real one.
func TestRehearsalResetsNothing(t *testing.T) {
	lun, err := simlun.NewMemory(simlun.Config{})
	if err != nil {
		t.Fatal(err)
	}
	real := lun.Nexus(scsi.SASTransportID(1), 1)
	s := &shadow{}
	r := s.path(real, func() pr.Identity { return pr.Identity{} })
	if err := scsi.NewUnit("/dev/sda", r).Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	attentions := func(l *simlun.LUN) (n int) {
		l.With(func(m *simlun.Machine) {
			for _, x := range m.Describe().Nexuses {
				n += len(x.Attentions)
			}
		})
		return n
	}
	if real, played := attentions(lun), attentions(s.lun); real != 0 || played != 1 {
		t.Errorf("%d unit attentions on the real LUN, %d on the simulated one", real, played)
	}
}
