package serviceguard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"lunguard/cluster"
	"lunguard/cluster/ownfile"
	"lunguard/commands/catalogue"
	"lunguard/commands/front"
	"lunguard/commands/runpkg"
	"lunguard/commands/words"
)

// errorsByTopic are errors, by topic.
func errorsByTopic() map[string][]error {
	conf := &cluster.Config{Path: "cluster.conf", Name: "bla"}
	pkg := &cluster.Package{Name: "pkg1"}
	at := cluster.Position{File: "pkg1.conf", Line: 7}
	setting := cluster.Setting{Name: "external_script", Value: "/etc/x.sh", At: at}
	job := func(err error) error { return &jobError{"pkg1", "/var/log/lunguard/pkg1.log", err} }
	path := func(op string, err error) error { return &os.PathError{Op: op, Path: "/run/lunguard", Err: err} }
	step := func(err error) error {
		return job(&runpkg.StepError{Action: runpkg.Start, Step: "volume group vg1", Err: err})
	}
	stop := func(step, command string, code int) error {
		return job(&runpkg.StepError{Action: runpkg.Stop, Step: step, Err: &runpkg.ExitError{Command: command, Code: code}})
	}
	parameter := func(name, value, reason string) error {
		return job(&runpkg.ParameterError{Name: name, Value: value, Reason: reason})
	}
	return map[string][]error{
		"cmapplyconf": {&unconfirmedError{"/etc/lunguard/cluster.conf"}},
		"hosts": {
			&hostIDError{device: "/dev/nvme0n1", host: "6a61636b-3300-0000-0000-000000000000", node: "jack3", wanted: "6a61636b340000000000000000000000"},
			&hostIDError{device: "/dev/nvme0n1", host: "6a61636b-3400-0000-0000-000000000000", node: "jack3", owner: "jack4"},
		},
		"files": {
			&inputFileError{&os.PathError{Op: "open", Path: "pkg1.conf", Err: syscall.ENOENT}}, &inputFileError{&os.PathError{Op: "open", Path: "pkg1.conf", Err: syscall.EACCES}},
			&inputFileError{&os.PathError{Op: "trust", Path: "pkg1.conf", Err: ownfile.ErrNotTrusted}}, &inputFileError{&os.PathError{Op: "trust", Path: "pkg1.conf", Err: &ownfile.WayError{At: "/srv"}}},
			&inputFileError{&os.PathError{Op: "open", Path: "pkg1.conf", Err: ownfile.ErrNotFile}}, &inputFileError{&os.PathError{Op: "read", Path: "list", Err: ownfile.ErrTooLarge}},
			&scriptError{setting: setting, reason: ownfile.ErrNotTrusted.Error()}, &scriptError{setting: setting, reason: (&ownfile.WayError{At: "/srv"}).Error()},
			&unknownModeError{pkg}, parameter("fs_umount_opt", "-l", "a lazy umount does not tell when the file system is no longer written to"),
			&scriptError{setting: setting, reason: "its full name was expected"}, &scriptError{setting: setting, reason: "the variable SGCONF is not set", unset: "SGCONF"},
			&scriptError{setting: setting, reason: "the variable SGCONF is not set, /etc/cmcluster.conf:3: its value has a variable", unset: "SGCONF"},
			&stepError{at, "pkg1", &runpkg.ParameterError{Name: "vgchange_cmd", Value: "vgchange 'x", Reason: "a closing quote was expected"}},
			&scriptError{setting: setting, reason: "it is no program"}, &scriptError{setting: setting, reason: "no such file or directory"}, &scriptError{setting: setting, reason: "validate took too long", asked: true},
			&scriptError{setting: setting, reason: "validate: exit status 2", asked: true},
		},
		"cmgetpkgenv": {&unknownModeError{pkg}},
		"cmgetconf": {
			&outputFileError{&os.PathError{Op: "write", Path: "out", Err: ownfile.ErrSymlink}}, &outputFileError{&os.PathError{Op: "write", Path: "out", Err: ownfile.ErrNotFile}}, &outputFileError{&os.PathError{Op: "write", Path: "out", Err: ownfile.ErrNotTrusted}},
			&outputFileError{&os.PathError{Op: "open", Path: "nosuch", Err: syscall.ENOENT}}, &outputFileError{&os.PathError{Op: "create", Path: "out", Err: syscall.EACCES}},
		},
		"cmrunserv": {
			job(&runpkg.ServiceError{Service: "db", Reason: "process 7 of an earlier start still runs"}), job(&runpkg.ServiceError{Service: "db", Reason: "it could not be started: fork failed"}),
			job(errors.New(`"../x" cannot be the name of a file`)),
		},
		"cmhaltserv": {job(&runpkg.StuckError{What: "service db", PIDs: []int{7}})},
		"cmmakepkg": {
			&unknownModuleError{"ecmt/x"}, &outputFileError{&os.PathError{Op: "create", Path: "pkg.conf", Err: fs.ErrExist}}, &outputFileError{&os.PathError{Op: "write", Path: "pkg.conf", Err: syscall.ENOSPC}}, &outputFileError{&os.PathError{Op: "open", Path: "nosuch", Err: syscall.ENOENT}},
		},
		"cmmodpkg": {&cluster.NotMemberError{Node: "jack4", Package: pkg}},
		"cmviewcl": {&otherClusterError{"blub", conf}},
		"cmrunpkg": {
			&halfUpError{"pkg1", "jack3", runpkg.Starting}, &halfUpError{"pkg1", "jack3", runpkg.Halting}, &halfUpError{"pkg1", "jack3", runpkg.Failed}, &cutOffError{"pkg1", "jack3", []string{"jack4"}}, &cutOffError{"pkg1", "jack3", nil},
		},
		"lack": {
			job(&runpkg.LackError{Step: "volume group vg1", What: "vgchange", Reason: "no such program"}),
			job(&runpkg.LackError{Step: "file system /mnt", What: "/mnt", Reason: "no such directory to mount it on"}),
			job(&runpkg.LackError{Step: "file system /mnt", What: "/dev/vg1/lv1", Reason: "no such device or logical volume"}),
			job(&runpkg.LackError{Step: "/etc/x.sh", What: "/etc/x.sh", Reason: "no such file or directory"}),
			job(&runpkg.LackError{Step: "/etc/x.sh", What: "/etc/x.sh", Reason: "it is no program"}),
		},
		"job": {
			stop("file system /mnt", "umount /mnt", 32), stop("volume group vg1", "vgchange -a n vg1", 5),
			&elsewhereError{pkg: "pkg1", node: "jack3", others: []string{"jack4"}},
			&elsewhereError{pkg: "pkg1", node: "jack3", others: []string{"jack4"}, halt: true},
			&otherNodeError{"jack4", "jack3"},
			&stateError{path("trust", ownfile.ErrNotTrusted)}, &stateError{path("trust", &ownfile.WayError{At: "/run"})}, &stateError{path("trust", ownfile.ErrNotFolder)}, &stateError{path("open", ownfile.ErrNotFile)}, &stateError{path("open", ownfile.ErrSymlink)}, &stateError{path("trust", ownfile.ErrSymlink)}, &stateError{path("mkdir", syscall.EACCES)},
			job(&stateError{&runpkg.BusyError{Package: "pkg1"}}),
			job(&runpkg.KeptError{Reason: "volume group vg1 is still active: lv1", Skipped: []string{"external_pre_script /etc/x.sh"}}),
			job(&runpkg.UnfinishedError{Steps: []string{"volume group vg1"}, Cause: &runpkg.TimeoutError{Parameter: "halt_script_timeout", Limit: time.Minute}}),
			job(&runpkg.ParameterError{Name: "vgchange_cmd", Value: "", Reason: "a command was expected"}),
			step(&runpkg.ExitError{Command: "vgchange", Code: 5}), step(&runpkg.ExitError{Command: "vgchange", Signal: syscall.SIGSEGV}),
			step(&runpkg.KilledError{Command: "vgchange", Cause: &runpkg.TimeoutError{Parameter: "run_script_timeout", Limit: time.Minute}}),
			step(&runpkg.KilledError{Command: "vgchange", Cause: &runpkg.TimeoutError{Parameter: "the limit of vgchange", Limit: 15 * time.Minute}}),
			step(&runpkg.StuckError{What: "vgchange", PIDs: []int{7}}), step(&runpkg.ServiceError{Service: "s1", Reason: "process 7 of an earlier start still runs"}),
			step(&runpkg.ServiceError{Service: "s1", Reason: "it could not be started: fork failed"}),
			step(&runpkg.MountedError{Directory: "/mnt"}), step(&runpkg.ActiveError{Group: "vg1", Volumes: []string{"lv1"}}),
			step(&runpkg.InUseError{Device: "/dev/vg1/lv1"}), step(&runpkg.UnknownError{What: "whether /dev/vg1/lv1 is in use", Err: syscall.EIO}),
			step(&runpkg.UnknownError{What: "whether volume group vg1 is active", Err: syscall.EIO}),
			step(&runpkg.UnknownError{What: "whether something is mounted on /mnt", Err: errors.New("the table of mounts is empty")}),
			job(&runpkg.KeptError{Reason: "file system /mnt may still write to the LUNs", Unknown: true}),
			step(&runpkg.KilledError{Command: "vgchange", Cause: &front.SignalError{Signal: syscall.SIGTERM}}),
			step(errors.New("vgchange: no such program")), step(fmt.Errorf("process 7: %w", errors.New("malformed stat file of a process"))),
			step(errors.New(`"../x" cannot be the name of a file`)),
			parameter("script_log_file", "log", "its full name was expected"), parameter("vgchange_cmd", "vgchange 'x", "a closing quote was expected"),
			parameter("script_log_file", "/mnt/log", "it lies on a file system of the package, which could not be unmounted"),
			parameter("service_name", "s1", "the package has another service of that name"),
			parameter("vg", "vg1", "it does not go with run_script and halt_script"),
			parameter("external_script", "/etc/x.sh", ownfile.ErrNotTrusted.Error()), parameter("run_script", "/etc/x.sh", (&ownfile.WayError{At: "/etc"}).Error()),
			parameter("halt_script", "", "it is missing, run_script and halt_script go together"),
			parameter("fs_umount_opt", "-l", "a lazy umount does not tell when the file system is no longer written to"),
			step(&cluster.UnsetError{File: "$SGCONF/x.sh", Variable: "SGCONF"}),
		},
	}
}

