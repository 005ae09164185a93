package cluster

import (
	"strconv"
	"strings"
	"time"

	"lunguard/pr"
)

// Position is a place in a file.
type Position struct {
	File string
	// Line counts from 1.
	Line int
}

// Setting is one parameter as it stands in a file.
type Setting struct {
	// Name is in lower case.
	Name string
	// Value is without the quotes round it.
	Value string
	At    Position
}

// Settings are parameters in the order of the file.
type Settings []Setting

// Get returns the value of a parameter, the last one if there are several.
func (s Settings) Get(name string) (value string, ok bool) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].Name == name {
			return s[i].Value, true
		}
	}
	return "", false
}

// All returns every value of a parameter, in order.
func (s Settings) All(name string) []string {
	var values []string
	for _, x := range s {
		if x.Name == name {
			values = append(values, x.Value)
		}
	}
	return values
}

// Blocks returns the blocks that a parameter heads: it and what follows it up
// to the next of its name, as far as it belongs to it.
func (s Settings) Blocks(head string) []Settings {
	var blocks []Settings
	for _, x := range s {
		f, _ := blockForm(x.Name)
		switch {
		case x.Name == head:
			blocks = append(blocks, Settings{x})
		case f.head == head && len(blocks) > 0:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], x)
		}
	}
	return blocks
}

// Service is a program that runs as long as its package is up.
type Service struct {
	Name, Command string
	// Restarts is how often it is started again; -1 is for ever.
	Restarts int
	FailFast bool
	// HaltTimeout is how long it may take to end after SIGTERM; 0 kills it at
	// once.
	HaltTimeout time.Duration
}

// Services lists the services of the package.
func (p *Package) Services() []Service {
	var list []Service
	for _, b := range p.Settings.Blocks("service_name") {
		s := Service{Name: b[0].Value}
		s.Command, _ = b.Get("service_cmd")
		switch restart, _ := b.Get("service_restart"); strings.ToLower(restart) {
		case "unlimited":
			s.Restarts = -1
		default:
			s.Restarts, _ = strconv.Atoi(restart)
		}
		failFast, _ := b.Get("service_fail_fast_enabled")
		s.FailFast = strings.EqualFold(failFast, "yes")
		timeout, _ := b.Get("service_halt_timeout")
		s.HaltTimeout = seconds(timeout)
		list = append(list, s)
	}
	return list
}

// FileSystem is what a package mounts.
type FileSystem struct {
	// Name is the device, or HOST:NAME of another host; Directory is where it
	// is mounted.
	Name, Directory string
	// Type is empty if mount is to find it out. The options are words of a
	// command line.
	Type, MountOpt, UmountOpt, FsckOpt string
}

// Remote reports whether it is that of another host, which no reservation here
// protects.
func (f FileSystem) Remote() bool { return isRemote(f.Name) }

func isRemote(name string) bool {
	return !strings.HasPrefix(name, "/") && strings.Contains(name, ":/")
}

// FileSystems lists what the package mounts, in the order of mounting.
func (p *Package) FileSystems() []FileSystem {
	var list []FileSystem
	for _, b := range p.Settings.Blocks("fs_name") {
		f := FileSystem{Name: b[0].Value}
		if host, ok := b.Get("fs_server"); ok {
			f.Name = host + ":" + f.Name
		}
		f.Directory, _ = b.Get("fs_directory")
		f.Type, _ = b.Get("fs_type")
		f.MountOpt, _ = b.Get("fs_mount_opt")
		f.UmountOpt, _ = b.Get("fs_umount_opt")
		f.FsckOpt, _ = b.Get("fs_fsck_opt")
		list = append(list, f)
	}
	return list
}

// VGChange is the command that activates a volume group, without its name.
func (p *Package) VGChange() string {
	if cmd, ok := p.Settings.Get("vgchange_cmd"); ok {
		return cmd
	}
	return "vgchange -a y"
}

// RunTimeout is how long starting may take; 0 is for ever.
func (p *Package) RunTimeout() time.Duration {
	v, _ := p.Settings.Get("run_script_timeout")
	return seconds(v)
}

// HaltTimeout is how long halting may take; 0 is for ever.
func (p *Package) HaltTimeout() time.Duration {
	v, _ := p.Settings.Get("halt_script_timeout")
	return seconds(v)
}

// seconds reads a number of seconds; anything else is no limit.
func seconds(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// RetiredNode is a node that was removed. Its id and its key are given to no
// other, and it gets them back.
type RetiredNode struct {
	Name string
	// ID is 0 if it had an explicit key.
	ID  uint16
	Key pr.Key
	// at is where it stands.
	at Position
}
