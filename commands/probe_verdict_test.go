package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"lunguard/commands/front"
	"lunguard/commands/words"
	"lunguard/probe"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
)

// failsOver reports whether a failover package is protected on a LUN of these quirks: it
// starts, keeps the other node out, is taken over, and keeps the first one out.
func failsOver(t *testing.T, quirks string) bool {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "c.conf")
	text := "CLUSTER_PR_TAG 0xbcb0\nNODE_NAME jack3\nNODE_ID 1\nNODE_NAME jack4\nNODE_ID 2\npackage_name pkg\npv /dev/mapper/mpatha\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	on := func(host string, argv ...string) int {
		var out bytes.Buffer
		sim := ""
		if host != "" {
			sim = filepath.Join(dir, "A", host)
		}
		return Run(context.Background(), front.Streams{Out: &out, Err: &out}, environment(conf, sim), argv)
	}
	for _, argv := range [][]string{
		{"lunguard", "sim", "create", filepath.Join(dir, "A"), "--nodes", "jack3,jack4", "--luns", "1", "--paths", "2"},
		{"lunguard", "sim", "quirks", filepath.Join(dir, "A", "array", "lun0"), quirks},
	} {
		if on("", argv...) != words.ExitOK {
			t.Fatal(argv)
		}
	}
	write := func(host string) bool {
		return on(host, "lunguard", "sim", "write", "/dev/mapper/mpatha", "7", host) == words.ExitOK
	}
	return on("jack3", "pr_start", "pkg") == words.ExitOK && write("jack3") && !write("jack4") &&
		on("jack4", "pr_start", "pkg") == words.ExitOK && write("jack4") && !write("jack3")
}

// verdictOf tries a LUN of these quirks by two runs of different hosts, or by one where that
// says enough.
func verdictOf(t *testing.T, quirks string) *probe.Report {
	t.Helper()
	q, err := simlun.ParseQuirks(quirks)
	if err != nil {
		t.Fatal(err)
	}
	lun, err := simlun.NewMemory(simlun.Config{Quirks: q})
	if err != nil {
		t.Fatal(err)
	}
	path := func(host string, port uint16) probe.LUNPath {
		id := scsi.ISCSIPortTransportID("iqn.2026-01.sim:"+host, uint64(port))
		return probe.LUNPath{Transport: lun.Nexus(id, port), Port: id}
	}
	second := path("jack4", 2)
	trial := probe.NewLUNTrial(path("jack3", 1), &second, probe.Options{Run: 1, ID: 1, Now: time.Now, Wait: probe.Wait{
		Patience: 10, Pause: func(ctx context.Context) error { runtime.Gosched(); return ctx.Err() },
	}})
	state, err := trial.Look(t.Context())
	if err == nil && state != nil {
		err = trial.Run(t.Context())
	}
	if err != nil {
		t.Fatalf("%s: %v", quirks, err)
	}
	return &trial.Report
}

// TestVerdicts compares what pr_probe says of a device with how the commands fare on it.
func TestVerdicts(t *testing.T) {
	if _, err := os.Stat("/etc/lunguard/cluster.conf"); err == nil {
		t.Skip("this machine has a config of its own")
	}
	samples := map[string]string{"MaxRegs": "MaxRegs=2", "FirstCmdUA": "FirstCmdUA=29/00", "Busy": "Busy=3", "OnlyTypes": "OnlyTypes=1+3"}
	list := []string{"OnlyTypes=5", "MaxRegs=5", "NoFullStatus,NoRegIgnore,NoCapabilities", "NoAPTPL,OldSense,NoReset"}
	for _, name := range simlun.QuirkNames() {
		if sample, ok := samples[name]; ok {
			name = sample
		}
		if name != "TransitioningUntil" {
			list = append(list, name)
		}
	}
	for _, quirks := range list {
		t.Run(quirks, func(t *testing.T) {
			r := verdictOf(t, quirks)
			// No block was written, so fit is what it never is.
			unfit, works := r.Verdict() == probe.Unfit, failsOver(t, quirks)
			if unfit == works {
				t.Errorf("%v, and a package is protected: %v\n%s", r.Verdict(), works, fmt.Sprintln(r.Findings))
			}
		})
	}
}
