package commands

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"lunguard/scsi"
)

// supervised is an option that is not for people.
const supervised = "supervise"

// valuesOf lists what an option can have as its value.
func (l *completion) valuesOf(option, word string) []suggestion {
	switch l.applet.name + " " + option {
	case "cmcheckconf cluster", "cmapplyconf cluster", "cmcheckconf package", "cmapplyconf package":
		return wordList(shellFiles)
	case "cmviewcl cluster":
		return wordList(l.clusterConfig().Name)
	case "cmviewcl package":
		return l.allPackages()
	case "cmviewcl format":
		return wordList(string(formatLine), string(formatTable))
	case "cmviewcl level":
		return wordList(string(levelCluster), string(levelNode), string(levelPackage))
	case "cmviewcl source":
		return wordList("config")
	case "pr_watchdog device":
		return l.devices(word, "/dev/watchdog*")
	case "pr_watchdog on-unknown":
		return wordList(onUnknownKeep, onUnknownExpire)
	}
	switch option {
	case "config", "conf", "reference", "file", "html", "prometheus", "scan":
		return wordList(shellFiles)
	case "sim", "install":
		return wordList(shellDirs)
	case "only":
		return l.links()
	case "node":
		return l.nodes()
	case "device":
		return l.disks(word)
	case "key", "param-rk", "param-sark":
		return l.keys()
	case "prout-type":
		return reservationTypes()
	case "log":
		return wordList("stderr", "syslog", "none")
	case "color":
		return wordList("auto", "always", "never")
	}
	return nil
}

// operandsAt lists what an operand can be.
func (l *completion) operandsAt(word string) []suggestion {
	at := len(l.operands)
	switch l.applet.name {
	case self:
		return l.applets()
	case simWord:
		return l.simOperands(word)
	case pageWord:
		return append(l.links(), suggestion{word: self})
	case "vg_pr_key":
		return l.groups(word)
	case "pr_cleanup":
		return l.cleanupWords(word)
	case "sg_persist":
		return l.disks(word)
	case "pr_start", "pr_halt", "cmgetpkgenv", "cmviewcl":
		if at == 0 {
			return l.allPackages()
		}
	case "pr_check", "pr_watchdog", "cmrunpkg", "cmhaltpkg":
		return l.allPackages()
	case "pr_fence":
		if at == 0 {
			return l.nodes()
		}
		return l.allPackages()
	case "pr_cntl":
		if at == 0 {
			return wordList(string(cntlStart), string(cntlStop), string(cntlValidate))
		} else if at == 1 {
			return l.allPackages()
		}
	}
	return nil
}

// applets are what can stand behind lunguard.
func (l *completion) applets() []suggestion {
	if len(l.operands) > 0 {
		return nil
	}
	return append(l.links(), suggestion{simWord, sim().summary}, suggestion{pageWord, "show a manual page"})
}

// links are the applets but lunguard itself.
func (l *completion) links() []suggestion {
	var list []suggestion
	for _, a := range applets() {
		if a.name != self {
			list = append(list, suggestion{a.name, a.summary})
		}
	}
	return list
}

func (l *completion) simOperands(word string) []suggestion {
	if len(l.operands) == 0 {
		var list []suggestion
		for _, t := range simTasks() {
			list = append(list, suggestion{word: t.word})
		}
		return list
	}
	switch l.operands[0] {
	case "write", "read", "fail-path", "restore-path", "reset":
		if len(l.operands) == 1 {
			return l.disks(word)
		}
	case "create", "vgextend", "show", "power-cycle":
		if len(l.operands) == 1 {
			return wordList(shellDirs)
		}
	case "quirks", "faults":
		if len(l.operands) == 1 {
			return wordList(shellFiles)
		}
	}
	return nil
}

// cleanupWords are volume groups, or, behind lun, devices.
func (l *completion) cleanupWords(word string) []suggestion {
	if l.values["file"] != "" {
		return nil
	}
	for _, op := range l.operands {
		if op == lunWord {
			return l.disks(word)
		}
	}
	list := l.groups(word)
	if len(l.operands) == 0 {
		list = append(list, suggestion{lunWord, "devices follow"})
	}
	return list
}

func (l *completion) nodes() []suggestion {
	var list []suggestion
	for _, n := range l.clusterConfig().Nodes {
		list = append(list, suggestion{n.Name, n.Key.String()})
	}
	return list
}

func (l *completion) keys() []suggestion {
	var list []suggestion
	for _, n := range l.clusterConfig().Nodes {
		list = append(list, suggestion{n.Key.String(), n.Name})
	}
	return list
}

func (l *completion) allPackages() []suggestion {
	var list []suggestion
	for _, p := range l.clusterConfig().Packages {
		list = append(list, suggestion{p.Name, string(p.Type)})
	}
	return list
}

// groups are the volume groups of the config, as NAME or /dev/NAME.
func (l *completion) groups(word string) []suggestion {
	var list []suggestion
	for _, p := range l.clusterConfig().Packages {
		for _, g := range p.Groups {
			g = strings.TrimPrefix(g, "/dev/")
			if strings.HasPrefix(word, "/") {
				g = "/dev/" + g
			}
			list = append(list, suggestion{g, p.Name})
		}
	}
	return list
}

// reservationTypes are those of SPC-4, table 213.
func reservationTypes() []suggestion {
	var list []suggestion
	for t := scsi.Type(1); t <= 8; t++ {
		if t != 2 && t != 4 {
			list = append(list, suggestion{strconv.Itoa(int(t)), t.String()})
		}
	}
	return list
}

// disks lists block devices without looking into any: SCSI disks and maps, or
// what is in the folder that the word names.
func (l *completion) disks(word string) []suggestion {
	return l.devices(word, "/dev/sd*[a-z]", "/dev/mapper/*")
}

// devices lists the devices of patterns; if the word names a folder, what is
// in that.
func (l *completion) devices(word string, patterns ...string) []suggestion {
	if strings.HasPrefix(word, "/") && word != "/dev/" {
		dir, _ := path.Split(word)
		patterns = []string{dir + "*"}
		if dir == "/dev/" {
			patterns = append(patterns, "/dev/mapper/*")
		}
	}
	root := l.values["sim"]
	if root == "" {
		root = l.c.getenv(simVariable)
	}
	var list []suggestion
	for _, p := range patterns {
		// A pattern that is none matches nothing.
		files, _ := filepath.Glob(root + p)
		for _, f := range files {
			if name, ok := deviceName(f, root); ok {
				list = append(list, suggestion{word: name})
			}
		}
	}
	return list
}

// deviceName is the name of a device, or of a folder with a slash behind it, on
// the host whose root is given. On a simulated host every file is a device.
func deviceName(file, root string) (string, bool) {
	st, err := os.Stat(file)
	if err != nil {
		return "", false
	}
	name := strings.TrimPrefix(file, root)
	if st.IsDir() {
		return name + "/", true
	}
	isDevice := st.Mode()&fs.ModeDevice != 0 && (st.Mode()&fs.ModeCharDevice == 0 || strings.HasPrefix(name, "/dev/watchdog"))
	return name, root != "" || isDevice
}
