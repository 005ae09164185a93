package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"lunguard/commands/front"
	"lunguard/commands/session"
	"lunguard/commands/words"
	"lunguard/nvme/simns"
	"lunguard/pr"
	"lunguard/scsi"
	"lunguard/scsi/simlun"
	"lunguard/vg/simhost"
)

// updating reports whether goldens are written anew: go test ./commands -update.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// nobody is a user without rights.
const nobody = 65534

// TestMain makes the test binary be every applet, by the name it is called by.
func TestMain(m *testing.M) {
	// A race-enabled process sleeps for a second before it ends, else.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	flag.Bool("update", false, "write the goldens anew")
	main := func() {
		os.Exit(Main(os.Stdin, os.Stdout, os.Stderr, os.Args))
	}
	programs := map[string]func(){
		// Names that a packager may give the binary, and one that he should not.
		"lunguard-1.0": main, "frobnicate": main,
		"unprivileged": unprivileged,
		"limited":      limited,
		"measured":     measured,
		"outlived":     outlived,
		"package":      resourceAgent,
	}
	for _, a := range applets().Applets {
		programs[a.Name] = main
	}
	testscript.Main(m, programs)
}

// unprivileged runs the applet behind it as a user without rights.
func unprivileged() {
	err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(nobody, nobody, nobody))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	os.Exit(Main(os.Stdin, os.Stdout, os.Stderr, os.Args[1:]))
}

// resourceAgent is ocf:lunguard:package, as Pacemaker calls it.
func resourceAgent() {
	os.Exit(Main(os.Stdin, os.Stdout, os.Stderr, append([]string{"/usr/lib/ocf/resource.d/lunguard/package"}, os.Args[1:]...)))
}

// limited runs the applet behind it as a process that may have so many files open.
func limited() {
	n, err := strconv.ParseUint(os.Args[1], 10, 32)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	os.Exit(Main(os.Stdin, os.Stdout, os.Stderr, os.Args[2:]))
}

// outlived runs the applet behind it, and gets signals once more when that has
// said its last word and not yet exited.
func outlived() {
	status := Main(os.Stdin, os.Stdout, os.Stderr, os.Args[1:])
	// Sent to the thread itself, they are taken before the call returns.
	runtime.LockOSThread()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		if err := unix.Tgkill(os.Getpid(), unix.Gettid(), sig); err != nil {
			status = 99
		}
	}
	os.Exit(status)
}

// scriptConfig is the cluster of the scripts, $WORK/cluster.conf.
const scriptConfig = `CLUSTER_NAME   bla
CLUSTER_PR_TAG 0xbcb0
NODE_NAME      jack3
  NODE_ID      1
NODE_NAME      jack4
  NODE_ID      2

package_name   pkg1
vg             iscsi_vg3
`

// TestScript runs testdata/script. Besides testscript's own words there are:
//
//	array LUNS PATHS            make the array A with jack3 and jack4, and with
//	                            all LUNs in the volume group iscsi_vg3
//	jack3 [STATUS] APPLET ...   run an applet on that host, jack4 likewise, or
//	here [STATUS] APPLET ...    as the environment has it; STATUS is 0 or else
//	                            what the exit status must be
//	register HOST DEVICE KEY [TYPE]   register by hand, and reserve
//	lun N KEYS HOLDER           KEYS are all registrations of LUN N, ascending
//	ns N KEYS HOLDER [TYPE]     the same of namespace N; TYPE is a number
//	snap NAME, unchanged NAME   remember all LUNs; compare them
//	await PATTERN FILE          wait for a line in what a command in the
//	                            background writes
//
// and the conditions root, and noconfig: this machine has no config of its own.
func TestScript(t *testing.T) {
	all, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(all) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	runScripts(t, slices.DeleteFunc(all, func(file string) bool { return slices.Contains(raceScripts(), file) }))
}

// TestScriptRaces runs the others: make test does it under the race detector. A process of
// a program with it takes four times as long, and most scripts start hundreds.
func TestScriptRaces(t *testing.T) { runScripts(t, raceScripts()) }

// raceScripts are those in which commands work on several LUNs, by several paths, or beside
// each other.
func raceScripts() []string {
	var files []string
	for _, name := range []string{"copy", "fence", "hidden", "life", "multi", "nvme_multi", "paths", "pr_list", "pr_watchdog", "readmit", "taking"} {
		files = append(files, filepath.Join("testdata", "script", name+".txtar"))
	}
	return files
}

func runScripts(t *testing.T, files []string) {
	root := t.TempDir()
	for dir := root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		// For those who have no rights.
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	params := scriptParams("", root)
	params.Files = files
	testscript.Run(t, params)
}

