package protocol

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// deviceTime is what the slow simulator takes for a command.
const deviceTime = 10 * time.Millisecond

// slowStart measures a clean start of n LUNs that take deviceTime a command.
func slowStart(t testing.TB, n int) time.Duration {
	w := newWorld(t, n, 1, simlun.Quirks{})
	w.wrap = func(_ string, _, _ int, t scsi.Transport) scsi.Transport {
		return doFunc(func(ctx context.Context, req *scsi.Request) (scsi.Reply, error) {
			time.Sleep(deviceTime)
			return t.Do(ctx, req)
		})
	}
	r := w.run("A")
	begin := time.Now()
	if err := r.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}

// All LUNs are worked on at once: 64 take at most two and a half times as
// long as one (the arbiter goes first). The clock is synctest's, so that only
// the devices take time; BenchmarkStart has the real one.
func TestStartInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, many := slowStart(t, 1), slowStart(t, 64)
		ratio := float64(many) / float64(one)
		t.Logf("1 LUN %v, 64 LUNs %v, ratio %.2f", one, many, ratio)
		if ratio > 2.5 {
			t.Errorf("64 LUNs take %.2f times as long as one, at most 2.5 expected", ratio)
		}
	})
}

func BenchmarkStart(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprintf("luns=%d", n), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(slowStart(b, n))/float64(deviceTime), "commands-deep")
			}
		})
	}
}