// messages is what this room says.
func messages() []catalogue.Message {
	var list []catalogue.Message
	for topic, errs := range errorsByTopic() {
		for _, err := range errs {
			m := words.Of(err)
			list = append(list, catalogue.Message{Topic: topic, Kind: "error", Text: words.JoinedLines(m.Text()), Hint: m.Hint, Status: m.Status})
		}
	}
	at := cluster.Position{File: "pkg1.conf", Line: 7}
	for _, name := range []string{
		"ip_subnet", "ip", "service_fail_fast_enabled", "kill_processes_accessing_raw_devices", "node_failfast_enabled", "vxvm_dg", "cvm_dg", "storage_group", "email_id",
		"dependency_name", "generic_resource_name", "resource_name", "monitored_subnet", "cluster_interconnect_subnet", "weight_name",
	} {
		err := &unsupportedError{at, name, unsupported(cluster.Setting{Name: name, Value: "yes"})}
		list = append(list, catalogue.New("files", "warning", err.Error()))
	}
	list = append(list,
		catalogue.New("files", "warning", "node jack5 of saved.txt is not in the cluster: its key on a LUN will be a foreign one"),
		catalogue.New("files", "warning", (&foreignError{"pkg1", []string{"ecmt/oracle/oracle"}, 5}).Error()),
		catalogue.New("cmapplyconf", "warning", "/etc/lunguard/cluster.conf: another process is writing it, which is waited for"),
		catalogue.New("lack", "warning", "package pkg1: volume group vg1: vgchange: no such program; cmrunpkg cannot start it here"),
		catalogue.New("lack", "warning", "package pkg1: not checked: service s1: a; b: only a shell can tell what that runs"),
		catalogue.New("lack", "warning", "package pkg1: not checked: service s1: /mnt/db: it lies on a file system of the package, which is not mounted"),
		catalogue.New("lack", "warning", "package pkg1: not checked: file system /mnt: nas:/x: not known whether it is there, nas:/x: it is no device of this host"),
		catalogue.New("lack", "warning", "package pkg1: not checked: file system /mnt: /dev/disk/by-uuid/x: not known whether it is there, /dev/disk/by-uuid/x: it is not there before the volume groups are active"),
		catalogue.New("lack", "warning", "package pkg1: not checked: file system /mnt: /mnt: no such directory to mount it on"),
		catalogue.New("lack", "warning", "package pkg1: not checked: file system /mnt: /dev/mapper/crypt: no such device or logical volume"),
		catalogue.New("cmrunserv", "warning", (&notBegunError{"pkg1", "jack3", "db"}).Error()),
		catalogue.New("cmrunpkg", "warning", "package pkg1 runs without service s1, which has ended"),
		catalogue.New("log", "log", "Failed: vgchange: exit status 5"),
		catalogue.New("log", "log", "The reservations are kept: volume group vg1 is still active: lv1"),
		catalogue.New("log", "log", "vgchange: exit status 5, trying again"),
		catalogue.New("log", "log", "Service s1 has ended (exit status 1), it is started again"),
		catalogue.New("log", "log", "Service s1 has ended (exit status 1) and is not started again; package pkg1 stays up without it"),
		catalogue.New("log", "log", "Service s1: fork/exec /x: no such file or directory"),
	)
	return catalogue.Sort(list)
}

func TestMain(m *testing.M) { catalogue.Main(m) }

// What this room says is what its list has, line by line.
func TestMessages(t *testing.T) { catalogue.Compare(t, messages()) }