// scriptParams are what TestScript and TestManualExamples have in common.
func scriptParams(dir, root string) testscript.Params {
	return testscript.Params{
		Dir: dir, WorkdirRoot: root,
		RequireUniqueNames: true, UpdateScripts: updating(),
		Setup: func(env *testscript.Env) error {
			conf := filepath.Join(env.WorkDir, "cluster.conf")
			env.Setenv(session.ConfigVariable, conf)
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			if err := os.Chmod(env.WorkDir, 0o755); err != nil {
				return err
			}
			// A machine that has no lvm2 can run the tests, too.
			tools := filepath.Join(env.WorkDir, ".tools")
			env.Setenv("PATH", env.Getenv("PATH")+":"+tools)
			return errors.Join(os.WriteFile(conf, []byte(scriptConfig), 0o644), os.Mkdir(tools, 0o755),
				os.WriteFile(filepath.Join(tools, "vgchange"), []byte("#!/bin/sh\n"), 0o755))
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "noconfig":
				_, err := os.Stat(session.DefaultConfig)
				return errors.Is(err, os.ErrNotExist), nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"array":     scriptArray,
			"jack3":     func(ts *testscript.TestScript, neg bool, args []string) { scriptRun(ts, "A/jack3", args) },
			"jack4":     func(ts *testscript.TestScript, neg bool, args []string) { scriptRun(ts, "A/jack4", args) },
			"here":      func(ts *testscript.TestScript, neg bool, args []string) { scriptRun(ts, "", args) },
			"register":  scriptRegister,
			"lun":       scriptLUN,
			"ns":        scriptNamespace,
			"snap":      scriptSnap,
			"planned":   scriptPlanned,
			"unchanged": scriptUnchanged,
			"await":     scriptAwait,
			"on":        scriptOn,
			"example":   scriptExample,
		},
	}
}

// makeArray makes an array in dir with hosts jack3 and jack4 that have all
// LUNs in the volume group iscsi_vg3.
func makeArray(dir string, luns, paths int) error { return makeMixedArray(dir, luns, 0, paths) }

// makeMixedArray is makeArray with NVMe namespaces besides.
func makeMixedArray(dir string, luns, namespaces, paths int) error {
	a, err := simhost.CreateArray(dir, simhost.Spec{
		Nodes: []string{"jack3", "jack4"}, LUNs: luns, Namespaces: namespaces, Paths: paths, LUN: simlun.Config{Blocks: 16},
	})
	if err != nil {
		return err
	}
	var volumes []string
	for i := range luns {
		name := "/dev/sd" + diskLetters(i)
		if paths > 1 {
			name = "/dev/mapper/mpath" + diskLetters(i)
		}
		volumes = append(volumes, name)
	}
	for i := range namespaces {
		volumes = append(volumes, fmt.Sprintf("/dev/nvme0n%d", i+1))
	}
	return a.Extend("iscsi_vg3", volumes)
}

func scriptArray(ts *testscript.TestScript, _ bool, args []string) {
	luns, err := strconv.Atoi(args[0])
	ts.Check(err)
	paths, err := strconv.Atoi(args[1])
	ts.Check(err)
	namespaces := 0
	if len(args) > 2 {
		namespaces, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	ts.Check(makeMixedArray(ts.MkAbs("A"), luns, namespaces, paths))
}

// scriptPlanned compares the plans of the last answer with those in a file.
func scriptPlanned(ts *testscript.TestScript, _ bool, args []string) {
	plans := func(file string) any {
		var doc map[string]any
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &doc))
		return doc["plans"]
	}
	if diff := gocmp.Diff(plans(args[0]), plans("stdout")); diff != "" {
		ts.Fatalf("(-want +got):\n%s", diff)
	}
}

