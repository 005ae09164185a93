package session

import (
	"cmp"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lunguard/commands/front"
	"lunguard/vg"
	"lunguard/vg/simhost"
)

// CompleteOnePackage offers the packages to who takes one operand.
func CompleteOnePackage(l *front.Completion, word string) []front.Suggestion {
	if len(l.Operands) > 0 {
		return nil
	}
	return CompletePackages(l, word)
}

// CompleteNodes offers the nodes of the config.
func CompleteNodes(l *front.Completion, _ string) []front.Suggestion {
	var list []front.Suggestion
	for _, n := range clusterConfig(l).Nodes {
		list = append(list, front.Suggestion{Word: n.Name, Meaning: n.Key.String()})
	}
	return list
}

// CompleteOtherNodes offers the nodes of the config but the one that the command acts as.
func CompleteOtherNodes(l *front.Completion, word string) []front.Suggestion {
	own := cmp.Or(l.Values["node"], l.Call.Getenv("SG_NODE"))
	if own == "" {
		// If nobody can tell who this is, all are offered.
		if n, err := clusterConfig(l).NodeHere(hostname(front.SimulatedBy(l.Values["sim"], l.Call.Getenv))); err == nil {
			own = n.Name
		}
	}
	return slices.DeleteFunc(CompleteNodes(l, word), func(s front.Suggestion) bool { return s.Word == own })
}

// hostname is that of this host, or of a simulated one; empty if it cannot be read.
func hostname(sim string) string {
	var host vg.Host = vg.NewSystem()
	if sim != "" {
		h, err := simhost.Open(sim)
		if err != nil {
			return ""
		}
		host = h
	}
	name, _ := host.Hostname()
	return name
}

// CompleteCluster offers the name of the cluster.
func CompleteCluster(l *front.Completion, _ string) []front.Suggestion {
	return front.WordList(clusterConfig(l).Name)
}

// CompleteKeys offers their keys.
func CompleteKeys(l *front.Completion, _ string) []front.Suggestion {
	var list []front.Suggestion
	for _, n := range clusterConfig(l).Nodes {
		list = append(list, front.Suggestion{Word: n.Key.String(), Meaning: n.Name})
	}
	return list
}

// CompletePackages offers the packages of the config.
func CompletePackages(l *front.Completion, _ string) []front.Suggestion {
	var list []front.Suggestion
	for _, p := range clusterConfig(l).Packages {
		list = append(list, front.Suggestion{Word: p.Name, Meaning: string(p.Type)})
	}
	return list
}

// CompleteGroups offers the volume groups of the config, as NAME or /dev/NAME.
func CompleteGroups(l *front.Completion, word string) []front.Suggestion {
	var list []front.Suggestion
	for _, p := range clusterConfig(l).Packages {
		for _, g := range p.Groups {
			g = strings.TrimPrefix(g, "/dev/")
			if strings.HasPrefix(word, "/") {
				g = "/dev/" + g
			}
			list = append(list, front.Suggestion{Word: g, Meaning: p.Name})
		}
	}
	return list
}

// CompleteDisks offers block devices without looking into any: SCSI disks and maps, or
// what is in the folder that the word names.
func CompleteDisks(l *front.Completion, word string) []front.Suggestion {
	return CompleteDevices("/dev/sd*[a-z]", "/dev/mapper/*")(l, word)
}

// CompleteDevices offers the devices of patterns; if the word names a folder, what
// is in that.
func CompleteDevices(patterns ...string) front.Completer {
	return func(l *front.Completion, word string) []front.Suggestion {
		at := patterns
		if strings.HasPrefix(word, "/") && word != "/dev/" {
			dir, _ := path.Split(word)
			at = []string{dir + "*"}
			if dir == "/dev/" {
				at = append(at, "/dev/mapper/*")
			}
		}
		root := front.SimulatedBy(l.Values["sim"], l.Call.Getenv)
		var list []front.Suggestion
		for _, p := range at {
			// A pattern that is none matches nothing.
			files, _ := filepath.Glob(root + p)
			for _, f := range files {
				if name, ok := deviceName(f, root); ok {
					list = append(list, front.Suggestion{Word: name})
				}
			}
		}
		return list
	}
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
