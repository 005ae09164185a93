package commands

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"lunguard/cluster"
)

// Of many runs at once each finds what the others wrote: what said that it was
// done is in the config.
func TestApplyAtOnce(t *testing.T) {
	r := newRig(t, 1, 1)
	const runs = 24
	var wg sync.WaitGroup
	out := make([]bytes.Buffer, runs)
	for i := range runs {
		file := filepath.Join(t.TempDir(), "p.conf")
		if err := os.WriteFile(file, fmt.Appendf(nil, "package_name q%02d\nno_luns yes\n", i), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd, errs := r.process("jack3", "cmapplyconf", "-f", "-P", file)
		cmd.Stdout = &out[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Errorf("run %d: %v\n%s", i, err, errs)
			}
		})
	}
	wg.Wait()
	conf, err := cluster.LoadConfig(t.Context(), r.conf)
	if err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		name := fmt.Sprintf("q%02d", i)
		if _, err := conf.Package(name); err != nil || !strings.Contains(out[i].String(), "Completed the cluster update") {
			t.Errorf("%s: %v, and its run said %q", name, err, out[i].String())
		}
	}
}