// scriptRun runs an applet and checks its exit status.
func scriptRun(ts *testscript.TestScript, host string, args []string) {
	want := 0
	if n, err := strconv.Atoi(args[0]); err == nil {
		want, args = n, args[1:]
	}
	if host != "" {
		before := ts.Getenv(front.SimVariable)
		ts.Setenv(front.SimVariable, ts.MkAbs(host))
		defer ts.Setenv(front.SimVariable, before)
	}
	err := ts.Exec(args[0], args[1:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s: exit status %d, %d expected", args[0], got, want)
	}
	checkSaid(ts, args, got)
}

// registerByHand registers a key through a device of a host, whatever the
// commands think of it, and reserves if typ is not 0.
func registerByHand(host, device string, key pr.Key, typ pr.Type) error {
	h, err := simhost.Open(host)
	if err != nil {
		return err
	}
	p, err := h.OpenName(device)
	if err != nil {
		return err
	}
	defer p.Close()
	u := scsi.NewUnit(device, &scsi.Retry{Transport: p, AfterStateChange: true})
	ctx := context.Background()
	if err := u.RegisterAndIgnore(ctx, key, false); err != nil || typ == 0 {
		return err
	}
	return u.Reserve(ctx, key, typ)
}

func scriptRegister(ts *testscript.TestScript, _ bool, args []string) {
	key, err := pr.ParseKey(args[2])
	ts.Check(err)
	typ := 0
	if len(args) > 3 {
		typ, err = strconv.Atoi(args[3])
		ts.Check(err)
	}
	ts.Check(registerByHand(ts.MkAbs("A/"+args[0]), args[1], key, pr.Type(typ)))
}

// lunState describes a simulated LUN in two words: all its registrations, and
// the holder.
func lunState(file string) (keys, holder string, err error) {
	d, err := simlun.Describe(file)
	if err != nil {
		return "", "", err
	}
	keys, holder = words.None, words.None
	regs := slices.SortedFunc(slices.Values(d.Registrations), func(a, b simlun.RegistrationStatus) int { return cmp.Compare(a.Key, b.Key) })
	for i, r := range regs {
		if i == 0 {
			keys = ""
		}
		keys = strings.TrimPrefix(keys+","+r.Key.String(), ",")
		if r.Holder {
			holder = r.Key.String()
		}
	}
	return keys, holder, nil
}

func scriptLUN(ts *testscript.TestScript, _ bool, args []string) {
	keys, holder, err := lunState(ts.MkAbs("A/array/lun" + args[0]))
	ts.Check(err)
	if keys != args[1] || holder != args[2] {
		ts.Fatalf("LUN %s: keys %s, holder %s; %s, %s expected", args[0], keys, holder, args[1], args[2])
	}
}

// namespaceState is lunState of a simulated namespace; typ is the reservation's.
func namespaceState(file string) (keys, holder string, typ pr.Type, err error) {
	d, err := simns.Describe(file)
	if err != nil {
		return "", "", 0, err
	}
	s, err := d.Report.State()
	if err != nil {
		return "", "", 0, err
	}
	keys, holder = words.None, words.None
	if r := s.Reservation; r != nil {
		typ, holder = r.Type, r.Key.String()
	}
	var list []string
	for _, k := range s.Keys() {
		for range s.Count(k) {
			list = append(list, k.String())
		}
	}
	if len(list) > 0 {
		keys = strings.Join(list, ",")
	}
	return keys, holder, typ, nil
}

func scriptNamespace(ts *testscript.TestScript, _ bool, args []string) {
	keys, holder, typ, err := namespaceState(ts.MkAbs("A/array/ns" + args[0]))
	ts.Check(err)
	want := append(args[1:], fmt.Sprint(int(typ)))[:3]
	if got := []string{keys, holder, fmt.Sprint(int(typ))}; !slices.Equal(got, want) {
		ts.Fatalf("namespace %s: keys, holder, type %v; %v expected", args[0], got, want)
	}
}

// snapshot is all that reservations are about on every LUN of an array,
// PRGENERATION included.
func snapshot(dir string) (string, error) {
	a, err := simhost.OpenArray(dir)
	if err != nil {
		return "", err
	}
	files, err := a.LUNs()
	if err != nil {
		return "", err
	}
	var all []simlun.Description
	for _, f := range files {
		d, err := simlun.Describe(f)
		if err != nil {
			return "", err
		}
		d.Nexuses, d.Faults = nil, nil
		all = append(all, d)
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return "", err
	}
	namespaces, err := a.Namespaces()
	for _, f := range namespaces {
		d, derr := simns.Describe(f)
		text, err = fmt.Appendf(text, "\n%+v", *d.Report), errors.Join(err, derr)
	}
	return string(text), err
}

func scriptSnap(ts *testscript.TestScript, _ bool, args []string) {
	text, err := snapshot(ts.MkAbs("A"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".snap"), []byte(text), 0o600))
}

// scriptAwait ends a script that waits in vain, for whatever wrote the file may be gone.
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	const period, most = 10 * time.Millisecond, 5 * time.Minute
	pattern := regexp.MustCompile("(?m)" + args[0])
	for range most / period {
		if text, err := os.ReadFile(ts.MkAbs(args[1])); err == nil && pattern.Match(text) {
			return
		}
		time.Sleep(period)
	}
	ts.Fatalf("%s has no line %q", args[1], args[0])
}

func scriptUnchanged(ts *testscript.TestScript, _ bool, args []string) {
	now, err := snapshot(ts.MkAbs("A"))
	ts.Check(err)
	if diff := gocmp.Diff(ts.ReadFile(args[0]+".snap"), now); diff != "" {
		ts.Fatalf("a LUN was changed (-want +got):\n%s", diff)
	}
}
