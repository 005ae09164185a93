package commands

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"lunguard/commands/front"
	"lunguard/scsi/simlun"
	"lunguard/vg/simhost"
)

// A start of 1024 LUNs stays below 64 MB, as the operating system counts it.
func TestMemoryOf1024LUNs(t *testing.T) {
	const luns, limit = 1024, 64 << 10 // in KiB, as rusage has it
	dir := t.TempDir()
	bin := shipped(t)
	array := filepath.Join(dir, "array")
	conf := filepath.Join(dir, "cluster.conf")
	var pvs strings.Builder
	for i := range luns {
		fmt.Fprintf(&pvs, "pv /dev/sd%s\n", diskLetters(i))
	}
	text := "NODE_NAME a\nNODE_PR_KEY 1\npackage_name big\n" + pvs.String()
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.Command("measured", append([]string{bin}, args...)...)
		cmd.Env = append(os.Environ(), "LUNGUARD_SIM="+filepath.Join(array, "a"), "LUNGUARD_CONF="+conf)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	run("sim", "create", array, "--nodes", "a", "--luns", fmt.Sprint(luns))
	for _, word := range []string{"pr_start", "pr_halt"} {
		var used int
		if _, err := fmt.Sscanf(run(word, "big"), "%d KiB", &used); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s of %d LUNs: %d KiB", word, luns, used)
		if used > limit {
			t.Errorf("%s of %d LUNs took %d KiB, at most %d expected", word, luns, used, limit)
		}
	}
}

// A list of 256 LUNs by 4 paths takes a command a path and two more a LUN, and stays below
// 60 MB. By --json it is one more, for what the LUN can do; that is asked, too, where nobody
// has ever registered, for zeros are no answer.
func TestCostOfList(t *testing.T) {
	const luns, paths, limit = 256, 4, 60 << 10
	dir := t.TempDir()
	array := filepath.Join(dir, "array")
	a, err := simhost.CreateArray(array, simhost.Spec{Nodes: []string{"a"}, LUNs: luns, Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	files, err := a.LUNs()
	if err != nil {
		t.Fatal(err)
	}
	counted := func() (n int) {
		for _, file := range files {
			d, err := simlun.Describe(file)
			if err != nil {
				t.Fatal(err)
			}
			n += d.Faults[0].Hits
		}
		return n
	}
	for _, file := range files {
		// It counts, and does nothing.
		if err := simlun.SetFaults(file, mustPlan(t, "any@1000000:busy")); err != nil {
			t.Fatal(err)
		}
	}
	bin := shipped(t)
	for _, c := range []struct {
		argv       string
		registered bool
		want       int
	}{{"", false, luns * (paths + 3)}, {"--json", false, luns * (paths + 3)}, {"", true, luns * (paths + 2)}, {"--json", true, luns * (paths + 3)}} {
		argv, want := c.argv, c.want
		for i := range luns {
			if c.registered && argv == "" {
				if err := registerByHand(filepath.Join(array, "a"), "/dev/sd"+diskLetters(i*paths), 1, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := counted()
		// Fewer files than there are paths: LUNs are opened as they are read.
		cmd := exec.Command("sh", "-c", "ulimit -n 900; exec measured "+bin+" pr_list "+argv)
		cmd.Env = append(os.Environ(), "LUNGUARD_SIM="+filepath.Join(array, "a"), "LUNGUARD_CONF=")
		out, err := cmd.Output()
		var used int
		if _, scan := fmt.Sscanf(string(out), "%d KiB", &used); err != nil || scan != nil {
			t.Fatalf("%v, %v: %.200s", err, scan, out)
		}
		t.Logf("pr_list %s: %d commands, %d KiB", argv, counted()-before, used)
		if got := counted() - before; got != want {
			t.Errorf("pr_list %s: %d commands, %d expected", argv, got, want)
		}
		if used > limit {
			t.Errorf("pr_list %s took %d KiB, at most %d expected", argv, used, limit)
		}
	}
}

// The binary has 7 MiB at most, with two agents for Pacemaker and NVMe in it. What brings it over that is hardly ever the code
// of this project: it is a package that the linker cannot take apart, such as
// text/template, which asks for methods by name.
func TestBinarySize(t *testing.T) {
	const limit = 7 << 20
	info, err := os.Stat(shipped(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > limit {
		t.Errorf("the binary has %d bytes, at most %d expected", info.Size(), limit)
	}
}

// shipped is the binary as the Makefile builds it.
func shipped(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), front.Self)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -funcalign=4", "-gcflags", "all=-l", "-gcflags", "runtime/...=", "-gcflags", "sync/...=", "-tags", "urfave_cli_no_docs", "-o", bin, "lunguard")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// measured runs the command behind it and prints how much memory it took. To a
// process the kernel adds what its parent had in memory when it was made, so
// the parent has to be one that is small.
func measured() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Printf("%v: %s", err, out)
		os.Exit(1)
	}
	fmt.Printf("%d KiB\n", cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
}

// diskLetters counts as disks do: a to z, aa, ab, ...
func diskLetters(n int) string {
	s := ""
	for n++; n > 0; n = (n - 1) / 26 {
		s = string(rune('a'+(n-1)%26)) + s
	}
	return s
}
